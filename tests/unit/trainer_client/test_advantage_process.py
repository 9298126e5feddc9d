"""Process supervision: which token a step ends on, and what every token gets for the steps after it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from reward_server.wire import StepReward
from trainer_client.advantages import Step, process_advantages, steps_on_tokens, token_of_character
from trainer_client.advantages.process import with_outcome_as_step
from trainer_client.config.advantage import AdvantageConfig, ProcessConfig

EXACT = AdvantageConfig(ddof=0, eps=0.0)


@dataclass(frozen=True)
class Span:
    start: int
    end: int
    value: float


def everyone(prompts: int, group: int) -> Tensor:
    return torch.ones(prompts, group, dtype=torch.bool)


def naive(
    steps: list[list[Step]], scored: Tensor, width: int, ddof: int, eps: float, scale: str = "group"
) -> list[list[float]]:
    """The paper's words as loops."""
    prompts, group = scored.shape
    counts = scored.flatten().tolist()
    in_batch = [step.value for row, own in enumerate(steps) for step in own if counts[row]]
    result = [[0.0] * width for _ in steps]
    for p in range(prompts):
        members = [row for row in range(p * group, (p + 1) * group) if counts[row]]
        values = [step.value for row in members for step in steps[row]]
        if len(values) < 2 or max(values) == min(values):
            continue
        mean = sum(values) / len(values)
        spread_of = values if scale == "group" else in_batch
        centre = sum(spread_of) / len(spread_of)
        spread = math.sqrt(sum((v - centre) ** 2 for v in spread_of) / max(len(spread_of) - ddof, 1)) + eps
        divisor = 1.0 if scale == "none" else spread
        for row in members:
            for t in range(width):
                result[row][t] = sum((s.value - mean) / divisor for s in steps[row] if s.token_index >= t)
    return result


def test_numbers_worked_by_hand() -> None:
    # steps 1, 0 | 1: mean 2/3, variance (1/9 + 4/9 + 1/9) / 3 = 2/9
    right, wrong = (1 / 3) / math.sqrt(2 / 9), (-2 / 3) / math.sqrt(2 / 9)
    steps = [[Step(1, 1.0), Step(3, 0.0)], [Step(2, 1.0)]]
    got = process_advantages(steps, everyone(1, 2), 5, EXACT)
    assert got[0].tolist() == pytest.approx([right + wrong, right + wrong, wrong, wrong, 0.0], abs=1e-12)
    assert got[1].tolist() == pytest.approx([right, right, right, 0.0, 0.0], abs=1e-12)


def test_a_step_reward_of_zero_counts_in_the_statistics() -> None:
    # left out, the zero would leave 1 and 3 with mean 2; with it the mean is 4/3
    steps = [[Step(0, 0.0), Step(1, 1.0)], [Step(1, 3.0)]]
    got = process_advantages(steps, everyone(1, 2), 2, AdvantageConfig(scale="none"))
    assert got[1].tolist() == pytest.approx([5 / 3, 5 / 3], abs=1e-12)
    assert got[0].tolist() == pytest.approx([-4 / 3 - 1 / 3, -1 / 3], abs=1e-12)


def test_steps_that_end_at_one_token_all_count() -> None:
    steps = [[Step(1, 1.0), Step(1, 1.0), Step(1, 0.0)], [Step(0, 0.0)]]
    got = process_advantages(steps, everyone(1, 2), 2, AdvantageConfig(scale="none"))
    assert got[0].tolist() == pytest.approx([0.5, 0.5], abs=1e-12)
    assert got[1].tolist() == pytest.approx([-0.5, 0.0], abs=1e-12)


step_lists = st.lists(
    st.builds(Step, st.integers(0, 6), st.sampled_from([0.0, 0.25, 1.0, -2.0])), min_size=0, max_size=4
)


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
@given(steps=st.lists(step_lists, min_size=6, max_size=6), missing=st.sets(st.integers(0, 5)))
def test_it_is_the_loop_over_the_formula(
    scale: Literal["group", "batch", "none"], steps: list[list[Step]], missing: set[int]
) -> None:
    scored = torch.tensor([row not in missing for row in range(6)]).reshape(2, 3)
    config = AdvantageConfig(scale=scale, ddof=1, eps=1e-3)
    expected = torch.tensor(naive(steps, scored, 7, 1, 1e-3, scale), dtype=torch.float64)
    assert torch.allclose(process_advantages(steps, scored, 7, config), expected, rtol=0.0, atol=1e-10)


def test_steps_of_unscored_members_change_nothing_and_get_nothing() -> None:
    scored = torch.tensor([[True, False, True]])
    kept = [[Step(0, 1.0)], [], [Step(2, 0.0)]]
    spoilt = [kept[0], [Step(1, math.nan), Step(2, 50.0)], kept[2]]
    got = process_advantages(spoilt, scored, 3, EXACT)
    assert torch.equal(got, process_advantages(kept, scored, 3, EXACT))
    assert got[1].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("value", [0.0, 0.1, 1.2])
def test_equal_step_rewards_give_exact_zeros(value: float) -> None:
    steps = [[Step(0, value), Step(2, value)], [Step(1, value)], []]
    assert not process_advantages(steps, everyone(1, 3), 3, AdvantageConfig(eps=0.0)).any()


def test_a_group_without_steps_and_one_step_alone_give_zeros() -> None:
    assert not process_advantages([[], []], everyone(1, 2), 3, EXACT).any()
    assert not process_advantages([[Step(1, 1.0)], []], everyone(1, 2), 3, EXACT).any()


def test_the_outcome_as_the_only_step_is_outcome_supervision() -> None:
    rewards = torch.tensor([[0.0, 1.0, 1.0]], dtype=torch.float64)
    ends = torch.tensor([1, 3, 0])  # the last completion is one token
    steps = with_outcome_as_step([[], [], []], rewards, ends, ProcessConfig(outcome_as_step=True))
    got = process_advantages(steps, everyone(1, 3), 4, AdvantageConfig(eps=0.0))
    expected = (rewards[0] - rewards.mean()) / rewards.std()
    for row, end in enumerate(ends.tolist()):
        assert got[row, : end + 1].tolist() == pytest.approx([float(expected[row])] * (end + 1), abs=1e-12)
        assert not got[row, end + 1 :].any()


def test_weights_apply_before_steps_and_outcome_are_normalised_together() -> None:
    config = ProcessConfig(outcome_weight=3.0, step_weight=0.5, outcome_as_step=True)
    rewards = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    joined = with_outcome_as_step([[Step(0, 1.0)], [Step(1, 4.0)]], rewards, torch.tensor([2, -1]), config)
    assert joined == [[Step(0, 0.5), Step(2, 6.0)], [Step(1, 2.0)]]


@pytest.mark.parametrize("index", [-1, 4])
def test_a_step_outside_the_tokens_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match=r"row 1: expected a step at token 0\.\.3"):
        process_advantages([[], [Step(index, 1.0)]], everyone(1, 2), 4, EXACT)


def test_characters_are_found_in_their_tokens() -> None:
    # "ab" | "c" | "" (an end token, or half a character) | "def"
    ends = torch.tensor([2, 3, 3, 6])
    assert token_of_character(torch.arange(6), ends).tolist() == [0, 0, 1, 3, 3, 3]


@given(st.lists(st.text(alphabet="aé漢😀 ", max_size=3), min_size=1, max_size=12))
def test_every_character_is_found_in_the_token_it_came_from(pieces: list[str]) -> None:
    ends = torch.tensor([len("".join(pieces[: t + 1])) for t in range(len(pieces))])
    origin = [t for t, piece in enumerate(pieces) for _ in piece]
    assert token_of_character(torch.arange(len(origin)), ends).tolist() == origin


@pytest.mark.parametrize("offset", [-1, 6, 100])
def test_an_offset_outside_the_text_is_refused(offset: int) -> None:
    with pytest.raises(ValueError, match=r"expected character offsets in 0\.\.5"):
        token_of_character(torch.tensor([offset]), torch.tensor([2, 6]))


def test_completion_without_tokens_holds_no_character() -> None:
    nothing = torch.zeros(0, dtype=torch.long)
    assert token_of_character(nothing, nothing).tolist() == []
    with pytest.raises(ValueError, match=r"the text of the 0 tokens, got 0\.\.0"):
        token_of_character(torch.tensor([0]), nothing)


def test_columns_of_a_larger_tensor_are_searched_without_a_warning() -> None:
    both = torch.tensor([[2, 0], [5, 3], [6, 5]])
    assert token_of_character(both[:, 1], both[:, 0]).tolist() == [0, 1, 2]


def test_steps_of_the_server_end_at_the_token_of_their_last_character() -> None:
    # "7+8" "=15" "\n" "5" "+1=16" <end>
    ends = torch.tensor([3, 6, 7, 8, 13, 13])
    spans = [
        StepReward(component="arithmetic", start=0, end=6, value=1.0),
        StepReward(component="arithmetic", start=6, end=8, value=0.0),
        StepReward(component="arithmetic", start=8, end=13, value=0.5),
    ]
    assert steps_on_tokens(spans, ends) == (Step(1, 1.0), Step(3, 0.0), Step(4, 0.5))
    assert steps_on_tokens([], ends) == ()


def test_an_empty_step_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one character"):
        steps_on_tokens([Span(2, 2, 1.0)], torch.tensor([4]))
