"""`format`: is the completion `<think>…</think><answer>…</answer>`, each tag once, in order, and nothing around it?

Regular expressions used for this elsewhere let trailing text, doubled blocks and empty thinking pass; here the tags are
read as tokens and the rule that failed is named.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from itertools import islice
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, Params, Verdict

_TAG = re.compile(r"</?(?:think|answer)>")
# Letters and symbols by their category, yet nothing is seen of them: the empty Braille pattern and the Hangul fillers.
_BLANK = frozenset("\u2800\u115f\u1160\u3164\uffa0")
_STOPS = frozenset(".,;:!?…·。、")


class FormatParams(Params):
    think_prefilled: Literal["auto", "yes", "no"] = Field(
        default="auto",
        description="whether the chat template already wrote <think>; auto: yes where the prompt ends with it",
    )
    require_answer_tag: bool = Field(default=True, description="false: the text after </think> is the answer")
    min_think_chars: int = Field(
        default=1,
        ge=0,
        description="characters of thinking, white space and invisible ones not counted; 0: may be empty",
    )


class TagFormat(AnswerCheck):
    name: ClassVar[str] = "format"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = "1 when the completion keeps the think/answer format exactly, else 0"
    source: ClassVar[str] = "DeepSeek-R1 (arXiv:2501.12948) section 2.2.2, format reward"
    params: ClassVar[type[Params]] = FormatParams
    detail: ClassVar[Mapping[str, str]] = {"failed": "the first rule that the completion breaks"}
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "format"}],
        "items": [
            {"completion": "<think>2+2=4</think><answer>4</answer>"},
            {"completion": "<think>2+2=4</think><answer>4</answer> I hope this helps!"},
        ],
    }

    def judge(self, item: CheckInput, params: FormatParams) -> Verdict:
        text = "<think>" + item.completion if _prefilled(item, params) else item.completion
        failed = _failed_rule(text, params)
        return Verdict(float(failed is None), {"failed": failed})


def _prefilled(item: CheckInput, params: FormatParams) -> bool:
    if params.think_prefilled == "auto":
        return (item.prompt or "").rstrip().endswith("<think>")
    return params.think_prefilled == "yes"


def _failed_rule(text: str, params: FormatParams) -> str | None:
    """The first rule that the text breaks, or None."""
    wanted = ["<think>", "</think>"] + (["<answer>", "</answer>"] if params.require_answer_tag else [])
    names = _TAG.findall(text)
    if names != wanted:
        return _tag_fault(names, wanted)
    before, think, *rest = (gap.strip() for gap in _TAG.split(text))
    if before:
        return "text_before_think"
    if not _long_enough(think, params.min_think_chars):
        return "think_too_short"
    if not params.require_answer_tag:
        return None if _has_content(rest[0]) else "answer_empty"
    between, answer, after = rest
    if between:
        return "text_between_think_and_answer"
    if not _has_content(answer):
        return "answer_empty"
    return "text_after_answer" if after else None


def _has_content(part: str) -> bool:
    """Something is there that says something: `[]` may be an answer; full stops, or what nobody sees, are none."""
    return any(unicodedata.category(char)[0] in "LNSP" for char in part if char not in _BLANK | _STOPS)


def _long_enough(thinking: str, minimum: int) -> bool:
    if minimum == 0:
        return True
    visible = (char for char in thinking if char not in _BLANK and unicodedata.category(char)[0] not in "ZC")
    return _has_content(thinking) and sum(1 for _ in islice(visible, minimum)) == minimum


def _tag_fault(names: list[str], wanted: list[str]) -> str:
    for tag in wanted:
        if names.count(tag) != 1:
            return f"{tag} {'missing' if tag not in names else 'repeated'}"
    return "tags_out_of_order" if sorted(names) == sorted(wanted) else "unexpected_tag"
