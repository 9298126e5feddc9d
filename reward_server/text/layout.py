"""The think/answer layout of a completion: its parts, and the first rule that it breaks."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import islice

from reward_server.text.tags import Tag, tags

# Letters and symbols by their category, yet nothing is seen of them: the empty Braille pattern and the Hangul fillers.
_BLANK = frozenset("\u2800\u115f\u1160\u3164\uffa0")
_MUTE = _BLANK | frozenset(".,;:!?…·。、")


@dataclass(frozen=True, slots=True)
class LayoutRules:
    think_tag: str = "think"
    answer_tag: str = "answer"
    require_answer_tag: bool = True
    min_think_chars: int = 1
    allow_trailing_whitespace: bool = True
    require_newlines: bool = False

    @property
    def names(self) -> tuple[str, str]:
        return (self.think_tag, self.answer_tag)

    @property
    def wanted(self) -> list[str]:
        """The tags that have to stand in a completion, each once and in this order."""
        names = self.names if self.require_answer_tag else self.names[:1]
        return [written for name in names for written in (f"<{name}>", f"</{name}>")]


@dataclass(frozen=True, slots=True)
class Layout:
    """`failed` names the broken rule. The parts are None where the tags do not say which they are."""

    failed: str | None
    thinking: str | None = None
    answer: str | None = None


def layout_of(completion: str, rules: LayoutRules, *, prefilled: bool) -> Layout:
    """How a completion keeps the layout; `prefilled`: its first tag had already been written for it."""
    text = f"<{rules.think_tag}>{completion}" if prefilled else completion
    found = tags(text, rules.names)
    written = [str(tag) for tag in found]
    if written != rules.wanted:
        return Layout(_tag_fault(written, rules.wanted))
    edges = [0, *(edge for tag in found for edge in (tag.start, tag.end)), len(text)]
    before, thinking, *rest = (text[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2))
    between, answer, after = rest if rules.require_answer_tag else ("", rest[0], "")
    failed = _content_fault(before, thinking, between, answer, after, rules)
    return Layout(failed or _shape_fault(text, found, rules, prefilled=prefilled), thinking, answer)


def is_prefilled(prompt: str | None, think_tag: str) -> bool:
    """Whether the prompt ends with the opened tag, as chat templates of reasoning models write it."""
    return prompt is not None and prompt.rstrip().endswith(f"<{think_tag}>")


def has_content(part: str) -> bool:
    """Something is there that says something: `[]` may be an answer; full stops, or what nobody sees, are none."""
    return any(unicodedata.category(char)[0] in "LNSP" for char in part if char not in _MUTE)


def _content_fault(before: str, thinking: str, between: str, answer: str, after: str, rules: LayoutRules) -> str | None:
    if before.strip():
        return "text_before_think"
    if not _long_enough(thinking, rules.min_think_chars):
        return "think_too_short"
    if between.strip():
        return "text_between_think_and_answer"
    if not has_content(answer):
        return "answer_empty"
    return "text_after_answer" if after.strip() else None


def _shape_fault(text: str, found: list[Tag], rules: LayoutRules, *, prefilled: bool) -> str | None:
    if not rules.allow_trailing_whitespace and text[-1:].isspace():
        return "trailing_whitespace"
    own = found[1:] if prefilled else found
    if rules.require_newlines and not all(_on_own_line(text, tag) for tag in own):
        return "tag_not_on_own_line"
    return None


def _on_own_line(text: str, tag: Tag) -> bool:
    start = text.rfind("\n", 0, tag.start) + 1
    end = text.find("\n", tag.end)
    return not (text[start : tag.start].strip() or text[tag.end : end if end >= 0 else len(text)].strip())


def _long_enough(thinking: str, minimum: int) -> bool:
    if minimum == 0:
        return True
    visible = (char for char in thinking if char not in _BLANK and unicodedata.category(char)[0] not in "ZC")
    return has_content(thinking) and sum(1 for _ in islice(visible, minimum)) == minimum


def _tag_fault(written: list[str], wanted: list[str]) -> str:
    for tag in wanted:
        if written.count(tag) != 1:
            return f"{tag} {'missing' if tag not in written else 'repeated'}"
    return "tags_out_of_order" if sorted(written) == sorted(wanted) else "unexpected_tag"
