"""Polynomials with rational coefficients, read from text such as `3*x**2 - x/2`. Sizes are limited while they grow."""

from __future__ import annotations

import re
from fractions import Fraction

MAX_CHARS = 2000
MAX_DEGREE = 100
MAX_TERMS = 500
MAX_DIGITS = 40
MAX_DEPTH = 20

Monomial = tuple[tuple[str, int], ...]  # variables in order, with their powers
Polynomial = dict[Monomial, Fraction]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]{1,40}(?:\.[0-9]{1,20})?)|(?P<name>[A-Za-z])(?![A-Za-z])|(?P<sign>\*\*|[-+*/^()]))"
)


class NoPolynomial(ValueError):
    """The text is none, or one too large."""


def polynomial(text: str) -> Polynomial:
    """Raises NoPolynomial."""
    if len(text) > MAX_CHARS:
        raise NoPolynomial(f"longer than {MAX_CHARS} characters")
    reader = _Reader(_tokens(text.strip().replace("−", "-").replace("·", "*").replace("×", "*")))
    result = reader.sum(0)
    if reader.peek():
        raise NoPolynomial(f"{reader.peek()} has no place here")
    return result


def derivative(of: Polynomial, variable: str) -> Polynomial:
    result: Polynomial = {}
    for monomial, coefficient in of.items():
        powers = dict(monomial)
        power = powers.pop(variable, 0)
        if power > 1:
            powers[variable] = power - 1
        if power:
            _add(result, tuple(sorted(powers.items())), coefficient * power)
    return result


def variables(of: Polynomial) -> set[str]:
    return {name for monomial in of for name, _ in monomial}


def is_expanded(text: str, value: Polynomial) -> bool:
    """Whether the text shows each monomial once and no bracket: `(x + 1)*(x - 1)` is no product worked out."""
    bare = re.sub(r"\s|\^-|\*\*-", "", text).lstrip("+-")
    return "(" not in bare and len(re.findall(r"[+-]", bare)) + 1 == max(1, len(value))


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NoPolynomial(f"{text[position : position + 10]!r} cannot be read")
        tokens.append("**" if match["sign"] == "^" else match[0].strip())
        position = match.end()
    return tokens


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._position = 0

    def peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def sum(self, depth: int) -> Polynomial:
        if depth > MAX_DEPTH:
            raise NoPolynomial(f"brackets deeper than {MAX_DEPTH}")
        result = self._product(depth)
        while self.peek() in ("+", "-"):
            sign = 1 if self._next() == "+" else -1
            for monomial, coefficient in self._product(depth).items():
                _add(result, monomial, sign * coefficient)
        return result

    def _product(self, depth: int) -> Polynomial:
        result = self._signed(depth)
        while (sign := self.peek()) and sign not in ("+", "-", ")", "**"):
            if sign in ("*", "/"):
                self._next()
            factor = self._signed(depth)
            result = _quotient(result, factor) if sign == "/" else _times(result, factor)
        return result

    def _signed(self, depth: int) -> Polynomial:
        negative = False
        while self.peek() in ("+", "-"):
            negative ^= self._next() == "-"
        value = self._power(depth)
        return {monomial: -coefficient for monomial, coefficient in value.items()} if negative else value

    def _power(self, depth: int) -> Polynomial:
        base = self._atom(depth)
        if self.peek() != "**":
            return base
        self._next()
        exponent = self._next()
        if not exponent.isdigit() or len(exponent) > 3 or int(exponent) > MAX_DEGREE:
            raise NoPolynomial(f"expected a power of at most {MAX_DEGREE}")
        result: Polynomial = {(): Fraction(1)}
        for _ in range(int(exponent)):
            result = _times(result, base)
        return result

    def _atom(self, depth: int) -> Polynomial:
        found = self._next()
        if found == "(":
            inside = self.sum(depth + 1)
            if self._next() != ")":
                raise NoPolynomial("a bracket is not closed")
            return inside
        if found.isalpha():
            return {((found, 1),): Fraction(1)}
        if found[:1].isdigit():
            value = Fraction(found)
            return {(): value} if value else {}
        raise NoPolynomial(f"{found or 'the end'} stands where a number or a variable is due")

    def _next(self) -> str:
        token = self.peek()
        self._position += 1
        return token


def _add(to: Polynomial, monomial: Monomial, coefficient: Fraction) -> None:
    value = to.get(monomial, Fraction(0)) + coefficient
    if value:
        to[monomial] = value
    else:
        to.pop(monomial, None)
    if len(to) > MAX_TERMS:
        raise NoPolynomial(f"more than {MAX_TERMS} terms")


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    if len(a) * len(b) > MAX_TERMS * 4:
        raise NoPolynomial("a product too large")
    result: Polynomial = {}
    for left, x in a.items():
        for right, y in b.items():
            powers = dict(left)
            for name, power in right:
                powers[name] = powers.get(name, 0) + power
            if sum(powers.values()) > MAX_DEGREE or (x * y).numerator.bit_length() > 4000:
                raise NoPolynomial(f"a power above {MAX_DEGREE}, or a coefficient too large")
            _add(result, tuple(sorted(powers.items())), x * y)
    return result


def _quotient(a: Polynomial, b: Polynomial) -> Polynomial:
    if set(b) != {()}:
        raise NoPolynomial("expected a number as divisor, and not 0")
    return {monomial: coefficient / b[()] for monomial, coefficient in a.items()}
