"""The exact value of an arithmetic expression, and the numbers it uses.

A recursive descent over `+ - * /` and brackets, the only things that count games allow. There are no powers, no floor
division and no juxtaposition (`2(3)`): each of them has let answers pass elsewhere that are none. Length, depth and
digits are limited before anything is computed, so that no text can keep the server busy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARS = 1000
MAX_NUMBERS = 100
MAX_DIGITS = 30
MAX_DEPTH = 30

_SIGNS = str.maketrans("×·∙⋅∗✕✖÷∕⁄−–﹣－＋＊／（）．［］", "*" * 7 + "///" + "----" + "+*/().[]")
_WIDE_DIGITS = str.maketrans("０１２３４５６７８９", "0123456789")
_TOKEN = re.compile(
    r"\s+|\\[,;:! ]|\\(?:left|right)(?![A-Za-z])|\$"  # nothing is meant by these
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(?P<refused>\*\*|//|\^)"
    r"|(?P<times>[xX](?=\s{0,9}[0-9.(\[{]))"
    r"|(?P<sign>[-+*/()\[\]{}])"
    r"|\\(?P<command>times|cdot|div|[dt]?frac)(?![A-Za-z])"
)
_COMMANDS = {"times": "*", "cdot": "*", "div": "/"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
FRACTION = "frac"

Token = Fraction | str


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an expression comes to. `numbers` stand in the order of the text; `whole`: none has a decimal point."""

    value: Fraction
    numbers: tuple[Fraction, ...]
    operations: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a text is no expression, in words for people."""

    why: str


class _Stop(Exception):
    """Ends a reading; its text becomes `Unreadable.why`."""


def evaluate(text: str) -> Evaluated | Unreadable:
    """The value of the expression that the whole text is."""
    if len(text) > MAX_CHARS:
        return Unreadable(f"longer than {MAX_CHARS} characters")
    try:
        tokens, whole = _tokens(text.translate(_SIGNS).translate(_WIDE_DIGITS))
    except _Stop as stop:
        return Unreadable(str(stop))
    read = evaluate_tokens(tokens)
    return Evaluated(read.value, read.numbers, read.operations, whole) if isinstance(read, Evaluated) else read


def evaluate_tokens(tokens: list[Token]) -> Evaluated | Unreadable:
    """The value of an expression of numbers, `+ - * /`, brackets and FRACTION, which two groups in braces follow."""
    if len(tokens) > MAX_CHARS:
        return Unreadable(f"longer than {MAX_CHARS} signs")
    numbers = tuple(token for token in tokens if isinstance(token, Fraction))
    if len(numbers) > MAX_NUMBERS:
        return Unreadable(f"more than {MAX_NUMBERS} numbers")
    if not numbers:
        return Unreadable("there is no number")
    parser = _Parser(tokens)
    try:
        value = parser.sum(0)
        parser.end()
    except _Stop as stop:
        return Unreadable(str(stop))
    return Evaluated(value, numbers, parser.operations)


def number(text: str) -> Fraction | None:
    """The value of digits with at most one point; None for more digits than are read."""
    return Fraction(text) if len(text) <= MAX_DIGITS else None


def _tokens(text: str) -> tuple[list[Token], bool]:
    tokens: list[Token] = []
    whole = True
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _Stop(f"{_shown(text[position])} is no sign of arithmetic")
        position = match.end()
        if match["refused"]:
            raise _Stop(f"{match[0]} is not among + - * /")
        if match["number"]:
            whole = whole and "." not in match[0]
            tokens.append(_number(match[0]))
        elif match["times"]:
            tokens.append("*")
        elif match["sign"]:
            tokens.append(match[0])
        elif match["command"]:
            tokens.append(_COMMANDS.get(match["command"], FRACTION))
    return tokens, whole


def _number(text: str) -> Fraction:
    value = number(text)
    if value is None:
        raise _Stop(f"a number of more than {MAX_DIGITS} digits")
    return value


def _shown(char: str) -> str:
    return repr(char) if char.isprintable() else f"U+{ord(char):04X}"


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self.operations = 0

    def end(self) -> None:
        if self._position < len(self._tokens):
            token = self._tokens[self._position]
            what = "an operator is missing" if isinstance(token, Fraction) or token in _CLOSING else f"{token} is open"
            raise _Stop(what)

    def sum(self, depth: int) -> Fraction:
        value = self._product(depth)
        while (sign := self._take("+", "-")) is not None:
            self.operations += 1
            other = self._product(depth)
            value = value + other if sign == "+" else value - other
        return value

    def _product(self, depth: int) -> Fraction:
        value = self._factor(depth)
        while (sign := self._take("*", "/")) is not None:
            self.operations += 1
            other = self._factor(depth)
            value = value * other if sign == "*" else _quotient(value, other)
        return value

    def _factor(self, depth: int) -> Fraction:
        sign = self._take("+", "-")
        token = self._next()
        if isinstance(token, Fraction):
            value = token
        elif token == FRACTION:
            self.operations += 1
            value = _quotient(self._group(depth), self._group(depth))
        elif token in _CLOSING:
            value = self._inside(token, depth)
        else:
            raise _Stop(f"a number is missing before {token}")
        return -value if sign == "-" else value

    def _group(self, depth: int) -> Fraction:
        if self._take("{") is None:
            raise _Stop("a fraction needs two groups in braces")
        return self._inside("{", depth)

    def _inside(self, opening: str, depth: int) -> Fraction:
        if depth == MAX_DEPTH:
            raise _Stop(f"brackets deeper than {MAX_DEPTH}")
        value = self.sum(depth + 1)
        if self._take(_CLOSING[opening]) is None:
            raise _Stop(f"{opening} is not closed")
        return value

    def _take(self, *signs: str) -> str | None:
        if self._position < len(self._tokens):
            token = self._tokens[self._position]
            if isinstance(token, str) and token in signs:
                self._position += 1
                return token
        return None

    def _next(self) -> Token:
        if self._position == len(self._tokens):
            raise _Stop("a number is missing at the end")
        self._position += 1
        return self._tokens[self._position - 1]


def _quotient(value: Fraction, divisor: Fraction) -> Fraction:
    if divisor == 0:
        raise _Stop("division by zero")
    return value / divisor
