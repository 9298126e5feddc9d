"""`citations`: does the answer cite its sources by number, only such as there are, and often enough?

For training on questions that come with numbered passages: "Rayleigh scattering makes the sky blue [2]." Whether a
passage says what it is cited for is not looked at: combine this check with `external_judge` for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, Params, Verdict
from reward_server.completion import after_thinking, with_prefill
from reward_server.errors import GroundTruthInvalid

MAX_SHOWN = 20

# Every repetition is bounded, or ends where the next alternative begins: linear on any text. Chinese and Japanese do
# not space their words, so each character counts as one.
_TOKEN = re.compile(
    r"(?P<citation>\[[0-9]{1,4}(?: ?[,;] ?[0-9]{1,4}){0,30}\])"
    r"|(?P<word>[0-9]+(?:[.,][0-9]+)*|[\u3040-\u30ff\u3400-\u9fff]|[^\W0-9\u3040-\u30ff\u3400-\u9fff]+)"
    r"|(?P<end>[.!?。！？\n]+)"
)
_NUMBER = re.compile(r"[0-9]+")


class CitationParams(Params):
    min_sources: int = Field(default=1, ge=1, le=1000, description="so many different sources have to be cited")
    min_share: float = Field(default=0.5, ge=0, le=1, description="of the sentences, so many have to cite a source")
    min_words: int = Field(
        default=3, ge=1, le=100, description="what has fewer words is no sentence, and cites nothing"
    )


@dataclass
class Sentence:
    words: int = 0
    closed: bool = False
    sources: list[int] = field(default_factory=list)


class Citations(AnswerCheck):
    name: ClassVar[str] = "citations"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = (
        "1 when enough sentences of the answer cite sources by number, and only such as there are"
    )
    source: ClassVar[str] = "citations as in WebGPT (arXiv:2112.09332) and ALCE (arXiv:2305.14627); the form alone"
    ground_truth: ClassVar[str] = "the sources that the prompt shows, numbered from 1: a list of them, or how many"
    params: ClassVar[type[Params]] = CitationParams
    detail: ClassVar[Mapping[str, str]] = {
        "failed": "invented_source, too_few_sources or too_few_sentences; null where all is well",
        "cited": "numbers of the sources that sentences cite, the first 20",
        "invented": "numbers that are no sources, the first 20",
        "sentences": "how many there are",
        "citing": "how many of them cite a source",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "citations", "params": {"min_sources": 2}}],
        "items": [
            {"completion": "Air scatters blue light most [1]. So the sky is blue.[2]", "ground_truth": ["…", "…"]},
            {"completion": "Air scatters blue light most [7].", "ground_truth": ["…", "…"]},
            {"completion": "The sky is blue. [1][2]", "ground_truth": 0},
        ],
    }

    def judge(self, item: CheckInput, params: CitationParams) -> Verdict:
        sources = _count(item.ground_truth)
        text = after_thinking(with_prefill(item))
        sentences = [one for one in _sentences(text or "") if one.words >= params.min_words]
        numbers = sorted({number for one in sentences for number in one.sources})
        invented = [number for number in numbers if not 1 <= number <= sources]
        citing = sum(bool(one.sources) for one in sentences)
        failed = None
        if invented:
            failed = "invented_source"
        elif len(numbers) < params.min_sources:
            failed = "too_few_sources"
        elif citing < params.min_share * len(sentences):
            failed = "too_few_sentences"
        detail = {
            "failed": failed,
            "cited": numbers[:MAX_SHOWN],
            "invented": invented[:MAX_SHOWN],
            "sentences": len(sentences),
            "citing": citing,
        }
        return Verdict(float(failed is None), detail, () if sentences else ("no_answer",))


def _count(ground_truth: Any) -> int:
    count = len(ground_truth) if isinstance(ground_truth, list) else ground_truth
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise GroundTruthInvalid(
            "expected the sources for `citations`: a list that is not empty, or how many there are"
        )
    return count


def _sentences(text: str) -> Iterator[Sentence]:
    """In order. A citation belongs to the sentence in which it stands, or to the one that has just ended."""
    current = Sentence()
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "citation":
            current.sources += [int(number) for number in _NUMBER.findall(token.group())]
            continue
        if token.lastgroup == "word" and current.closed:
            yield current
            current = Sentence()
        current.words += token.lastgroup == "word"
        current.closed = token.lastgroup == "end"
    yield current
