"""`math`: is the final answer of the completion equal to the reference?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field, JsonValue

from reward_server.checks.base import CheckInput, HeavyCheck, Params, Verdict
from reward_server.errors import GroundTruthInvalid
from reward_server.math import Decision, Gold, GoldInvalid, Options, TooDear, judge, parse_gold
from reward_server.math import Verdict as MathVerdict
from reward_server.math.judge import MAX_GOLD_CHARACTERS
from reward_server.math.options import AnswerType

GOLDS_KEPT = 4096
LONGEST_KEPT = 10_000  # characters of a ground truth that is kept parsed
SHOWN_CHARS = 400
_JSON_NAMES = {type(None): "null", bool: "true or false", list: "a list"}


class MathParams(Params):
    ordered: bool = Field(default=False, description="lists and sets compare item by item in the order given")
    strict_numeric: bool = Field(
        default=False, description="10% is 0.1 and nothing else, and a long decimal is no rounding of a fraction"
    )
    tolerance: float = Field(
        default=0.0, ge=0, lt=1, description="largest difference of two numbers, relative to the reference; 0: none"
    )
    units: Literal["ignore", "require"] = Field(
        default="ignore", description="ignore: a missing unit passes; contradicting ones never do"
    )
    solved: bool = Field(
        default=False, description="an answer that leaves work the reference has done (2x+1=7 for x=3) is wrong"
    )
    answer_type: AnswerType = Field(default="auto", description="what reference and answer must be")

    def options(self) -> Options:
        return Options(**self.model_dump())


class MathAnswer(HeavyCheck):
    name: ClassVar[str] = "math"
    version: ClassVar[str] = "2"
    description: ClassVar[str] = "1 when the final answer equals the ground truth mathematically, else 0"
    source: ClassVar[str] = "DeepSeek-R1 (arXiv:2501.12948) section 2.2.2, accuracy reward"
    ground_truth: ClassVar[str] = (
        "an answer, a solution that ends in a box or in `#### n`, or a list of either (any of)"
    )
    params: ClassVar[type[Params]] = MathParams
    detail: ClassVar[Mapping[str, str]] = {
        "decision": "equal, different, or why nothing could be decided",
        "method": "how the answer was found, and how it was decided",
        "answer": "the answer as it stands in the completion",
        "normalised_answer": "how the answer was read",
        "normalised_gold": "how the reference was read",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "math"}],
        "items": [
            {"completion": "<think>3/2</think> The area is $\\boxed{1.5}$.", "ground_truth": "\\frac{3}{2}"},
            {"completion": "The answer is 3 or 4.", "ground_truth": "3"},
        ],
    }

    def judge_in_place(self, item: CheckInput, params: MathParams) -> Verdict | None:
        try:
            return _verdict(judge(item.completion, _gold(item, params, in_place=True), in_place=True))
        except TooDear:
            return None

    def judge(self, item: CheckInput, params: MathParams) -> Verdict:
        return _verdict(judge(item.completion, _gold(item, params, in_place=False)))


def _verdict(verdict: MathVerdict) -> Verdict:
    value = float(verdict.decision is Decision.EQUAL)
    answer, gold = verdict.normalised or (None, None)
    detail = {
        "decision": verdict.decision.value,
        "method": verdict.method,
        "answer": _shown(verdict.answer),
        "normalised_answer": _shown(answer),
        "normalised_gold": _shown(gold),
    }
    return Verdict(value, detail, verdict.flags)


def _shown(text: str | None) -> str | None:
    return text if text is None or len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def _gold(item: CheckInput, params: MathParams, *, in_place: bool) -> Gold:
    """The reference, parsed once per problem and process, not once per completion."""
    truth = item.ground_truth
    text = truth if isinstance(truth, str) else json.dumps(_alternatives(truth))
    if len(text) > MAX_GOLD_CHARACTERS:
        raise GroundTruthInvalid(f"expected at most {MAX_GOLD_CHARACTERS} characters, got {len(text)}")
    parse = _kept if len(text) <= LONGEST_KEPT else _parsed
    return parse(text, isinstance(truth, str), params, in_place)


def _alternatives(truth: JsonValue) -> JsonValue:
    """A number, or a list of texts and numbers."""
    items = truth if isinstance(truth, list) else [truth]
    strangers = {
        _JSON_NAMES.get(type(item), "an object")
        for item in items
        if isinstance(item, bool) or not isinstance(item, str | int | float)
    }
    if strangers:
        raise GroundTruthInvalid(f"expected a string, a number or a list of them, got {', '.join(sorted(strangers))}")
    return truth


def _parsed(text: str, plain: bool, params: MathParams, in_place: bool) -> Gold:
    try:
        return parse_gold(text if plain else json.loads(text), params.options(), in_place=in_place)
    except GoldInvalid as error:
        raise GroundTruthInvalid(str(error)) from error


_kept = lru_cache(maxsize=GOLDS_KEPT)(_parsed)
