"""One row of each data set, as it is published: which check judges it, and what it reads."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from reward_server.checks.base import CheckInput, GoldView
from reward_server.checks.registry import checks
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.detect import kind_of

CASES = [json.loads(line) for line in (Path(__file__).parent / "cases" / "rows.jsonl").read_text().splitlines()]
READ = [case for case in CASES if "kind" in case and case["check"] in checks()]
REFUSED = [case for case in CASES if "reason" in case]


def name_of(case: dict[str, Any]) -> str:
    return str(case["name"])


def read(ground_truth: Any) -> tuple[str, GoldView | None]:
    detected = kind_of(ground_truth)
    check = checks()[detected.check]
    params = check.params.model_validate(dict(detected.params))
    return check.name, check.read_gold(CheckInput("", ground_truth), params)


def test_every_table_of_formats_is_covered() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", READ, ids=name_of)
def test_a_published_row_is_read(case: dict[str, Any]) -> None:
    check, view = read(case["ground_truth"])
    assert view is not None
    assert (check, view.kind.value) == (case["check"], case["kind"])
    if "normalised" in case:
        assert view.normalised == case["normalised"]


@pytest.mark.parametrize("case", [case for case in READ if case["check"] not in ("code", "reasoning_gym")], ids=name_of)
def test_the_answer_of_a_gold_gets_the_best_value(case: dict[str, Any]) -> None:
    detected = kind_of(case["ground_truth"])
    check: Any = checks()[detected.check]
    params = check.params.model_validate(dict(detected.params))
    view = check.read_gold(CheckInput("", case["ground_truth"]), params)
    if view.answer is not None:
        verdict = check.judge(CheckInput(view.answer, case["ground_truth"]), params)
        assert (verdict.value, verdict.gold_kind) == (1.0, view.kind)


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_a_row_that_cannot_be_judged_says_why(case: dict[str, Any]) -> None:
    with pytest.raises(GroundTruthInvalid, match=case["reason"]):
        read(case["ground_truth"])


WRAPPED = [case for case in READ if case["check"] in ("math", "code", "ifeval", "exact", "countdown")]


@pytest.mark.parametrize("case", [case for case in WRAPPED if isinstance(case["ground_truth"], dict)], ids=name_of)
def test_json_in_text_changes_nothing(case: dict[str, Any]) -> None:
    check, view = read(case["ground_truth"])
    for text in (json.dumps(case["ground_truth"]), json.dumps(json.dumps(case["ground_truth"]))):
        wrapped_check, wrapped = read(text)
        assert wrapped_check == check
        assert wrapped is not None
        assert view is not None
        assert (wrapped.kind, wrapped.normalised) == (view.kind, view.normalised)


ODD: list[Any] = [
    "[" * 100_000,
    "{" * 100_000,
    '{"ground_truth": ' * 5_000 + "1" + "}" * 5_000,
    "[{" * 50_000,
    '"{' * 50_000,
    "(" * 100_000,
    "{'a': " * 50_000,
    "\\boxed{" * 10_000,
    [["a"]] * 100,
    {"reward_model": {"reward_model": {}}},
    {"info": "{" * 1_000},
    {"options": [], "answer": "A"},
    {"options": "x", "answer": 0},
    {"choices": [None], "answer": 0},
    {"choices": {"text": 5, "label": 5}, "answer": 0},
    {"options": {"B": 1}, "answer": "B"},
    {"answer": {}},
    [{}],
    [[]],
    {"tests": 5},
    {"tests": [5]},
    {"target": []},
    {"numbers": [1]},
    {"puzzle": 7},
    {"metadata": {"source_dataset": 5, "source_index": 1}},
    {"instruction_id_list": None},
    {"func_name": None},
    {"func_name": "verify_x"},
    {"answer": 1e300},
    {"answer": 10**400},
    {"Correct Answer": 5},
    {"reward_model": "x" * 1_000_000},
    {"golden_answers": [None]},
    {"answers": {"text": []}},
    {"answer": {"aliases": ["x"]}},
]


@pytest.mark.parametrize("ground_truth", ODD, ids=lambda value: str(value)[:30])
def test_no_row_breaks_the_reading(ground_truth: Any) -> None:
    with contextlib.suppress(GroundTruthInvalid):
        if kind_of(ground_truth).check in checks():
            assert read(ground_truth)[1] is not None


def test_nothing_in_a_row_is_ever_run(tmp_path: Path) -> None:
    target = tmp_path / "made"
    evil = f"__import__('pathlib').Path({str(target)!r}).touch()"
    for row in (
        evil,
        f"[{evil}]",
        {"verification_info": evil},
        {"info": f"{{'a': {evil}}}"},
        {"test_list": f"[{evil}]"},
    ):
        with contextlib.suppress(GroundTruthInvalid):
            read(row)
    assert not target.exists()


@pytest.mark.parametrize(
    ("ground_truth", "prompt", "check"),
    [
        ("5", None, "math"),
        ("x", None, "math"),
        ("B", None, "choice"),
        ({"problem": "Which constant?", "answer": "C"}, None, "math"),
        ({"problem": "Which? (A) 1 (B) 2 (C) 3", "answer": "C"}, None, "choice"),
        ({"problem": "Which?", "answer": "C"}, "Which? (A) 1 (B) 2 (C) 3", "choice"),
        ("Paris", None, "exact"),
        ("the 5th of May", None, "exact"),
        ("12 cm", None, "math"),
        ("\\frac{1}{2} \\text{ of the whole area}", None, "math"),
        (["Paris", "Lutetia"], None, "exact"),
        (["1", "2"], None, "math"),
        ({"question": "?", "answer": "Paris"}, None, "exact"),
        ({"ability": "math", "reward_model": {"ground_truth": "even"}}, None, "math"),
        ({"func_name": "add", "tests": [{"type": "stdin", "stdin": "", "stdout": ""}]}, None, "code"),
        ({"options": ["a", "b"], "answer": "A", "tests": []}, None, "code"),
    ],
)
def test_where_a_shape_is_ambiguous_the_documented_default_holds(
    ground_truth: Any, prompt: str | None, check: str
) -> None:
    assert kind_of(ground_truth, prompt).check == check
