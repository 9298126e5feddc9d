"""The table of checks. Adding one is a file, a row here and its golden cases; from outside, an entry point."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from reward_server.checks.arithmetic_steps import ArithmeticSteps
from reward_server.checks.auto import Auto
from reward_server.checks.base import AnswerCheck, AskingCheck, Check, ChoosingCheck, Params, ProgramCheck
from reward_server.checks.choice import ChoiceCheck
from reward_server.checks.code_compiles import CodeCompiles
from reward_server.checks.code_format import CodeFormat
from reward_server.checks.code_tests import CodeCheck
from reward_server.checks.cosine_length import CosineLength
from reward_server.checks.countdown import Countdown
from reward_server.checks.exact_match import ExactMatch
from reward_server.checks.external_judge import ExternalJudge
from reward_server.checks.ifeval import IFEval
from reward_server.checks.json_schema import JsonSchemaCheck
from reward_server.checks.knights_and_knaves import KnightsAndKnaves
from reward_server.checks.l1_length import L1Length
from reward_server.checks.language import Language
from reward_server.checks.length_group import GroupLength
from reward_server.checks.math_answer import MathAnswer
from reward_server.checks.numeric import Numeric
from reward_server.checks.overlong import Overlong
from reward_server.checks.reasoning_gym import ReasoningGym
from reward_server.checks.regex_match import RegexMatch
from reward_server.checks.repetition import RepetitionPenalty
from reward_server.checks.sudoku import Sudoku
from reward_server.checks.tag_count import TagCount
from reward_server.checks.tag_format import TagFormat
from reward_server.checks.truncation import Truncation
from reward_server.checks.twenty_four import TwentyFour
from reward_server.errors import ConfigError

ENTRY_POINTS = "assay.checks"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

OURS: tuple[Check, ...] = (
    MathAnswer(),
    ExactMatch(),
    ChoiceCheck(),
    Numeric(),
    TagFormat(),
    TagCount(),
    CodeFormat(),
    JsonSchemaCheck(),
    RegexMatch(),
    Language(),
    Overlong(),
    GroupLength(),
    CosineLength(),
    L1Length(),
    RepetitionPenalty(),
    Truncation(),
    CodeCheck(),
    CodeCompiles(),
    ExternalJudge(),
    Auto(),
    IFEval(),
    Countdown(),
    TwentyFour(),
    KnightsAndKnaves(),
    Sudoku(),
    ReasoningGym(),
    ArithmeticSteps(),
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
    except (Exception, SystemExit) as error:  # whatever a module of others does when it is imported
        raise ConfigError(f"{_origin(point)} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(check, AnswerCheck | ProgramCheck | AskingCheck | ChoosingCheck):
        raise ConfigError(
            f"{_origin(point)}: expected a subclass of AnswerCheck, ProgramCheck, AskingCheck or ChoosingCheck, "
            f"got {point.value}"
        )
    if missing := _missing(check):
        raise ConfigError(f"{_origin(point)}: {point.value} {missing}")
    return check


def _missing(check: Check) -> str | None:
    """What the rest of the server relies on and this check does not keep; None where all is well."""
    name = getattr(check, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"has no `name` of small letters, digits and underscores, but {name!r}"
    if not isinstance(check.version, str):
        return f"has no text as `version`, but {check.version!r}"
    if not (isinstance(check.params, type) and issubclass(check.params, Params)):
        return "has `params` that are no subclass of Params"
    if not isinstance(check.detail, Mapping):
        return "has no mapping as `detail`"
    if not (isinstance(check.range, tuple) and len(check.range) == 2 and check.range[0] < check.range[1]):
        return f"has no (least, largest) as `range`, but {check.range!r}"
    return None


def _origin(point: EntryPoint) -> str:
    package = f" of {point.dist.name}" if point.dist else ""
    return f"the entry point {point.name!r}{package} ({ENTRY_POINTS})"
