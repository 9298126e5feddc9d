"""Checks from other packages: found by their entry point, or refused with a message that says which and why."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from reward_server.checks.registry import OURS, checks
from reward_server.errors import ConfigError
from tests.outside_package import install

GOOD = """
from reward_server.checks.base import AnswerCheck, Verdict
class Mine(AnswerCheck):
    name = "mine"
    def judge(self, item, params):
        return Verdict(1.0)
"""
_NUMBER = itertools.count()


def found(folder: Path, monkeypatch: pytest.MonkeyPatch, *codes: str) -> list[str]:
    """The names of all checks, with a package for each code."""
    for code in codes:
        install(folder, f"package{next(_NUMBER)}", code, "Mine")
    monkeypatch.syspath_prepend(str(folder))
    return list(checks.__wrapped__())


def test_no_check_of_ours_has_the_name_of_another() -> None:
    assert len({check.name for check in OURS}) == len(OURS)


def test_a_check_of_another_package_stands_behind_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = GOOD.replace('"mine"', '"another"')
    names = found(tmp_path, monkeypatch, GOOD, other)
    assert names[: len(OURS)] == [check.name for check in OURS]
    assert set(names[len(OURS) :]) == {"mine", "another"}


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (GOOD.replace('"mine"', '"exact"'), "brings a check 'exact', and there is one already"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import there_is_no_such_module", "ModuleNotFoundError: No module named 'there_is_no_such_module'"),
        ("raise SystemExit(0)", "cannot be loaded: SystemExit"),
        ("def broken(:", "SyntaxError"),
        ("Other = 1", "has no attribute 'Mine'"),
        ("Mine = 7", "TypeError"),
        ("class Mine: pass", "expected a subclass of AnswerCheck, ProgramCheck, AskingCheck or ChoosingCheck"),
        (GOOD.replace('name = "mine"', ""), "has no `name`"),
        (GOOD.replace('"mine"', '"My check"'), "has no `name` of small letters"),
        (GOOD.replace('name = "mine"', 'name = "mine"; params = dict'), "no subclass of Params"),
        (GOOD.replace('name = "mine"', 'name = "mine"; detail = ["a"]'), "no mapping as `detail`"),
        (GOOD.replace('name = "mine"', 'name = "mine"; range = (1, 0)'), "as `range`"),
        (GOOD.replace('name = "mine"', 'name = "mine"; version = 2'), "no text as `version`"),
        (GOOD.replace("class Mine", "class Base") + "class Mine(Base):\n    def __init__(self, x): ...", "TypeError"),
    ],
)
def test_one_that_is_none_is_refused_by_name(
    code: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"the entry point 'mine' of package\d+ \(assay\.checks\)") as raised:
        found(tmp_path, monkeypatch, code)
    assert says in raised.value.detail


def test_two_packages_with_the_same_check_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="'mine', and there is one already"):
        found(tmp_path, monkeypatch, GOOD, GOOD)
