"""What holds for every check of the registry, whoever wrote it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from reward_server.checks.base import AnswerCheck, Check, CheckInput, Group, HeavyCheck, ShapedParams, Verdict
from reward_server.checks.registry import checks
from reward_server.profiles import BoundCheck, bind
from reward_server.wire import ScoreItem, ScoreRequest

MEGABYTE = 1_000_000
LONGEST_SECONDS = 5.0  # far above what linear work takes, far below what quadratic work takes
NAMES = sorted(checks())
IN_PLACE = [name for name in NAMES if isinstance(checks()[name], AnswerCheck)]


def filled(unit: str) -> str:
    return unit * (MEGABYTE // len(unit))


HOSTILE = {
    "nothing": "",
    "one letter": filled("a"),
    "spaces": filled(" "),
    "lines": filled("\n"),
    "opening brackets": filled("("),
    "sums": filled("1+"),
    "equations": filled("1+1=2 "),
    "digits": filled("7"),
    "opened tags": filled("<think>"),
    "pairs of tags": filled("<think>a</think><answer>b</answer>"),
    "half tags": filled("<"),
    "opened mathematics": filled("\\("),
    "dollars": filled("$a "),
    "environments": filled("\\begin{a}"),
    "ticks": filled("`a"),
    "fences": filled("```\n"),
    "stars": filled("*"),
    "list of lists": filled("["),
    "objects": filled('{"a":'),
    "boxes": filled("\\boxed{"),
    "letters of a choice": filled("(B) "),
    "Han": filled("我们计算"),
    "marks without a letter": filled("\u0301"),
    "surrogate replacements": filled("\ufffd\u200b"),
    "near repeats": " ".join(f"Wait, {n}." for n in range(90_000)),
}


def placed(text: str) -> list[str]:
    """The text as thinking with an answer behind it; one with tags of its own also bare, where they count."""
    inside = f"<think>{text}</think><answer>{text[:1000]}</answer>"
    return [inside, text] if "<" in text or len(text) < MEGABYTE // 2 else [inside]


def request_of(check: Check) -> ScoreRequest:
    return ScoreRequest.model_validate(dict(check.example))


def bound_of(check: Check) -> BoundCheck:
    """The check with the parameters of its example."""
    request = request_of(check)
    return next(b for b in bind(request.checks or [], request.combine).checks if b.check is check)


def inputs_of(check: Check) -> list[CheckInput]:
    items = [item for item in request_of(check).items if isinstance(item, ScoreItem)]
    seen = [
        CheckInput(
            completion=item.completion,
            ground_truth=item.ground_truth,
            prompt=item.prompt,
            completion_tokens=item.completion_tokens,
            finish_reason=item.finish_reason,
            target_language=item.target_language,
            target_length=item.target_length,
            right=True if issubclass(check.params, ShapedParams) else None,
        )
        for item in items
    ]
    group = Group(tuple(seen)) if check.needs_group else None
    return [dataclasses.replace(one, group=group) for one in seen]


def judged(name: str, item: CheckInput) -> Verdict | None:
    check = checks()[name]
    params = bound_of(check).params
    if isinstance(check, HeavyCheck):
        return check.judge_in_place(item, params)
    assert isinstance(check, AnswerCheck)
    check.prepare(params)
    return check.judge(item, params)


@pytest.mark.parametrize("name", NAMES)
def test_a_check_says_everything_of_itself(name: str) -> None:
    check = checks()[name]
    assert check.name == name
    assert all((check.version, check.description, check.source, check.ground_truth, check.detail, check.example))
    assert not check.description.endswith(".")
    assert check.range[0] < check.range[1]
    fields: dict[str, Any] = check.params.model_json_schema().get("properties", {})
    undescribed = [field for field, schema in fields.items() if not schema.get("description")]
    assert undescribed == []
    assert [spec.check for spec in request_of(check).checks or []].count(name) == 1


@pytest.mark.parametrize("name", IN_PLACE)
def test_the_example_gets_values_in_the_range_and_all_keys(name: str) -> None:
    check = checks()[name]
    least, largest = check.range
    for item in inputs_of(check):
        verdict = judged(name, item)
        if verdict is None:
            continue
        assert set(verdict.detail) == set(check.detail)
        assert verdict.value is not None or verdict.reason
        assert verdict.value is None or least <= verdict.value <= largest


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_megabyte_of_hostile_text_is_linear_work_and_has_all_keys(name: str) -> None:
    check = checks()[name]
    item = inputs_of(check)[0]
    for what, text in HOSTILE.items():
        for completion in placed(text):
            given = dataclasses.replace(item, completion=completion, completion_tokens=None, token_ids=None)
            if item.group is not None:
                given = dataclasses.replace(given, group=Group((given, item)))
            started = time.process_time()
            verdict = judged(name, given)
            assert time.process_time() - started < LONGEST_SECONDS, what
            if verdict is None:
                assert isinstance(check, HeavyCheck)
                continue
            assert set(verdict.detail) == set(check.detail), what
            assert verdict.value is None or check.range[0] <= verdict.value <= check.range[1], what


@pytest.mark.parametrize("name", IN_PLACE)
def test_tokens_of_any_number_are_linear_work(name: str) -> None:
    item = inputs_of(checks()[name])[0]
    given = dataclasses.replace(item, completion_tokens=500_000, token_ids=(7,) * 250_000 + tuple(range(250_000)))
    started = time.process_time()
    judged(name, given)
    assert time.process_time() - started < LONGEST_SECONDS


ANSWERS = """
import json
from tests.unit.reward_server.checks.test_every_check import IN_PLACE, inputs_of, judged
from reward_server.checks.registry import checks
texts = ["", "The answer is (B). 答案是 B。 1 + 1 = 3 <think>so</think><answer>{\\"b\\": 1}</answer>\\n" * 9]
out = {}
for name in IN_PLACE:
    from dataclasses import replace
    items = inputs_of(checks()[name])
    items += [replace(items[0], completion=text) for text in texts]
    out[name] = [repr(judged(name, item)) for item in items]
print(json.dumps(out))
"""


def test_another_process_gives_the_same_answers() -> None:
    def answers(seed: str) -> Any:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", ANSWERS], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    first = answers("1")
    assert set(first) == set(IN_PLACE)
    assert answers("2") == first
