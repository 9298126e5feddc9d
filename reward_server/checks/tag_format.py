"""`format`: is the completion `<think>…</think><answer>…</answer>`, each tag once, in order, and nothing around it?

Regular expressions used for this elsewhere let trailing text, doubled blocks and empty thinking pass; here the tags are
read as tokens and the rule that failed is named. A completion that was cut off is judged as it stands: without its
last tag it breaks the format, and that rule is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from reward_server.checks.base import AnswerCheck, CheckInput, Params, Verdict
from reward_server.text.layout import Layout, LayoutRules, is_prefilled, layout_of

TAG_NAME = r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$"
MOST_THINKING = 1_000_000


class TagParams(Params):
    """Of all checks that read the two tags."""

    think_tag: str = Field(default="think", pattern=TAG_NAME, description="the name of the tag around the thinking")
    answer_tag: str = Field(default="answer", pattern=TAG_NAME, description="the name of the tag around the answer")
    think_prefilled: Literal["auto", "yes", "no"] = Field(
        default="auto",
        description="whether the chat template already wrote the opening think tag; auto: what the item says, else yes "
        "where the prompt ends with it",
    )

    @model_validator(mode="after")
    def _two_names(self) -> Self:
        if self.think_tag == self.answer_tag:
            raise ValueError(f"expected two names of tags, got {self.think_tag!r} twice")
        return self

    def prefilled(self, item: CheckInput) -> bool:
        if self.think_prefilled != "auto":
            return self.think_prefilled == "yes"
        return is_prefilled(item.prompt, self.think_tag) if item.think_prefilled is None else item.think_prefilled


class FormatParams(TagParams):
    require_answer_tag: bool = Field(
        default=True, description="false: what follows the thinking is the answer, and answer tags are refused"
    )
    min_think_chars: int = Field(
        default=1,
        ge=0,
        le=MOST_THINKING,
        description="characters of thinking, white space and invisible ones not counted; 0: may be empty",
    )
    allow_trailing_whitespace: bool = Field(default=True, description="false: nothing at all follows the end")
    require_newlines: bool = Field(
        default=False, description="each tag stands on a line of its own, the published style of open-r1"
    )

    def layout(self, item: CheckInput) -> Layout:
        rules = LayoutRules(
            self.think_tag,
            self.answer_tag,
            self.require_answer_tag,
            self.min_think_chars,
            self.allow_trailing_whitespace,
            self.require_newlines,
        )
        return layout_of(item.completion, rules, prefilled=self.prefilled(item))


class TagFormat(AnswerCheck):
    name: ClassVar[str] = "format"
    version: ClassVar[str] = "2"
    description: ClassVar[str] = "1 when the completion keeps the think/answer format exactly, else 0"
    source: ClassVar[str] = "DeepSeek-R1 (arXiv:2501.12948) section 2.2.2, format reward"
    params: ClassVar[type[Params]] = FormatParams
    detail: ClassVar[Mapping[str, str]] = {
        "failed": "the first rule that the completion breaks",
        "think_chars": "characters of the thinking, white space around it not counted; null where the tags are wrong",
        "answer_chars": "the same of the answer",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "format"}],
        "items": [
            {"completion": "<think>2+2=4</think><answer>4</answer>"},
            {"completion": "<think>2+2=4</think><answer>4</answer> I hope this helps!"},
            {"completion": "2+2=4</think><answer>4</answer>", "prompt": "What is 2+2?\n<think>\n"},
            {"completion": "<think>It ends with `</think>`.</think><answer>4</answer>"},
        ],
    }

    def judge(self, item: CheckInput, params: FormatParams) -> Verdict:
        layout = params.layout(item)
        detail = {
            "failed": layout.failed,
            "think_chars": None if layout.thinking is None else len(layout.thinking.strip()),
            "answer_chars": None if layout.answer is None else len(layout.answer.strip()),
        }
        return Verdict(float(layout.failed is None), detail)
