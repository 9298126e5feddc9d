"""The parts of a completion: thinking, and what was finally said. Linear time on any text.

Tags that are only quoted in code are no tags here, exactly as for the check `format`.
"""

from __future__ import annotations

from typing import Protocol

from reward_server.text.layout import is_prefilled
from reward_server.text.tags import Tag, tags

NAMES = ("think", "answer")  # read together, as for `format`: each says where the code of the other one ends


class Prompted(Protocol):
    """What is needed of an item to say where its thinking begins."""

    @property
    def completion(self) -> str: ...
    @property
    def prompt(self) -> str | None: ...
    @property
    def think_prefilled(self) -> bool | None: ...


def with_prefill(item: Prompted) -> str:
    """The completion behind the <think> that a chat template wrote for it: cut off, it is a thought and no answer."""
    prefilled = is_prefilled(item.prompt, "think") if item.think_prefilled is None else item.think_prefilled
    return "<think>" + item.completion if prefilled else item.completion


def after_thinking(completion: str) -> str | None:
    """What follows the last </think>; all of it where nobody thought aloud; None where a thought is still open."""
    if _is_plain(completion):
        text = completion.rpartition("</think>")[2]
        return None if "<think>" in text else text
    found, shift = _thinking_tags(completion)
    if found and not found[-1].closing:
        return None
    return completion[found[-1].end - shift :] if found else completion


def thinking(completion: str) -> str:
    """What was thought aloud: all up to the last </think>, without the tag that opens it; empty where there is none."""
    found, shift = _thinking_tags(completion)
    closing = next((tag for tag in reversed(found) if tag.closing), None)
    thought = completion[: closing.start - shift] if closing else completion if found else ""
    return thought.lstrip().removeprefix("<think>")


def answer_tag(text: str) -> str | None:
    """The inside of the last <answer>, which the end of the text closes too; None where there is no such tag."""
    if "<answer>" not in text:
        return None
    found = _named("answer", text)
    last = next((i for i in range(len(found) - 1, -1, -1) if not found[i].closing), None)
    if last is None:
        return None
    return text[found[last].end : found[last + 1].start if last + 1 < len(found) else len(text)]


def final_answer(completion: str) -> str | None:
    """The inside of <answer> behind the thinking, else all that is there; None where a thought is still open."""
    text = after_thinking(completion)
    inside = None if text is None else answer_tag(text)
    return text if inside is None else inside


def _is_plain(completion: str) -> bool:
    """Whether it is clear without reading the code in it where the thinking ends."""
    if "think>" not in completion or ("`" not in completion and "~~~" not in completion):
        return True
    opened = completion.count("<think>")
    at_start = opened == 1 and completion.lstrip().startswith("<think>")
    return (opened == 0 or at_start) and completion.count("</think>") == 1


def _thinking_tags(completion: str) -> tuple[list[Tag], int]:
    """The tags, and by how much their places are shifted: a thought that is closed first was opened by the prompt."""
    if "</think>" in completion.partition("<think>")[0]:
        return _named("think", "<think>" + completion), len("<think>")
    return _named("think", completion), 0


def _named(name: str, text: str) -> list[Tag]:
    return [tag for tag in tags(text, NAMES) if tag.name == name]
