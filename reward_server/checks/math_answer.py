"""`math`: is the final answer of the completion equal to the reference?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_server.checks.base import CheckInput, GoldView, HeavyCheck, Params, Verdict
from reward_server.completion import with_prefill
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.answers import Answer, answer_of
from reward_server.math import Decision, Gold, GoldInvalid, Options, TooDear, judge, parse_gold
from reward_server.math import Verdict as MathVerdict
from reward_server.math.answer import Answer as ReadAnswer
from reward_server.math.answer import read
from reward_server.math.judge import MAX_GOLD_CHARACTERS, gold_text
from reward_server.math.options import AnswerType
from reward_server.math.render import render
from reward_server.wire import GoldKind

GOLDS_KEPT = 4096
LONGEST_KEPT = 10_000  # characters of a ground truth that is kept parsed
SHOWN_CHARS = 400


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
    version: ClassVar[str] = "3"
    description: ClassVar[str] = "1 when the final answer equals the ground truth mathematically, else 0"
    source: ClassVar[str] = "DeepSeek-R1 (arXiv:2501.12948) section 2.2.2, accuracy reward"
    ground_truth: ClassVar[str] = (
        "an answer, a solution that ends in a box or in `#### n`, a list of either (any of), or a row, whole"
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
            gold = _gold(answer_of(item.ground_truth), params, in_place=True)
            return _verdict(judge(with_prefill(item), gold, in_place=True), gold)
        except TooDear:
            return None

    def judge(self, item: CheckInput, params: MathParams) -> Verdict:
        gold = _gold(answer_of(item.ground_truth), params, in_place=False)
        return _verdict(judge(with_prefill(item), gold), gold)

    def read_gold(self, item: CheckInput, params: MathParams) -> GoldView:
        """Of several alternatives the first is the one that is stated."""
        truth = answer_of(item.ground_truth)
        try:
            gold = _gold(truth, params, in_place=True)
        except TooDear:
            gold = _gold(truth, params, in_place=False)
        first = str(truth[0] if isinstance(truth, list) else truth)
        stated = gold_text(first)
        if read(stated).key != gold.alternatives[0].key:  # a solution in prose, whose last statement is the answer
            stated = gold.alternatives[0].cleaned
        normalised = " | ".join(_form(alternative) for alternative in gold.alternatives)
        return GoldView(_kind(gold), normalised, f"\\boxed{{{stated}}}")


def _form(answer: ReadAnswer) -> str:
    try:
        return answer.key if answer.tree is None else render(answer.tree)
    except RecursionError:
        return answer.key


def _kind(gold: Gold) -> GoldKind:
    return GoldKind.MATH if len(gold.alternatives) == 1 else GoldKind.MATH_MULTI


def _verdict(verdict: MathVerdict, parsed: Gold) -> Verdict:
    value = float(verdict.decision is Decision.EQUAL)
    answer, gold = verdict.normalised or (None, None)
    detail = {
        "decision": verdict.decision.value,
        "method": verdict.method,
        "answer": _shown(verdict.answer),
        "normalised_answer": _shown(answer),
        "normalised_gold": _shown(gold),
    }
    return Verdict(value, detail, verdict.flags, gold_kind=_kind(parsed))


def _shown(text: str | None) -> str | None:
    return text if text is None or len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def _gold(truth: Answer | list[Answer], params: MathParams, *, in_place: bool) -> Gold:
    """The reference, parsed once per problem and process, not once per completion."""
    text = truth if isinstance(truth, str) else json.dumps(truth)
    if len(text) > MAX_GOLD_CHARACTERS:
        raise GroundTruthInvalid(f"expected at most {MAX_GOLD_CHARACTERS} characters, got {len(text)}")
    parse = _kept if len(text) <= LONGEST_KEPT else _parsed
    return parse(text, isinstance(truth, str), params, in_place)


def _parsed(text: str, plain: bool, params: MathParams, in_place: bool) -> Gold:
    try:
        return parse_gold(text if plain else json.loads(text), params.options(), in_place=in_place)
    except GoldInvalid as error:
        raise GroundTruthInvalid(str(error)) from error


_kept = lru_cache(maxsize=GOLDS_KEPT)(_parsed)
