"""`numeric`: is the one number that the completion gives as its answer the reference? Exact, but for a tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, GoldView, Params, Verdict
from reward_server.completion import with_prefill
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.answers import answer_of
from reward_server.ground_truth.numbers import ExactNumber, close, numbers_in, written
from reward_server.math.extract import Extraction, extract
from reward_server.math.judge import gold_text
from reward_server.wire import GoldKind

SHOWN_CHARS = 200
LONGEST_GOLD = 100_000
GOLDS_KEPT = 4096
MAX_ALTERNATIVES = 64


class NumericParams(Params):
    tolerance_abs: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="largest difference that counts as equal"
    )
    tolerance_rel: float = Field(
        default=0.0, ge=0, lt=1, description="the same, as a share of the reference; the larger of both holds"
    )
    percent: Literal["ignore", "fraction"] = Field(
        default="ignore", description="ignore: 50% is 50; fraction: 50% is 0.5, in answers and references"
    )


class Numeric(AnswerCheck):
    name: ClassVar[str] = "numeric"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = "1 when the one number that is given as the answer is the reference, else 0"
    source: ClassVar[str] = (
        "GSM8K (arXiv:2110.14168); corrects verl gsm8k.py, which compares text in the last 300 characters"
    )
    ground_truth: ClassVar[str] = (
        "a number, a text with one (`$1,200`, `3/4`, `#### 72`), a list of them (any of), or a row, whole"
    )
    params: ClassVar[type[Params]] = NumericParams
    detail: ClassVar[Mapping[str, str]] = {
        "answer": "the text in which the number was found, its first 200 characters",
        "value": "the number that was read",
        "method": "how the answer was found, as in `math`",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "numeric", "params": {"tolerance_rel": 0.01}}],
        "items": [
            {"completion": "<think>3 · 400</think> She pays \\boxed{\\$1,200}.", "ground_truth": "#### 1200"},
            {"completion": "The answer is 1195.", "ground_truth": 1200},
            {"completion": "The answer is 1200 or 1300.", "ground_truth": 1200},
        ],
    }

    def judge(self, item: CheckInput, params: NumericParams) -> Verdict:
        golds = _golds(item, params)
        found = extract(with_prefill(item), numeric=True, choice=False)
        # Outside a box or a tag, a sign at the end is an exclamation mark and no factorial.
        said = found.answers if found.method in {"boxed", "answer_tag"} else [one.rstrip("!") for one in found.answers]
        values = [value for answer in said for value in _numbers(answer, params)]
        text = ", ".join(found.answers)[:SHOWN_CHARS] or None
        if len(dict.fromkeys(values)) != 1:
            flag = "multiple_final_answers" if values else "no_answer"
            return _verdict(0.0, text, None, found, flag)
        value = values[0]
        if any(rival != value for answer in found.rivals for rival in _numbers(answer, params)):
            return _verdict(0.0, text, value, found, "multiple_final_answers")
        right = any(close(value, gold, params.tolerance_abs, params.tolerance_rel) for gold in golds)
        return _verdict(float(right), text, value, found)

    def read_gold(self, item: CheckInput, params: NumericParams) -> GoldView:
        golds = [written(gold) for gold in _golds(item, params)]
        return GoldView(GoldKind.NUMERIC, " | ".join(golds), f"\\boxed{{{golds[0]}}}")


def _verdict(value: float, text: str | None, number: ExactNumber | None, found: Extraction, *flags: str) -> Verdict:
    shown = None if number is None else written(number)[:SHOWN_CHARS]
    detail = {"answer": text, "value": shown, "method": found.method}
    return Verdict(value, detail, tuple(dict.fromkeys((*found.flags, *flags))), gold_kind=GoldKind.NUMERIC)


def _numbers(text: str, params: NumericParams) -> list[ExactNumber]:
    return numbers_in(text, percent_is_fraction=params.percent == "fraction")


def _golds(item: CheckInput, params: NumericParams) -> tuple[ExactNumber, ...]:
    answer = answer_of(item.ground_truth)
    answers = answer if isinstance(answer, list) else [answer]
    if len(answers) > MAX_ALTERNATIVES:
        raise GroundTruthInvalid(f"expected at most {MAX_ALTERNATIVES} alternatives, got {len(answers)}")
    return tuple(_gold(str(one), params) for one in answers)


@lru_cache(maxsize=GOLDS_KEPT)
def _gold(text: str, params: NumericParams) -> ExactNumber:
    if len(text) > LONGEST_GOLD:
        raise GroundTruthInvalid(f"expected at most {LONGEST_GOLD} characters, got {len(text)}")
    numbers = _numbers(gold_text(text), params)
    if len(numbers) != 1:
        came = "none" if not numbers else f"{len(numbers)} different ones"
        raise GroundTruthInvalid(f"expected a reference with one number, got {came}: {gold_text(text)[:80]!r}")
    return numbers[0]
