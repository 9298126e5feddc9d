"""The table of checks. Adding one is a file, a row here and its golden cases; from outside, an entry point."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from reward_server.checks.base import AnswerCheck, AskingCheck, Check, ProgramCheck
from reward_server.checks.code_compiles import CodeCompiles
from reward_server.checks.code_tests import CodeCheck
from reward_server.checks.exact_match import ExactMatch
from reward_server.checks.external_judge import ExternalJudge
from reward_server.checks.math_answer import MathAnswer
from reward_server.checks.tag_format import TagFormat
from reward_server.errors import ConfigError

ENTRY_POINTS = "assay.checks"

OURS: tuple[Check, ...] = (
    MathAnswer(),
    ExactMatch(),
    TagFormat(),
    CodeCheck(),
    CodeCompiles(),
    ExternalJudge(),
)


@cache
def checks() -> dict[str, Check]:
    """Every check by its name: ours, and those of installed packages. Raises ConfigError for one that is none."""
    table = {check.name: check for check in OURS}
    for point in entry_points(group=ENTRY_POINTS):
        check = _loaded(point)
        if check.name in table:
            raise ConfigError(f"{_origin(point)} brings a check {check.name!r}, and there is one already: rename it")
        table[check.name] = check
    return table


def _loaded(point: EntryPoint) -> Check:
    try:
        check = point.load()()
    except Exception as error:
        raise ConfigError(f"{_origin(point)} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(check, AnswerCheck | ProgramCheck | AskingCheck):
        raise ConfigError(
            f"{_origin(point)}: expected a subclass of AnswerCheck, ProgramCheck or AskingCheck, got {point.value}"
        )
    return check


def _origin(point: EntryPoint) -> str:
    package = f" of {point.dist.name}" if point.dist else ""
    return f"the entry point {point.name!r}{package} ({ENTRY_POINTS})"
