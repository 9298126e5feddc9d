"""The tokens of running text in which equations stand: numbers, signs, words, and what ends an equation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    NUMBER = auto()
    PERCENT = auto()
    OPERATOR = auto()  # its text is one of + - * /
    FRACTION = auto()  # \frac
    EQUALS = auto()
    ROUGHLY = auto()
    OPEN = auto()
    CLOSE = auto()
    WORD = auto()
    BREAK = auto()  # what ends an equation and leaves the next one alone
    CLOCK = auto()  # a colon or a comma between digits, as in 3:30 and 16,0000
    UNKNOWN = auto()  # a sign whose meaning is not known here: powers, roots, bars


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    start: int
    end: int


_GROUPS = re.compile(
    r"(?P<blank>[ \t\r\xa0&$€£¥°]+|\\[,;:! $]|\\(?:left|right|displaystyle|boxed|bigl?|bigr?|mathbf)(?![A-Za-z]))"
    r"|\\(?:text|mathrm|textbf|mbox|operatorname)\{(?P<label>[^{}\n]{0,80})\}"
    r"|(?P<number>[0-9]{1,3}(?:(?:,\\!|,|\{,\})[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(?P<percent>\\?%)"
    r"|(?P<relation>={1,2}>|[<>!]={1,2}|-{1,2}>|[<>≤≥≠→⇒])"
    r"|(?P<equals>={1,2}(?!=))|(?P<roughly>[≈≅≃]|~=)"
    r"|(?P<power>\*{2,3})|(?P<operator>[-+*/×·∙⋅∗✕✖÷∕⁄−–＋－＊／])"
    r"|(?P<open>[(\[{（])|(?P<close>[)\]}）])"
    r"|\\(?P<command>[A-Za-z]+)"
    r"|(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*)"
    r"|(?P<break>[\n.,;:?\"“”。，；：、#…]|\\\\|\\[()\[\]])"
    r"|(?P<unknown>.)",
    re.DOTALL,
)
_OPERATORS = str.maketrans("×·∙⋅∗✕✖÷∕⁄−–＋－＊／", "*******///--+-*/")
_BRACKETS = str.maketrans("（）", "()")
_COMMANDS = {
    "times": (Kind.OPERATOR, "*"),
    "cdot": (Kind.OPERATOR, "*"),
    "div": (Kind.OPERATOR, "/"),
    "frac": (Kind.FRACTION, ""),
    "dfrac": (Kind.FRACTION, ""),
    "tfrac": (Kind.FRACTION, ""),
    "approx": (Kind.ROUGHLY, ""),
    **dict.fromkeys(
        ("implies", "Rightarrow", "rightarrow", "to", "quad", "qquad", "newline", "therefore", "begin", "end"),
        (Kind.BREAK, ""),
    ),
}
_KINDS = {
    "number": Kind.NUMBER,
    "percent": Kind.PERCENT,
    "relation": Kind.BREAK,
    "equals": Kind.EQUALS,
    "roughly": Kind.ROUGHLY,
    "word": Kind.WORD,
    "unknown": Kind.UNKNOWN,
}


def tokens(text: str, start: int, stop: int) -> Iterator[Token]:
    """The tokens of `text[start:stop]`, blanks left out, in linear time."""
    for match in _GROUPS.finditer(text, start, stop):
        group = match.lastgroup
        if group != "blank":
            kind, content = _meaning(group, match, text)
            if kind is not None:
                yield Token(kind, content, match.start(), match.end())


def _meaning(group: str | None, match: re.Match[str], text: str) -> tuple[Kind | None, str]:
    content = match[0]
    if group == "operator":
        return Kind.OPERATOR, content.translate(_OPERATORS)
    if group == "open":
        return Kind.OPEN, content.translate(_BRACKETS)
    if group == "close":
        return Kind.CLOSE, content.translate(_BRACKETS)
    if group == "label":
        return Kind.WORD, match["label"].strip()
    if group == "command":
        return _COMMANDS.get(match["command"], (Kind.UNKNOWN, content))
    if group == "power":
        return _stars(match, text), content
    if group == "break":
        return _break(match, text), content
    return _KINDS[str(group)], content


def _stars(match: re.Match[str], text: str) -> Kind | None:
    """Two stars between operands are a power, else they make text bold and mean nothing."""
    before = text[max(0, match.start() - 2) : match.start()].rstrip()
    after = text[match.end() : match.end() + 2].lstrip()
    power = before[-1:].isdigit() or before[-1:] in (")", "]")
    return Kind.UNKNOWN if power and (after[:1].isdigit() or after[:1] in ("(", "-")) else None


def _break(match: re.Match[str], text: str) -> Kind:
    between = text[match.start() - 1 : match.start()].isdigit() and text[match.end() : match.end() + 1].isdigit()
    return Kind.CLOCK if between and match[0] in (":", ",") else Kind.BREAK
