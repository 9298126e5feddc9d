"""The order of examples: mixtures by weight, the curriculum, and resuming either at any cursor."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer_client.config import AdditionConfig, DataConfig
from trainer_client.config.data import CurriculumConfig, PassRateConfig
from trainer_client.data import (
    Curriculum,
    Mixture,
    PassRate,
    Shuffled,
    open_stream,
    read_pass_rates,
    write_pass_rates,
)
from trainer_client.data.curriculum import draw_weights, smoothed, weighted_places
from trainer_client.data.order import BLOCK, block_shares
from trainer_client.data.pass_rates import within
from trainer_client.errors import DataError
from trainer_client.types import Example, Judged, Prompt, Rollout, RolloutGroup, RolloutScore, ScoredGroup


def examples(count: int, name: str = "") -> list[Example]:
    return [Example(f"{name}{number}", f"{number}", "0") for number in range(count)]


def mixture() -> Mixture:
    return Mixture([(examples(30, "a"), 3.0), (examples(5000, "b"), 1.0)])


def test_parts_are_drawn_by_weight_in_every_block_and_each_part_goes_round() -> None:
    stream = Shuffled(mixture(), 0, "rl")
    for _ in range(3):
        drawn = Counter(example.id[0] for example in stream.take(BLOCK))
        assert drawn == {"a": 750, "b": 250}
    rare = [example.id for example in Shuffled(mixture(), 0, "rl").take(4 * BLOCK) if example.id[0] == "b"]
    assert len(set(rare)) == len(rare) == 1000
    often = [example.id for example in Shuffled(mixture(), 0, "rl").take(BLOCK) if example.id[0] == "a"]
    assert set(Counter(often).values()) == {25}


@given(st.integers(0, 3 * BLOCK), st.integers(1, 60))
def test_a_mixture_goes_on_from_any_cursor(cursor: int, count: int) -> None:
    whole = Shuffled(mixture(), 3, "rl")
    whole.take(cursor)
    resumed = Shuffled(mixture(), 3, "rl")
    resumed.restore(whole.state())
    assert resumed.take(count) == whole.take(count)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20))
def test_shares_of_a_block_add_up_and_none_is_forgotten(weights: list[float]) -> None:
    shares = block_shares(weights)
    assert sum(shares) == BLOCK
    assert min(shares) >= 1
    assert all(abs(share - weight / sum(weights) * BLOCK) <= 21 for share, weight in zip(shares, weights, strict=True))


def test_plain_order_learns_nothing_from_scores() -> None:
    stream, other = Shuffled(examples(9), 0, "rl"), Shuffled(examples(9), 0, "rl")
    stream.observe([scored("3", [1.0, 0.0])])
    assert stream.take(20) == other.take(20)


def scored(name: str, values: list[float | None], judged: Judged = Judged.SCORED) -> ScoredGroup:
    rollout = Rollout(torch.zeros(1, dtype=torch.long), torch.zeros(1), torch.zeros(1), "", False, 0)
    scores = tuple(RolloutScore(judged, value, {"math": value}) for value in values)
    return ScoredGroup(RolloutGroup(Prompt(Example(name, "", ""), "", (1,)), (rollout,) * len(values)), scores)


def curriculum(count: int = 200, seed: int = 0, **settings: object) -> Curriculum:
    return Curriculum(examples(count), CurriculumConfig.model_validate(settings), seed, "math")


def test_counts_fade_and_only_scored_completions_count() -> None:
    stream = curriculum(memory=0.5)
    stream.observe([scored("3", [1.0, 0.0, 0.0, 0.9]), scored("4", [None, None]), scored("no such problem", [1.0])])
    stream.observe([scored("3", [1.0, 1.0, None]), scored("5", [0.0], Judged.UNSCORED)])
    # first 1 of 4; half of that stays, 0.5 of 2, and 2 of 2 come to it: 2.5 of 4
    assert stream.pass_rates() == {"3": PassRate(2.5 / 4, 4.0)}


def test_weights_are_the_variance_of_the_reward_or_the_share_of_failures() -> None:
    passes, samples = np.array([0.0, 4.0, 2.0, 1.0]), np.array([0.0, 4.0, 4.0, 4.0])
    rates = smoothed(passes, samples, 2.0)
    assert rates.tolist() == [0.5, 5 / 6, 0.5, 2 / 6]
    middling = draw_weights(rates, CurriculumConfig())
    np.testing.assert_allclose(middling, [1.0, 4 * 5 / 36, 1.0, 4 * 2 / 9])
    hard = draw_weights(np.array([0.0, 0.25, 1.0]), CurriculumConfig(favour="hard", floor=0.1))
    assert hard.tolist() == [1.0, 0.75, 0.1]


def test_draws_are_in_proportion_to_the_weights() -> None:
    rng = np.random.default_rng(0)
    weights = np.array([1.0, 2.0, 5.0])
    first = Counter(weighted_places(weights, 2, rng)[0] for _ in range(20_000))
    for place, weight in enumerate(weights):
        assert first[place] / 20_000 == pytest.approx(weight / 8, abs=0.015)
    second = Counter(tuple(weighted_places(weights, 2, rng)) for _ in range(20_000))
    assert second[(2, 1)] / 20_000 == pytest.approx(5 / 8 * 2 / 3, abs=0.015)


def test_problems_of_middling_difficulty_come_more_often_and_all_come_back() -> None:
    stream = curriculum(30, floor=0.05, memory=1.0)
    always, never = [str(n) for n in range(10)], [str(n) for n in range(10, 20)]
    stream.observe([scored(name, [1.0] * 100) for name in always] + [scored(name, [0.0] * 100) for name in never])
    drawn = Counter(example.id for _ in range(3000) for example in stream.take(1))
    middling = sum(drawn[str(n)] for n in range(20, 30))
    # weights: 10 of 1 and 20 of the floor
    assert middling / 3000 == pytest.approx(10 / 11, abs=0.03)
    assert all(drawn[name] for name in (*always, *never))


def test_one_draw_repeats_nothing_until_all_were_drawn() -> None:
    taken = [example.id for example in curriculum(7).take(17)]
    assert sorted(taken[:7]) == sorted(taken[7:14]) == [str(n) for n in range(7)]
    assert len(set(taken[14:])) == 3


def test_a_curriculum_resumes_exactly_through_a_checkpoint(tmp_path: Path) -> None:
    whole = curriculum(50)
    for step in range(5):
        taken = whole.take(8)
        whole.observe([scored(example.id, [float((int(example.id) + step) % 2), 1.0]) for example in taken])
    torch.save({"data": whole.state()}, tmp_path / "trainer.pt")
    resumed = curriculum(50)
    resumed.restore(torch.load(tmp_path / "trainer.pt", weights_only=True)["data"])
    assert resumed.cursor == whole.cursor == 40
    for _ in range(5):
        assert resumed.take(8) == whole.take(8)
    assert json.loads(json.dumps(resumed.state())) == whole.state()


def test_problems_that_share_an_id_are_refused() -> None:
    with pytest.raises(DataError, match="1 of 3 problems share an id"):
        Curriculum([*examples(2), Example("0", "other", "")], CurriculumConfig(), 0, "math")


def test_pass_rates_come_back_as_they_were_written(tmp_path: Path) -> None:
    rates = {"a": PassRate(0.25, 8.0), "ü/1": PassRate(1.0, 2.5)}
    write_pass_rates(tmp_path / "rates.jsonl", rates)
    assert read_pass_rates(tmp_path / "rates.jsonl") == rates
    assert [path.name for path in tmp_path.iterdir()] == ["rates.jsonl"]


@pytest.mark.parametrize(
    "line", ["{", "[]", "{}", '{"id": 1}', '{"id": 1, "pass_rate": 1.5}', '{"id": 1, "pass_rate": "x"}']
)
def test_faulty_pass_rates_are_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "rates.jsonl").write_text('{"id": 1, "pass_rate": null}\n' + line + "\n")
    with pytest.raises(DataError, match=r"rates\.jsonl:2"):
        read_pass_rates(tmp_path / "rates.jsonl")


def test_range_of_pass_rates_is_inclusive(tmp_path: Path) -> None:
    rates = {str(n): PassRate(n / 4, 4.0) for n in range(5)}
    config = PassRateConfig(file=tmp_path, least=0.25, most=0.75)
    assert [e.id for e in examples(7) if within(config, rates)(e)] == ["1", "2", "3", "5", "6"]
    dropping = config.model_copy(update={"unmeasured": "drop"})
    assert [e.id for e in examples(7) if within(dropping, rates)(e)] == ["1", "2", "3"]


def test_only_rl_follows_the_curriculum_and_it_may_begin_with_measured_rates(tmp_path: Path) -> None:
    write_pass_rates(tmp_path / "rates.jsonl", {"1": PassRate(0.5, 4.0)})
    config = DataConfig(addition=AdditionConfig(), curriculum=CurriculumConfig(start=tmp_path / "rates.jsonl"))
    assert isinstance(open_stream(examples(3), config, 0, "sft", "math"), Shuffled)
    stream = open_stream(examples(3), config, 0, "rl", "math")
    assert isinstance(stream, Curriculum)
    assert stream.pass_rates() == {"1": PassRate(0.5, 4.0)}


ORDER = """
from tests.unit.trainer_client.test_trainer_data_order import curriculum, mixture
from trainer_client.data import Shuffled
print([e.id for e in Shuffled(mixture(), 5, "rl").take(40)], [e.id for e in curriculum(50, 5).take(20)])
"""


def test_the_order_is_the_same_in_another_process() -> None:
    done = subprocess.run([sys.executable, "-c", ORDER], capture_output=True, text=True, check=True)
    mixed = [example.id for example in Shuffled(mixture(), 5, "rl").take(40)]
    assert done.stdout.strip() == f"{mixed} {[example.id for example in curriculum(50, 5).take(20)]}"
