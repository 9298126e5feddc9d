"""docs/writing-a-check.md: its code is run, and what it shows keeps what it says has to hold."""

from __future__ import annotations

import re
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reward_server.checks.base import CheckInput, Group, Params, ShapedParams, Verdict
from reward_server.checks.registry import ENTRY_POINTS, OURS
from reward_server.errors import GroundTruthInvalid
from reward_server.programs import Plan, RunResult
from reward_server.wire import ScoreRequest
from sandbox.types import ExecutionResult, RunStatus

PAGE = (Path(__file__).parents[4] / "docs" / "writing-a-check.md").read_text()
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """A module of all the Python of the page, in its order; its assertions have been run."""
    module = types.ModuleType("writing_a_check")
    sys.modules[module.__name__] = module
    code = "\n".join(text for language, text in _BLOCK.findall(PAGE) if language == "python")
    exec(compile(code, "docs/writing-a-check.md", "exec"), module.__dict__)
    yield module
    del sys.modules[module.__name__]


def test_the_code_of_the_page_runs_and_its_assertions_hold(page: Any) -> None:
    assert "assert " in PAGE
    assert {name for name in ("Quotes", "Shortest", "Brief", "Repeats", "Prints") if hasattr(page, name)} == {
        "Quotes",
        "Shortest",
        "Brief",
        "Repeats",
        "Prints",
    }


def test_the_check_of_the_page_judges_its_own_example(page: Any) -> None:
    request = ScoreRequest.model_validate(page.Quotes.example)
    values = [page.Quotes().judge(CheckInput(i.completion, i.ground_truth), page.QuoteParams()) for i in request.items]
    assert [verdict.value for verdict in values] == [1.0, 0.0, None]
    assert all(set(verdict.detail) == set(page.Quotes.detail) for verdict in values)
    assert page.Quotes.name not in {check.name for check in OURS}


@pytest.mark.parametrize("gold", [None, "", " ", 7, ["a"], True])
def test_a_source_that_is_none_is_the_callers_fault(page: Any, gold: Any) -> None:
    with pytest.raises(GroundTruthInvalid):
        page.judged('"the sky is blue"', gold)


@pytest.mark.parametrize("unit", ['"', '"a b c" ', "“", "a", '"a', '“a b c” "'])
def test_a_megabyte_is_no_trouble_for_the_check_of_the_page(page: Any, unit: str) -> None:
    verdict = page.judged(unit * (1_000_000 // len(unit)), "a b c " * 100_000)
    assert set(verdict.detail) == set(page.Quotes.detail)


def test_the_other_kinds_of_the_page_judge(page: Any) -> None:
    members = (CheckInput("long"), CheckInput("a"))
    in_group = CheckInput("a", group=Group(members))
    assert page.Shortest().judge(in_group, Params()).value == 1.0
    assert page.Shortest().judge(CheckInput("a"), Params()).value is None
    by = ShapedParams(correct_by="exact")
    values = [page.Brief().judge(CheckInput("a", right=right), by).value for right in (True, False, None)]
    assert values == [1.0, 0.0, None]
    assert page.Repeats().judge_in_place(CheckInput("a\nb\na"), Params()).value == 0.0
    assert page.Repeats().judge_in_place(CheckInput("a" * 20_000), Params()) is None


def test_the_program_check_of_the_page_plans_and_judges(page: Any) -> None:
    check = page.Prints()
    assert isinstance(check.plan(CheckInput(" "), Params()), Verdict)
    plan = check.plan(CheckInput("print(4)", "4"), Params())
    assert isinstance(plan, Plan)
    assert plan.context == "4"
    for stdout, value in ((b"4\n", 1.0), (b"5\n", 0.0), (b"\xff", 0.0)):
        ran = ExecutionResult(RunStatus.EXITED, 0, None, stdout, b"", b"", 0.01, 0.02, 1 << 20, "base")
        assert check.judge(plan, [RunResult(ran)]).value == value


def test_the_entry_point_of_the_page_is_read_where_it_says() -> None:
    (text,) = [text for language, text in _BLOCK.findall(PAGE) if language == "toml"]
    assert list(tomllib.loads(text)["project"]["entry-points"]) == [ENTRY_POINTS]


def test_every_attribute_that_the_page_explains_is_one() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"\w+", row)]
    assert {"name", "version", "params", "detail", "needs_group", "example"} <= set(names)
    assert all(hasattr(OURS[0], name) for name in names)
