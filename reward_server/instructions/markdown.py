"""The marks of markdown that instructions ask for: dividers, bullets, highlights, placeholders, titles. Linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reward_server.instructions.text import says_something

# Three asterisks, on a line of their own also `* * *`; `***bold***` divides nothing, and six divide responses.
_DIVIDER = re.compile(r"^[ \t]*+\*[ \t]*+\*[ \t]*+\*[ \t]*+$|(?<!\S)\*\*\*(?!\S)", re.MULTILINE)
_SIX_ASTERISKS = re.compile(r"(?<!\*)\*{6}(?!\*)")
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
# The space may be missing before a word, as it may in the original; `*emphasis*` is none.
_BULLET = re.compile(r"[ \t]*(?:[*+-][ \t]+(?=\S)|-(?=[^\W\d_])|\*(?=[\w(])(?!.*\*))")
_RULE = re.compile(r"[ \t]*([*+-])(?:[ \t]*\1)*[ \t]*$")
_FENCE = re.compile(r"[ \t]*(```|~~~)")
_ASTERISKS = re.compile(r"\*+")
_PLACEHOLDER = re.compile(r"\[([^\[\]\n]*)\]")


def divided(text: str) -> list[str]:
    """The parts between `***` dividers."""
    return [part.strip() for part in _DIVIDER.split(text)]


def six_asterisk_parts(text: str) -> list[str]:
    """The parts between `******`."""
    return [part.strip() for part in _SIX_ASTERISKS.split(text)]


def paragraphs(text: str) -> list[str]:
    """The parts between blank lines."""
    return [part for part in _BLANK_LINES.split(text) if part.strip()]


def count_bullets(lines: Sequence[str]) -> int:
    """List items that say something, nested ones too. Rules (`---`), `*emphasis*`, `-5` and lines of code are none."""
    return sum(
        1
        for line in outside_code(lines)
        if (bullet := _BULLET.match(line)) and not _RULE.match(line) and says_something(line[bullet.end() :])
    )


def outside_code(lines: Sequence[str]) -> Iterator[str]:
    """The lines that are not inside fenced code, nor its fences; a fence that is never closed reaches to the end."""
    fence = None
    for line in lines:
        mark = _FENCE.match(line)
        if mark is None:
            if fence is None:
                yield line
        elif fence is None:
            fence = mark[1]
        elif fence == mark[1]:
            fence = None


def count_highlights(lines: Sequence[str]) -> int:
    """Texts between `*`, `**` or `***` on one line; the asterisks of bullets and products highlight nothing."""
    return sum(_highlights(line) for line in lines if line.count("*") > 1)


def _highlights(line: str) -> int:
    count = 0
    opened: dict[int, int] = {}  # number of asterisks → where what they highlight begins
    for run in _ASTERISKS.finditer(line):
        size, start, end = len(run.group()), run.start(), run.end()
        if size in opened and not line[start - 1].isspace():
            begin = opened[size]
            count += says_something(line[begin:start])
            opened = {wider: at for wider, at in opened.items() if at < begin}
        elif size <= 3 and end < len(line) and not line[end].isspace():
            opened[size] = end
    return count


def count_placeholders(text: str) -> int:
    """`[…]` on one line with something inside."""
    return sum(1 for inside in _PLACEHOLDER.findall(text) if inside.strip())


def has_title(lines: Sequence[str]) -> bool:
    """Somewhere stands `<<…>>` on one line with something said inside."""
    return any(_titled(line) for line in lines if "<<" in line)


def _titled(line: str) -> bool:
    start = line.find("<<")
    while start >= 0:
        end = line.find(">>", start + 2)
        if end < 0:
            return False
        if says_something(line[start + 2 : end]):
            return True
        start = line.find("<<", end + 2)
    return False
