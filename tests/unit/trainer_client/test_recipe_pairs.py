"""Pairs out of judged completions."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_client.config.recipes import PairsConfig
from trainer_client.errors import DataError
from trainer_client.recipes.pairs import choose_pairs, write_pairs
from trainer_client.recipes.rows import RowFile, RowGroups


def row(text: str, right: float | None, reward: float | None = None, tokens: int = 5, **more: Any) -> dict[str, Any]:
    base = {"prompt": "1+1=", "ground_truth": "2", "truncated": False, "components": {"math": right}}
    reward = right if reward is None else reward
    return base | {"completion": text, "reward": reward, "completion_tokens": tokens} | more


def config(**settings: Any) -> PairsConfig:
    return PairsConfig.model_validate({"path": "unused", **settings})


def texts(pairs: list[tuple[Any, Any]]) -> set[tuple[str, str]]:
    return {(right["completion"], wrong["completion"]) for right, wrong in pairs}


def test_right_is_set_against_wrong_and_nothing_else() -> None:
    rows = [row("a", 1.0), row("b", 0.0), row("c", None), row("d", 1.0), row("e", None, None)]
    assert texts(choose_pairs(rows, config(per_prompt=9), "0")) == {("a", "b"), ("d", "b")}


def test_reward_orders_pairs_where_it_is_asked_for() -> None:
    rows = [row("a", 1.0, 1.2), row("b", 1.0, 1.0), row("c", 0.0, 0.2)]
    pairs = choose_pairs(rows, config(by="reward", per_prompt=9), "0")
    assert texts(pairs) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert texts(choose_pairs(rows, config(by="reward", min_gap=0.9, per_prompt=9), "0")) == {("a", "c")}


def test_truncated_completions_are_never_chosen_and_rejected_on_request() -> None:
    rows = [row("a", 1.0), row("cut right", 1.0, truncated=True), row("cut wrong", 0.0, truncated=True)]
    assert choose_pairs(rows, config(), "0") == []
    assert texts(choose_pairs(rows, config(truncated=True), "0")) == {("a", "cut wrong")}


def test_same_text_on_both_sides_is_no_pair() -> None:
    assert choose_pairs([row("a", 1.0), row("a", 0.0)], config(), "0") == []


def test_every_completion_is_used_before_one_is_used_again() -> None:
    rows = [row(f"right {n}", 1.0) for n in range(3)] + [row(f"wrong {n}", 0.0) for n in range(3)]
    for seed in range(20):
        pairs = choose_pairs(rows, config(per_prompt=3), str(seed))
        assert len({right for right, _ in texts(pairs)}) == len({wrong for _, wrong in texts(pairs)}) == 3


def test_balance_keeps_chosen_as_long_as_rejected() -> None:
    rows = [row("short right", 1.0, tokens=10), row("long right", 1.0, tokens=30), row("wrong", 0.0, tokens=20)]
    plain = [choose_pairs(rows, config(per_prompt=1), str(seed))[0][0]["completion"] for seed in range(40)]
    assert set(plain) == {"short right", "long right"}
    pair = choose_pairs(rows, config(per_prompt=1, balance_length=True), "0", drift=15)[0]
    assert pair[0]["completion"] == "short right"  # 15 - 10 is closer to zero than 15 + 10
    pair = choose_pairs(rows, config(per_prompt=1, balance_length=True), "0", drift=-15)[0]
    assert pair[0]["completion"] == "long right"


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))


def test_groups_are_found_wherever_their_rows_lie(tmp_path: Path) -> None:
    judged, target = tmp_path / "judged.jsonl", tmp_path / "pairs.jsonl"
    other = {"prompt": "2+2=", "ground_truth": "4"}
    write(judged, [row("a", 1.0), row("x", 1.0) | other, row("b", 0.0), row("y", 1.0) | other, row("z", 0.0) | other])
    count = write_pairs(config(path=judged, per_prompt=1), 0, target, lambda pair: True)
    pairs = list(RowFile(target))
    assert [pair["prompt"] for pair in pairs] == ["1+1=", "2+2="]
    assert (pairs[0]["chosen"], pairs[0]["rejected"]) == ("a", "b")
    assert (count.prompts, count.pairs, count.without_contrast) == (2, 2, 0)


def test_pairs_that_do_not_fit_are_counted(tmp_path: Path) -> None:
    judged = tmp_path / "judged.jsonl"
    write(judged, [row("a", 1.0), row("b", 0.0)])
    with pytest.raises(DataError, match="1 pairs do not fit"):
        write_pairs(config(path=judged), 0, tmp_path / "pairs.jsonl", lambda pair: False)
    assert not (tmp_path / "pairs.jsonl").exists()


def test_rows_that_are_not_judged_are_refused(tmp_path: Path) -> None:
    judged = tmp_path / "judged.jsonl"
    write(judged, [{"prompt": "1+1=", "completion": "2"}])
    with pytest.raises(DataError, match=r"judged.jsonl:1: .* needs .*keep_all"):
        write_pairs(config(path=judged), 0, tmp_path / "pairs.jsonl", lambda pair: True)


def test_verdicts_by_other_rules_are_in_no_pair(tmp_path: Path) -> None:
    judged = tmp_path / "judged.jsonl"
    write(
        judged, [row("a", 1.0, provenance={"profile_hash": "old"}), row("b", 0.0, provenance={"profile_hash": "new"})]
    )
    with pytest.raises(DataError, match="2 of 2 prompts have no right and wrong"):
        write_pairs(config(path=judged), 0, tmp_path / "pairs.jsonl", lambda pair: True)


def test_prompts_that_differ_are_never_paired_whatever_their_ids(tmp_path: Path) -> None:
    """As two files of problems that number their rows alike, put together."""
    judged = tmp_path / "judged.jsonl"
    other = {"prompt": "2+2=", "ground_truth": "4", "prompt_id": "1"}
    chat = {"prompt": [{"role": "user", "content": "1+1="}], "prompt_id": "1"}
    write(judged, [row("a", 1.0, prompt_id="1"), row("b", 0.0) | other, row("c", 0.0) | chat])
    with pytest.raises(DataError, match="3 of 3 prompts"):
        write_pairs(config(path=judged), 0, tmp_path / "pairs.jsonl", lambda pair: True)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"prompt": 5}, "expected text or chat messages under 'prompt', got '5'"),
        ({"completion": None}, "expected text under 'completion', got 'None'"),
        ({"reward": "1"}, "expected a number or null under 'reward', got '1'"),
        ({"components": None}, "expected an object of numbers under 'components', got 'None'"),
        ({"truncated": 1}, "expected true or false under 'truncated', got '1'"),
        ({"completion": "\ud83d"}, "half of a character"),
    ],
)
def test_rows_of_another_kind_are_named(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    judged = tmp_path / "judged.jsonl"
    write(judged, [row("a", 1.0), row("b", 0.0) | more])
    with pytest.raises(DataError, match=f"judged.jsonl:2: .*{message}"):
        write_pairs(config(path=judged), 0, tmp_path / "pairs.jsonl", lambda pair: True)


def test_a_line_that_was_cut_off_is_named(tmp_path: Path) -> None:
    judged = tmp_path / "judged.jsonl"
    judged.write_text(json.dumps(row("a", 1.0)) + '\n\n{"prompt": "1+')
    with pytest.raises(DataError, match=r"judged\.jsonl:3: not JSON"):
        write_pairs(config(path=judged), 0, tmp_path / "pairs.jsonl", lambda pair: True)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_groups_of_rows_are_those_of_a_dictionary(made: list[tuple[int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(f'{{"name": "{name}", "place": {place}}}\n' + "\n" * blank
                                for place, (name, blank) in enumerate(made)))  # fmt: skip
        groups = RowGroups(path, lambda row, _: str(row["name"]))
        found = {name: [row["place"] for row in rows] for name, rows in groups}
    expected: dict[str, list[int]] = {}
    for place, (name, _) in enumerate(made):
        expected.setdefault(str(name), []).append(place)
    assert found == expected
    assert list(found) == list(expected)
    assert len(groups) == len(expected)
