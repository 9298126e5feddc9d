"""Tags such as `<think>` as tokens, and the code in which they are only quoted. Linear time on any text.

Code hides the tags in it: fenced blocks (``` or ~~~, opened at the start of a line) and inline spans between runs of
backticks of equal length within a paragraph, both as in CommonMark 0.31. Models do not close all that they open, so
four rules go beyond it, and none of them lets code swallow the structure of a completion:

- A fence or a run of backticks that is never closed is no code.
- Inside open sections, code never holds the last closing tag of one of them: what would is no code. So a thought
  that forgets to close its block still ends at `</think>`, while a thought that quotes `</think>` does not end there.
- In a text with very many marks nothing is code, so that no text keeps the reader busy.
- A fence may stand right behind a tag on the same line, and be closed right before one, as in "<answer>```".
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple

_LEAD = re.compile(
    r"[ \t]*+(?:(?:[-*+>]|[0-9]{1,9}[.)])[ \t]++)*+"
)  # what may stand before a fence: list and quote marks
_FENCE_MARKS = 3
MOST_EVENTS = 30_000  # marks, tags and empty lines; honest text of a megabyte has fewer


class Tag(NamedTuple):
    name: str
    closing: bool
    start: int
    end: int

    def __str__(self) -> str:
        return f"<{'/' if self.closing else ''}{self.name}>"


class _Event(NamedTuple):
    start: int
    end: int
    mark: str  # "`" or "~"; "<" for a tag, "\n" for the end of a paragraph
    opens: bool  # a fence can be opened here
    closes: bool  # a fence can be closed here

    @property
    def is_fence(self) -> bool:
        return self.opens or self.closes


def tags(text: str, names: tuple[str, ...]) -> list[Tag]:
    """The opening and closing tags of these names that are not quoted in code, in order."""
    found = _all_tags(text, names)
    if not found or not _may_hold_code(text) or _is_plain(text, found):
        return found
    return _read(text, names)[0]


def code_spans(text: str) -> list[tuple[int, int]]:
    """Where fenced blocks and inline code begin and end, their marks included."""
    return _read(text, ())[1] if _may_hold_code(text) else []


class Block(NamedTuple):
    """A fenced block of code; `info` is what stands behind its opening marks."""

    info: str
    code: str
    start: int
    end: int


def fenced_blocks(text: str) -> list[Block]:
    """The fenced blocks that are closed, in order."""
    blocks = []
    for start, end in code_spans(text):
        first, newline, rest = text[start:end].partition("\n")
        if newline and first.startswith(("```", "~~~")):
            blocks.append(Block(first.lstrip("`~").strip(), rest.rpartition("\n")[0], start, end))
    return blocks


def without_code(text: str) -> str:
    """The text with every fenced block and inline code replaced by one space."""
    spans = code_spans(text)
    if not spans:
        return text
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    return " ".join(text[start:end] for start, end in list(pairwise(edges))[::2])


def _all_tags(text: str, names: tuple[str, ...]) -> list[Tag]:
    return [_tag(match.group(), match.start()) for match in _tag_pattern(names).finditer(text)]


def _is_plain(text: str, found: list[Tag]) -> bool:
    """Whether it is clear without reading the code that no tag is quoted: sections stand one after the other, each name
    once, with no mark of code outside of them. No code reaches over the one closing tag of a section.
    """
    end = 0
    for opening, closing in zip(found[::2], found[1::2], strict=False):
        gap = text[end : opening.start]
        if opening.closing or not closing.closing or opening.name != closing.name or _may_hold_code(gap):
            return False
        end = closing.end
    return len(found) == 2 * len({tag.name for tag in found})


def _may_hold_code(text: str) -> bool:
    return "`" in text or "~~~" in text


def _read(text: str, names: tuple[str, ...]) -> tuple[list[Tag], list[tuple[int, int]]]:
    events = _events(text, names)
    if len(events) > MOST_EVENTS:
        return _all_tags(text, names), []
    partners = _partners(events)
    last_closing = {name: text.rfind(f"</{name}>") for name in names}
    found: list[Tag] = []
    code: list[tuple[int, int]] = []
    open_sections: set[str] = set()
    index = 0
    while index < len(events):
        event = events[index]
        partner = partners[index]
        if event.mark == "<":
            found.append(_tag(text[event.start : event.end], event.start))
            change = open_sections.discard if found[-1].closing else open_sections.add
            change(found[-1].name)
        elif partner is not None and not _is_escaped(text, event):
            end = events[partner].end
            if not any(event.start < last_closing[name] < end for name in open_sections):
                code.append((event.start, end))
                index = partner
        index += 1
    return found, code


def _events(text: str, names: tuple[str, ...]) -> list[_Event]:
    """Tags, runs of marks and ends of paragraphs, one more than MOST_EVENTS at most.

    Each gap between two of them is looked at once.
    """
    events: list[_Event] = []
    tag_pattern = _tag_pattern(names)
    seen, leads = 0, True  # `leads`: nothing but tags and leads stands between the start of the line and `seen`
    for match in islice(_event_pattern(names).finditer(text), MOST_EVENTS + 1):
        start, end = match.span()
        mark = text[start]
        if mark == "\n":
            events.append(_Event(start, end, mark, False, False))
            continue
        newline = text.rfind("\n", seen, start)
        leads = (leads or newline >= 0) and _LEAD.fullmatch(text, max(seen, newline + 1), start) is not None
        opens = closes = False
        if leads and mark != "<" and end - start >= _FENCE_MARKS:
            opens, closes = _fence_roles(text, mark, end, tag_pattern)
        events.append(_Event(start, end, mark, opens, closes))
        seen, leads = end, leads and mark == "<"
    return events


def _fence_roles(text: str, mark: str, end: int, tag_pattern: re.Pattern[str]) -> tuple[bool, bool]:
    """Whether marks at the start of a line can open a block, and whether they can close one."""
    newline = text.find("\n", end)
    rest = text[end : newline if newline >= 0 else len(text)]
    info = rest.strip()
    opens = tag_pattern.search(rest) is None and not (mark == "`" and "`" in rest)
    return opens, not info or tag_pattern.match(info) is not None


def _partners(events: list[_Event]) -> list[int | None]:
    """For each mark, the event that would close the code it opens."""
    partners: list[int | None] = [None] * len(events)
    fences = {"`": _Closers(), "~": _Closers()}
    runs: dict[int, int] = {}  # length of a run of backticks → the next run of that length in the paragraph
    for index in range(len(events) - 1, -1, -1):
        event = events[index]
        if event.mark == "<":
            continue
        if event.mark == "\n" or event.is_fence:
            runs.clear()
        if event.is_fence:
            length = event.end - event.start
            if event.opens:
                partners[index] = fences[event.mark].next(length)
            if event.closes:
                fences[event.mark].add(length, index)
        elif event.mark == "`":
            length = event.end - event.start
            partners[index] = runs.get(length)
            runs[length] = index
    return partners


class _Closers:
    """Fences that can close a block, added from the end of the text: a nearer one hides farther ones not longer."""

    def __init__(self) -> None:
        self._shortness: list[int] = []  # minus the lengths, growing
        self._indices: list[int] = []

    def add(self, length: int, index: int) -> None:
        while self._shortness and -self._shortness[-1] <= length:
            self._shortness.pop()
            self._indices.pop()
        self._shortness.append(-length)
        self._indices.append(index)

    def next(self, length: int) -> int | None:
        """The nearest one that is at least this long."""
        place = bisect_right(self._shortness, -length)
        return self._indices[place - 1] if place else None


def _is_escaped(text: str, event: _Event) -> bool:
    """Whether an odd number of backslashes stands before a run of backticks that is no fence."""
    if event.is_fence:
        return False
    place = event.start
    while place and text[place - 1] == "\\":
        place -= 1
    return (event.start - place) % 2 == 1


def _tag(written: str, start: int) -> Tag:
    closing = written[1] == "/"
    return Tag(written[1 + closing : -1], closing, start, start + len(written))


@lru_cache(maxsize=64)
def _tag_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"</?(?:{'|'.join(map(re.escape, names))})>" if names else r"(?!)")


@lru_cache(maxsize=64)
def _event_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    # Each alternative begins with a letter of its own: so `re` skips what begins none, several times faster.
    return re.compile(rf"``*+|~~~~*+|{_tag_pattern(names).pattern}|\n[ \t\r]*+(?=\n)")
