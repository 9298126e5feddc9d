"""Needs the package reasoning-gym; the tables of holes are those of its version 0.1.25."""

import json
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from reward_server.checks.base import CheckInput, Verdict
from reward_server.checks.reasoning_gym import ReasoningGym, ReasoningGymParams
from reward_server.errors import GroundTruthInvalid
from reward_server.puzzles import gym
from reward_server.puzzles.gym_rules import REFUSED, RULES

CHECK = ReasoningGym()
GCD = {"answer": "8", "metadata": {"source_dataset": "gcd", "numbers": [16, 24]}}

pytestmark = pytest.mark.filterwarnings("ignore")  # of the package: files that it leaves open

needs_package = pytest.mark.skipif(find_spec("reasoning_gym") is None, reason="needs the extra `puzzles`")


def judge(answer: str, row: Any, **params: object) -> Verdict:
    asked = ReasoningGymParams.model_validate(params)
    verdict = CHECK.judge(CheckInput(f"<answer>{answer}</answer>", row), asked)
    assert set(verdict.detail) == set(CHECK.detail)
    return verdict


@cache
def rows(name: str, seed: int = 3, size: int = 2) -> list[dict[str, Any]]:
    """Items of the package's own generator, as they look behind JSON."""
    import reasoning_gym

    items = reasoning_gym.create_dataset(name, seed=seed, size=size)
    return [json.loads(json.dumps(items[index], default=str)) for index in range(size)]


def names() -> list[str]:
    if find_spec("reasoning_gym") is None:
        return []
    from reasoning_gym.factory import DATASETS

    return sorted(set(DATASETS) - set(REFUSED))


def package_score(name: str, answer: str, row: dict[str, Any]) -> float:
    from reasoning_gym.factory import get_score_answer_fn

    return float(get_score_answer_fn(name)(answer, json.loads(json.dumps(row))))


@needs_package
@pytest.mark.parametrize("name", names())
def test_the_reference_of_every_data_set_passes_behind_json_and_other_text_does_not(name: str) -> None:
    for row in rows(name):
        stated = CHECK.read_gold(CheckInput("", row), ReasoningGymParams()).answer
        if stated is not None:
            assert CHECK.judge(CheckInput(stated, json.dumps(row)), ReasoningGymParams()).value == 1.0
        assert judge("this is surely wrong 17", row).value == 0.0
        assert "verifier_not_read" not in judge("x", row).flags


@needs_package
def test_every_data_set_is_read_ruled_or_refused() -> None:
    from reasoning_gym.factory import DATASETS

    assert not (gym.READ & set(RULES)), "a data set is read or has a rule, not both"
    assert set(DATASETS) <= gym.READ | set(RULES) | set(REFUSED)


def _extended(row: dict[str, Any]) -> str:
    board = json.loads(row["answer"])
    return json.dumps([[*line, 7] for line in board] + [[1]])


def _off_by_half(row: dict[str, Any]) -> str:
    return json.dumps([str(float(one) + 0.5) for one in json.loads(row["answer"].replace("'", '"'))])


PAID: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
    ("game_of_life_halting", lambda row: "anything"),
    ("word_sorting", lambda row: row["answer"] + ", and, more"),
    ("letter_jumble", lambda row: row["answer"] + " and more"),
    ("game_of_life", _extended),
    ("complex_arithmetic", lambda row: "nan"),
    ("puzzle24", lambda row: "4*6*1*1"),
    ("number_sorting", _off_by_half),
    ("gsm_symbolic", lambda row: row["answer"] + " or 7"),
]


@needs_package
@pytest.mark.parametrize(("name", "cheat"), PAID)
def test_a_wrong_answer_that_the_package_pays_in_full_is_wrong(
    name: str, cheat: Callable[[dict[str, Any]], str]
) -> None:
    row = rows(name)[0]
    assert package_score(name, cheat(row), row) > 0.999
    assert judge(cheat(row), row).value == 0.0
    assert judge(cheat(row), row, partial="package").value == 0.0


def test_a_negative_reference_of_the_calendar_does_not_let_every_number_pass() -> None:
    row = {"answer": "-1", "metadata": {"source_dataset": "calendar_arithmetic", "task": "count_days"}}
    assert judge("100", row).value == 0.0
    assert judge("-1", row).value == 1.0


@needs_package
def test_a_reference_inside_a_long_answer_earns_nothing_unless_asked_for() -> None:
    listed = " ".join(str(number) for number in range(20))
    assert judge(listed, GCD).value == 0.0
    assert 0 < judge("8 or 9", GCD, partial="package").value < 1  # type: ignore[operator]


@needs_package
def test_there_is_no_floor_for_wrong_answers() -> None:
    row = rows("cryptarithm")[0]
    letters = sorted({letter for word in row["metadata"]["words_letters"] for letter in word})
    answer = ",".join(f"{letter}=1" for letter in letters)
    assert package_score("cryptarithm", answer, row) == 0.01
    assert judge(answer, row, partial="package").value == 0.0


CODE = "__import__('pathlib').Path({place!r}).touch()"
EVALUATING = ["string_insertion", "spiral_matrix", "binary_matrix", "n_queens", "countdown", "puzzle24",
              "polynomial_multiplication", "simple_integration"]  # fmt: skip


@needs_package
@pytest.mark.parametrize("name", EVALUATING)
def test_an_answer_is_never_run_as_code_though_the_package_would(name: str, tmp_path: Path) -> None:
    place, row = tmp_path / "pwned", rows(name)[0]
    code = CODE.format(place=str(place))
    assert judge(code, row).value == 0.0
    assert not place.exists()
    package_score(name, code, row)
    assert place.exists(), "the package no longer runs answers here: its own verifier may be used again"


@needs_package
def test_a_row_is_never_run_as_code(tmp_path: Path) -> None:
    place = tmp_path / "pwned"
    row = rows("bitwise_arithmetic")[0]
    row = {**row, "metadata": {**row["metadata"], "problem": CODE.format(place=str(place))}}
    judge("0", row)
    row = {"answer": CODE.format(place=str(place)), "metadata": {"source_dataset": "number_sorting"}}
    with pytest.raises(GroundTruthInvalid):
        judge("[1]", row)
    assert not place.exists()


@needs_package
@pytest.mark.parametrize("name", EVALUATING)
def test_even_the_package_s_own_verifiers_run_no_code_here(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a later version may bring: a verifier that nobody has read."""
    monkeypatch.delitem(RULES, name)
    gym._require_oracle.cache_clear()
    place, row = tmp_path / "pwned", rows(name)[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gym, "_require_oracle", lambda text: None)
        verdict = judge(CODE.format(place=str(place)), row)
    assert verdict.flags == ("verifier_unsafe", "verifier_not_read")
    assert (verdict.value, place.exists()) == (0.0, False)


def test_rows_whose_verifier_runs_code_and_has_no_rule_are_refused() -> None:
    row = {"answer": "x", "metadata": {"source_dataset": "intermediate_integration", "integrand": "1"}}
    with pytest.raises(GroundTruthInvalid, match="Python code"):
        judge("x", row)


@needs_package
def test_a_row_whose_own_answer_fails_is_no_zero() -> None:
    row = rows("sudoku")[0]
    with pytest.raises(GroundTruthInvalid, match="does not pass"):
        judge("x", {**row, "answer": "1 2 3"})
    with pytest.raises(GroundTruthInvalid):
        judge("x", {"answer": "1", "metadata": {"source_dataset": "survo"}})


@needs_package
def test_a_verifier_that_crashes_over_an_answer_scores_it_zero_and_flags_it() -> None:
    row = rows("propositional_logic")[0]
    verdict = judge("¬" * 1_000, row)
    assert (verdict.value, verdict.flags) == (0.0, ("verifier_crashed",))
    assert judge("¬" * 1_001, row).detail["failed"] == "too_long"


@needs_package
@pytest.mark.parametrize(
    "wrapped",
    [
        json.dumps(GCD),
        json.dumps(json.dumps(GCD)),
        {"reward_model": {"ground_truth": json.dumps(GCD)}},
        {"extra_info": {"entry": GCD}},
        {**GCD, "metadata": json.dumps(GCD["metadata"])},
        {"question": "gcd of 16 and 24?", **GCD},
    ],
)
def test_the_row_is_read_in_every_wrapping(wrapped: Any) -> None:
    assert judge("8", wrapped).value == 1.0
    assert judge("7", wrapped).value == 0.0


@pytest.mark.parametrize(
    "gold",
    [
        None,
        "8",
        {},
        {"answer": "8"},
        {"answer": "8", "metadata": {}},
        {"answer": 8, "metadata": GCD["metadata"]},
        [GCD],
    ],
)
def test_an_unusable_row_is_no_zero(gold: Any) -> None:
    with pytest.raises(GroundTruthInvalid):
        judge("8", gold)


@needs_package
def test_an_unknown_data_set_is_the_row_s_fault() -> None:
    with pytest.raises(GroundTruthInvalid, match="no data set"):
        judge("8", {"answer": "8", "metadata": {"source_dataset": "no_such"}})


@needs_package
def test_no_answer_and_two_answers_are_named() -> None:
    assert CHECK.judge(CheckInput("<think>8", GCD), ReasoningGymParams()).detail["failed"] == "no_answer"
    text = "<answer>7</answer><answer>8</answer>"
    assert CHECK.judge(CheckInput(text, GCD), ReasoningGymParams()).detail["failed"] == "several_answers"


def test_it_always_judges_in_a_worker_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHECK.judge_in_place(CheckInput("<answer>8</answer>", GCD), ReasoningGymParams()) is None
    monkeypatch.setattr("reward_server.checks.reasoning_gym.find_spec", lambda name: None)
    assert "assay[puzzles]" in str(CHECK.unavailable(ReasoningGymParams()))
