"""Takes notation out of prose: code, formulas, commands, addresses, tags and relations. What is left is words.

One pass from left to right. At each opening sign the closing one is looked for with `str.find`, and where it lies, or
that there is none, is remembered, so that no text is read more than a few times: `\\(` a hundred thousand times costs
what prose of that length costs. An opening sign without its closing one is a character like any other, except for a
fence at the start of a line, which runs to the end as in CommonMark.

`$` opens a formula by pandoc's rule: closed in the same line, no space behind the opening sign and none before the
closing one, no digit behind that. `$5 and $10` is money.

Chinese, Cyrillic and other words in which no notation is written stay, in formulas and in code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


MAX_INDENT = 80  # of a fence of code, in characters
MAX_FENCE = 8  # signs of a fence that tell it from others
_OPENING = re.compile(r"[`~$\\<>=≤≥≠≈≡]")
_SIGN = re.compile(
    r"`+|~+|\$\$?|\\(?:begin\{(?P<environment>[a-zA-Z]+\*?)\}|[A-Za-z]+\*?|[\s\S]|$)|<|>+=?|=+>?|[≤≥≠≈≡]"
)
_TAG = re.compile(r"<(?:/?[A-Za-z][\w:-]*(?:\s+[\w:-]+\s*=[^<>\n]{0,200})?\s*/?|[|｜][^<>\n]{0,60}[|｜])>")
# Of ASCII characters without what opens or closes notation around an address.
_ADDRESS = re.compile(r"(?:https?://|(?<![A-Za-z0-9])www\.)[!#%-;=?-\[\]-_a-~]*(?<![.,;:!?)])")
_DRAWING = re.compile(r"\[asy\][^\[]*(?:\[(?!/?asy\])[^\[]*)*\[/asy\]")  # Asymptote, as in solutions of contests
_ENVIRONMENTS = _names(
    "equation align aligned alignat gather gathered multline eqnarray split cases dcases array subarray displaymath"
    " math matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix tabular verbatim lstlisting minted tikzpicture"
)
# Their argument is prose where they stand outside a formula.
_TEXT_COMMANDS = _names(
    "text textbf textit textrm textsf texttt textnormal textup textsl textsc emph underline mbox"
    " section subsection subsubsection paragraph caption footnote item"
)
_BRACES = re.compile(r"\\[\s\S]|[{}]")
_SCRIPT = re.compile(r"[_^](?:\{|\\[A-Za-z]+|[^\s{\\])")
_OPERAND = r"(?:[A-Za-z0-9_()\[\]|+*/^%'×·÷-]|[.,](?=[0-9]))+"
_RIGHT_SIDE = re.compile(rf"[ \t]*{_OPERAND}(?:[ \t]*[-+*/^×·÷][ \t]*{_OPERAND})*")
_LEFT_OPERAND = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_()[]|+*/^%'×·÷-")
_OPERATORS = frozenset("-+*/^×·÷")
# Letters of writing in which no notation is written: else `\\text{总价}` and comments would be places to hide thoughts.
_WORDS_IN_NOTATION = re.compile(
    "[\u0400-\u052f\u0600-\u06ff\u0900-\u0fff\u1100-\u11ff\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]+"
)


@dataclass(frozen=True)
class Cleaned:
    """`prose` has a space for each part that was taken out; `removed` are those parts."""

    prose: str
    removed: tuple[str, ...]

    @property
    def removed_chars(self) -> int:
        return sum(map(len, self.removed))


def clean(text: str) -> Cleaned:
    """The prose of a text and what was taken out of it."""
    found: list[str] = []
    if "://" in text or "www." in text:
        found = _ADDRESS.findall(text)
        text = _ADDRESS.sub(" ", text)
    if "[/asy]" in text:
        found += [_split(drawing)[0] for drawing in _DRAWING.findall(text)]
        text = _DRAWING.sub(lambda drawing: _split(drawing.group())[1], text)
    scanner = _Scanner(text)
    scanner.run()
    return Cleaned("".join(scanner.kept), (*found, *scanner.removed))


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.kept: list[str] = []
        self.removed: list[str] = []
        self._from = 0  # where the part begins of which nothing is decided yet
        self._found: dict[str, int] = {}
        self._no_dollar_before = 0  # no `$` can close between here and the last looked-at opening one
        self._closing_braces: dict[int, int] | None = None

    def run(self) -> None:
        at = 0
        while opening := _OPENING.search(self.text, at):
            at = self._read(opening.start(), opening.group())
        self.kept.append(self.text[self._from :])

    def _read(self, start: int, first: str) -> int:
        """Where to go on behind an opening sign."""
        sign = _SIGN.match(self.text, start)
        if sign is None:
            return start + 1
        if first == "\\":
            return self._backslash(sign)
        if first == "$":
            return self._dollars(sign)
        if first in "`~":
            return self._code(sign)
        if first == "<" and (tag := _TAG.match(self.text, start)):
            return self._remove(start, tag.end())
        return self._relation(sign)

    def _code(self, match: re.Match[str]) -> int:
        start, inside, sign = match.start(), match.end(), match.group()
        if sign in ("~", "~~"):
            return inside
        if len(sign) < 3:
            end = self._find(sign, inside)
            return self._remove(start, end + len(sign)) if 0 <= end < self._line_end(inside) else inside
        if sign[0] == "~" and not self._begins_line(start):
            return inside
        end = self._find(sign[:MAX_FENCE], inside)
        if end < 0:
            return self._remove(start, len(self.text)) if self._begins_line(start) else inside
        closing = re.compile(re.escape(sign[0]) + "+").match(self.text, end)
        return self._remove(start, closing.end() if closing else end)

    def _begins_line(self, at: int) -> bool:
        """Whether nothing but an indentation stands in front."""
        before = self.text[max(0, at - MAX_INDENT) : at].rstrip(" \t")
        return not before or before[-1] == "\n"

    def _dollars(self, match: re.Match[str]) -> int:
        start, inside = match.span()
        if match.group() == "$$":
            end = self._find("$$", inside)
            return self._remove(start, end + 2) if end >= 0 else inside
        if self.text[inside : inside + 1].isspace() or start < self._no_dollar_before:
            return inside
        line_end = self._line_end(inside)
        end = self.text.find("$", inside + 1, line_end)
        while end >= 0:
            if self._closes(end):
                return self._remove(start, end + 1)
            end = self.text.find("$", end + 1, line_end)
        self._no_dollar_before = line_end
        return inside

    def _closes(self, dollar: int) -> bool:
        before, behind = self.text[dollar - 1], self.text[dollar + 1 : dollar + 2]
        return not before.isspace() and before != "\\" and not (behind.isascii() and behind.isdigit())

    def _backslash(self, match: re.Match[str]) -> int:
        start, inside, sign = match.start(), match.end(), match.group()
        if sign in ("\\[", "\\("):
            return self._bracketed(start, inside, "\\]" if sign == "\\[" else "\\)")
        name = match["environment"]
        if name and name.rstrip("*") in _ENVIRONMENTS:
            closing = f"\\end{{{name}}}"
            end = self._find(closing, inside)
            return self._remove(start, end + len(closing)) if end >= 0 else self._remove(start, inside)
        if not sign[1:2].isascii() or not sign[1:2].isalpha():
            return inside
        if sign[1:] in _TEXT_COMMANDS:
            return self._remove(start, inside)
        return self._remove(start, inside if name else self._arguments(inside))

    def _bracketed(self, start: int, inside: int, closing: str) -> int:
        """A formula does not run over an empty line: there the closing sign has been forgotten."""
        end = self._find(closing, inside)
        paragraph = self._find("\n\n", inside)
        if end < 0 or 0 <= paragraph < end:
            return inside
        return self._remove(start, end + len(closing))

    def _arguments(self, at: int) -> int:
        """The end of the arguments, indices and exponents of a command whose name ends at `at`."""
        while at < len(self.text):
            if self.text[at] == "{":
                end = self._brace(at)
            elif self.text[at] == "[":
                end = self._find("]", at)
                end = end if end < self._line_end(at) else -1
            elif script := _SCRIPT.match(self.text, at):
                end = self._brace(script.end() - 1) if script.group().endswith("{") else script.end() - 1
            else:
                return at
            if end < 0:
                return at
            at = end + 1
        return at

    def _brace(self, opening: int) -> int:
        """Where the brace closes, or -1."""
        if self._closing_braces is None:
            self._closing_braces = _matched_braces(self.text, opening)
        return self._closing_braces.get(opening, -1)

    def _relation(self, match: re.Match[str]) -> int:
        """A relation goes with the operands on both sides of it; arrows and quotations are none."""
        start, inside, sign = match.start(), match.end(), match.group()
        if sign in ("=>", "==>") or (sign[0] == ">" and start and self.text[start - 1] in "-="):
            return inside
        left = self._left_side(start)
        right = _RIGHT_SIDE.match(self.text, inside)
        if left == start or right is None:
            return inside
        return self._remove(left, right.end())

    def _left_side(self, at: int) -> int:
        """Where the expression begins that ends at `at`; `at` where there is none. Stops at what is done."""
        text, floor, begin = self.text, self._from, at
        while True:
            end = at
            while end > floor and text[end - 1] in " \t":
                end -= 1
            start = end
            while start > floor and text[start - 1] in _LEFT_OPERAND:
                start -= 1
            if start == end:
                return begin
            begin = at = start
            while at > floor and text[at - 1] in " \t":
                at -= 1
            if not (text[begin] in _OPERATORS or (at > floor and text[at - 1] in _OPERATORS)):
                return begin

    def _find(self, closing: str, at: int) -> int:
        """Where `closing` is next, or -1. What was found is remembered until the scan has passed it."""
        known = self._found.get(closing)
        if known is None or 0 <= known < at:
            known = self._found[closing] = self.text.find(closing, at)
        return known

    def _line_end(self, at: int) -> int:
        end = self._find("\n", at)
        return end if end >= 0 else len(self.text)

    def _remove(self, start: int, end: int) -> int:
        """Words of a script in which no notation is written stay: they are prose in formulas and code too."""
        removed, words = _split(self.text[start:end])
        self.kept += (self.text[self._from : start], words)
        self.removed.append(removed)
        self._from = end
        return end


def _split(notation: str) -> tuple[str, str]:
    """The notation without words of other scripts, and these with a space around each."""
    words = [] if notation.isascii() else _WORDS_IN_NOTATION.findall(notation)
    return (_WORDS_IN_NOTATION.sub("", notation), f" {' '.join(words)} ") if words else (notation, " ")


def _matched_braces(text: str, start: int) -> dict[int, int]:
    """Opening brace → its closing one, from `start` on; escaped ones are none."""
    opened: list[int] = []
    closing: dict[int, int] = {}
    for match in _BRACES.finditer(text, start):
        if match.group() == "{":
            opened.append(match.start())
        elif match.group() == "}" and opened:
            closing[opened.pop()] = match.start()
    return closing
