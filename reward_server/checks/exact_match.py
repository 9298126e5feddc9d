"""`exact`: is what was finally said the reference, character for character, or word for word as SQuAD counts words?"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, GoldView, Params, Verdict
from reward_server.completion import after_thinking, answer_tag, with_prefill
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.answers import answer_of
from reward_server.wire import GoldKind

SHOWN_CHARS = 200
_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation))
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
# Where one of these is right and the other is said beside it, half of the words are shared: HotpotQA gives no F1 then.
_WHOLE_ANSWERS = frozenset({"yes", "no", "noanswer", "true", "false"})


class ExactParams(Params):
    ignore_case: bool = Field(default=False, description="`paris` is `Paris`")
    collapse_spaces: bool = Field(default=True, description="runs of white space count as one space")
    normalise: Literal["none", "squad"] = Field(
        default="none", description="squad: without case, punctuation (ASCII), the articles a, an, the, double spaces"
    )
    scoring: Literal["em", "f1"] = Field(
        default="em",
        description="em: 1 or 0; f1: harmonic mean of the shares of words in common, of the best reference",
    )


class ExactMatch(AnswerCheck):
    name: ClassVar[str] = "exact"
    version: ClassVar[str] = "2"
    description: ClassVar[str] = "1 when the text in <answer>, else the text behind the thinking, is the ground truth"
    source: ClassVar[str] = "exact match and F1 of SQuAD (arXiv:1606.05250) section 6.1; Search-R1 (arXiv:2503.09516)"
    ground_truth: ClassVar[str] = (
        "a string, a number, a list of them (any of), or a row with `answer`, `golden_answers`, `target`, whole"
    )
    params: ClassVar[type[Params]] = ExactParams
    detail: ClassVar[Mapping[str, str]] = {"answer": "the text that was compared, its first 200 characters"}
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "exact", "params": {"normalise": "squad", "scoring": "f1"}}],
        "items": [
            {
                "completion": "<think>France.</think><answer>The Seine.</answer>",
                "ground_truth": ["Seine", "River Seine"],
            },
            {"completion": "<answer>the river</answer>", "ground_truth": {"target": ["River Seine"]}},
        ],
    }

    def judge(self, item: CheckInput, params: ExactParams) -> Verdict:
        golds = _golds(item, params)
        text = after_thinking(with_prefill(item))
        tagged = None if text is None else answer_tag(text)
        answer = _normal((text or "") if tagged is None else tagged, params)
        if not answer:
            return Verdict(0.0, {"answer": None}, ("no_answer",), gold_kind=GoldKind.EXACT)
        value = float(answer in golds) if params.scoring == "em" else max(_f1(answer, gold) for gold in golds)
        return Verdict(value, {"answer": answer[:SHOWN_CHARS]}, gold_kind=GoldKind.EXACT)

    def read_gold(self, item: CheckInput, params: ExactParams) -> GoldView:
        golds = list(_golds(item, params))
        first = str(_answers(item)[0])
        tagged = f"<answer>{first}</answer>"
        return GoldView(GoldKind.EXACT, " | ".join(golds), first if "answer>" in first else tagged)


def _answers(item: CheckInput) -> list[str | int | float]:
    answer = answer_of(item.ground_truth, solutions=False)
    return answer if isinstance(answer, list) else [answer]


def _golds(item: CheckInput, params: ExactParams) -> dict[str, None]:
    """The references, normalised, each once and in order."""
    golds = dict.fromkeys(_normal(str(gold), params) for gold in _answers(item))
    if "" in golds:
        raise GroundTruthInvalid("expected a reference with text in it, got one of which nothing is left to compare")
    return golds


def _normal(text: str, params: ExactParams) -> str:
    if params.normalise == "squad":
        return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())
    text = " ".join(text.split()) if params.collapse_spaces else text.strip()
    return text.casefold() if params.ignore_case else text


def _f1(answer: str, gold: str) -> float:
    """SQuAD's F1 over words; all or nothing where the reference is yes or no."""
    if answer == gold or gold in _WHOLE_ANSWERS or answer in _WHOLE_ANSWERS:
        return float(answer == gold)
    said, wanted = answer.split(), gold.split()
    common = (Counter(said) & Counter(wanted)).total()
    return 2 * common / (len(said) + len(wanted))
