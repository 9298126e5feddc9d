"""`regex`: does the text match the patterns that it must match, and none that it must not?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

from reward_server.checks.base import CheckInput, GoldView, HeavyCheck, Params, Verdict
from reward_server.completion import final_answer, thinking, with_prefill
from reward_server.errors import GroundTruthInvalid
from reward_server.text.patterns import Pattern, PatternInvalid, compiled
from reward_server.wire import GoldKind

MOST_PATTERNS = 32
LONGEST_PATTERN = 10_000
SHOWN_CHARS = 400
IN_PLACE_GOLD_CHARS = 20_000  # of patterns that come with the item and have to be compiled
IN_PLACE_STEPS = 20_000_000  # what RE2 does in the worst case within some tens of milliseconds

PatternText = Annotated[str, Field(min_length=1, max_length=LONGEST_PATTERN)]


class RegexParams(Params):
    required: tuple[PatternText, ...] = Field(
        default=(), max_length=MOST_PATTERNS, description="patterns (RE2 syntax), each of which has to match"
    )
    forbidden: tuple[PatternText, ...] = Field(
        default=(), max_length=MOST_PATTERNS, description="patterns of which none may match; these are searched for"
    )
    from_ground_truth: bool = Field(
        default=False, description="the ground truth is one more required pattern, or a list of them"
    )
    mode: Literal["search", "fullmatch"] = Field(
        default="search", description="whether a required pattern has to match a part of the text, or all of it"
    )
    part: Literal["all", "answer", "think"] = Field(
        default="answer",
        description="answer: the inside of <answer>, else what follows the thinking; white space around it is left out",
    )
    ignore_case: bool = Field(default=False, description="flag i")
    multiline: bool = Field(default=False, description="flag m: ^ and $ match at line breaks too")
    dot_all: bool = Field(default=False, description="flag s: a dot matches a line break too")

    @property
    def flags(self) -> str:
        return "i" * self.ignore_case + "m" * self.multiline + "s" * self.dot_all

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not (self.required or self.forbidden or self.from_ground_truth):
            raise ValueError("give at least one pattern: `required`, `forbidden` or `from_ground_truth`")
        for pattern in (*self.required, *self.forbidden):
            compiled(pattern, self.flags)
        return self


class RegexMatch(HeavyCheck):
    """Matching is linear in the text. A large pattern on a long text is matched in a worker all the same."""

    name: ClassVar[str] = "regex"
    description: ClassVar[str] = "1 when all required patterns match and no forbidden one does, else 0"
    source: ClassVar[str] = "RE2 (https://github.com/google/re2/wiki/Syntax), which no pattern can make hang"
    ground_truth: ClassVar[str] = "not used, or a pattern, or a list of them, where `from_ground_truth` says so"
    params: ClassVar[type[Params]] = RegexParams
    detail: ClassVar[Mapping[str, str]] = {
        "failed": "no_text, or the list and the place of the first pattern that decided: required[0], forbidden[1]",
        "part": "which part of the completion was read",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "regex", "params": {"required": ["[0-9]{4}-[0-9]{2}-[0-9]{2}"], "mode": "fullmatch"}}],
        "items": [
            {"completion": "<think>The Moon.</think><answer>1969-07-20</answer>"},
            {"completion": "It was on 1969-07-20."},
        ],
    }

    def judge_in_place(self, item: CheckInput, params: RegexParams) -> Verdict | None:
        if params.from_ground_truth and _chars(item.ground_truth) > IN_PLACE_GOLD_CHARS:
            return None
        steps = sum(pattern.size for _, pattern, _ in _patterns(item, params)) * len(item.completion)
        return None if steps > IN_PLACE_STEPS else self.judge(item, params)

    def judge(self, item: CheckInput, params: RegexParams) -> Verdict:
        patterns = _patterns(item, params)
        failed = _failed(_part(item, params), patterns, whole=params.mode == "fullmatch")
        gold_kind = GoldKind.CONSTRAINTS if params.from_ground_truth else None
        return Verdict(float(failed is None), {"failed": failed, "part": params.part}, gold_kind=gold_kind)

    def read_gold(self, item: CheckInput, params: RegexParams) -> GoldView | None:
        if not params.from_ground_truth:
            return None
        return GoldView(
            GoldKind.CONSTRAINTS, "\n".join(pattern.written for pattern in _golds(item, params))[:SHOWN_CHARS]
        )


def _failed(text: str | None, patterns: list[tuple[str, Pattern, bool]], *, whole: bool) -> str | None:
    """A text that is not there keeps no rule, nor does it break one of those that forbid: it says nothing."""
    if text is None or (not text and not any(wanted for _, _, wanted in patterns)):
        return "no_text"
    for name, pattern, wanted in patterns:
        if pattern.matches(text, whole=whole and wanted) is not wanted:
            return name
    return None


def _part(item: CheckInput, params: RegexParams) -> str | None:
    if params.part == "all":
        return item.completion.strip()
    completion = with_prefill(item)
    text = thinking(completion) if params.part == "think" else final_answer(completion)
    return None if text is None else text.strip()


def _patterns(item: CheckInput, params: RegexParams) -> list[tuple[str, Pattern, bool]]:
    """Name, pattern, and whether it has to match. Raises GroundTruthInvalid."""
    required = [(f"required[{i}]", compiled(p, params.flags), True) for i, p in enumerate(params.required)]
    forbidden = [(f"forbidden[{i}]", compiled(p, params.flags), False) for i, p in enumerate(params.forbidden)]
    golds = _golds(item, params) if params.from_ground_truth else []
    return [*required, *((f"ground_truth[{i}]", p, True) for i, p in enumerate(golds)), *forbidden]


def _chars(truth: JsonValue) -> int:
    return sum(len(text) for text in (truth if isinstance(truth, list) else [truth]) if isinstance(text, str))


def _golds(item: CheckInput, params: RegexParams) -> list[Pattern]:
    truth = item.ground_truth
    texts = truth if isinstance(truth, list) else [truth]
    if not 1 <= len(texts) <= MOST_PATTERNS:
        raise GroundTruthInvalid(f"expected 1 to {MOST_PATTERNS} patterns, got {len(texts)}")
    patterns = []
    for text in texts:
        if not isinstance(text, str) or not text or len(text) > LONGEST_PATTERN:
            raise GroundTruthInvalid(f"expected a pattern of 1 to {LONGEST_PATTERN} characters, or a list of them")
        try:
            patterns.append(compiled(text, params.flags))
        except PatternInvalid as error:
            raise GroundTruthInvalid(f"expected a pattern in RE2 syntax: {error}") from error
    return patterns
