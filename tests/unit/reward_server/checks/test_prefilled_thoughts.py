"""A thought that the chat template opened and that was cut off is no answer, for whatever looks for one."""

from __future__ import annotations

from typing import Any

import pytest

from reward_server.checks.base import AnswerCheck, CheckInput, HeavyCheck, ProgramCheck, Verdict
from reward_server.checks.registry import checks

ROLES = {"solution_text_format": "(1) Zoey is a knave\n(2) Mia is a knight"}
CASES: dict[str, tuple[str, Any]] = {
    "math": ("it may be \\boxed{4}", "4"),
    "exact": ("<answer>4</answer>", "4"),
    "numeric": ("the answer is 4", "4"),
    "choice": ("the answer is (B)", {"choices": ["3", "4"], "answer": 1}),
    "countdown": ("<answer>44 + 19 + 35</answer>", {"target": 98, "numbers": [44, 19, 35]}),
    "twenty_four": ("<answer>4 * 6 * 1 * 1</answer>", [4, 6, 1, 1]),
    "knights_and_knaves": ("<answer>Zoey is a knave. Mia is a knight.</answer>", ROLES),
    "ifeval": ("so many words", {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}),
}


def judged(name: str, item: CheckInput) -> Verdict:
    check = checks()[name]
    assert isinstance(check, AnswerCheck)
    params = check.params()
    verdict = check.judge_in_place(item, params) if isinstance(check, HeavyCheck) else check.judge(item, params)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("name", CASES)
def test_a_prefilled_thought_that_was_cut_off_is_no_answer(name: str) -> None:
    text, gold = CASES[name]
    assert judged(name, CheckInput(text, gold)).value == 1.0
    assert judged(name, CheckInput(text, gold, think_prefilled=True)).value == 0.0
    assert judged(name, CheckInput(text, gold, prompt="…<|assistant|><think>\n")).value == 0.0
    assert judged(name, CheckInput(f"so</think>{text}", gold, think_prefilled=True)).value == 1.0
    assert judged(name, CheckInput(text, gold, prompt="…<think>\n", think_prefilled=False)).value == 1.0


@pytest.mark.parametrize("name", ["code", "code_compiles"])
def test_a_program_in_a_prefilled_thought_that_was_cut_off_is_not_run(name: str) -> None:
    check = checks()[name]
    assert isinstance(check, ProgramCheck)
    gold = ["assert f() == 1"]
    verdict = check.plan(CheckInput("```python\ndef f(): return 1\n```", gold, think_prefilled=True), check.params())
    assert isinstance(verdict, Verdict)
    assert verdict.value == 0.0
    assert not isinstance(check.plan(CheckInput("```python\ndef f(): return 1\n```", gold), check.params()), Verdict)
