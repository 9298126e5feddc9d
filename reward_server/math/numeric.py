"""Approximate complex values of expressions at pseudo-random real points, with high precision and bounded effort.

Sizes are checked before each operation that could make a number larger than the limits: a tower of powers is refused,
not computed. Odd roots of negative numbers are the real ones.
"""

import secrets
import threading
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from typing import Any, TypeVar

import mpmath

from reward_server.math.exact import NotExact, Undefined, fraction_of
from reward_server.math.nodes import Call, Constant, Node, Number, Percent, Power, Product, Sum, Symbol
from reward_server.math.vocabulary import ANGLE_FUNCTIONS, GROWING_FUNCTIONS

MAX_MAGNITUDE = 20_000  # bits before the binary point
MAX_ANGLE = 200  # bits of a trigonometric argument
MAX_GAMMA = 300
POINTS = 8
INTEGER = "∈ℤ"  # ends the name of a variable that stands for a positive integer

E = TypeVar("E")
Value = Any  # mpmath has no types: an mpf or mpc of the context


class TooLarge(Exception):
    """A number on the way would be beyond the limits."""


class Unsupported(Exception):
    """The node has no numeric value: a structure, infinity, or a function without a rule."""


class Evaluator:
    """Values at one precision; `digits` are the decimal digits that equality is judged by."""

    max_gamma = MAX_GAMMA

    def __init__(self, digits: int) -> None:
        self.digits = digits
        self.context = mpmath.mp.clone()
        self.context.dps = digits + 15
        self.tolerance = self.context.mpf(10) ** -digits

    def value(self, node: Node, point: int = 0) -> Value:
        """The value of the expression at a numbered point."""
        context = self.context
        match node:
            case Number(value):
                return self._fraction(value)
            case Symbol(name):
                return self._fraction(coordinate(name, point))
            case Constant(name):
                return self._constant(name)
            case Sum(terms):
                return context.fsum([self.value(term, point) for term in terms])
            case Product(factors):
                return self._product([self.value(factor, point) for factor in factors])
            case Power(base, exponent):
                return self._power(self.value(base, point), self.value(exponent, point), exponent)
            case Percent(inner):
                return self.value(inner, point) / 100
            case Call(name, arguments):
                return self._call(name, [self.value(argument, point) for argument in arguments])
        raise Unsupported

    def close(self, left: Value, right: Value) -> bool:
        """Whether two values agree to the digits of this evaluator, relative to the larger."""
        if not (self.context.isfinite(left) and self.context.isfinite(right)):
            return False
        size = max(abs(left), abs(right))
        return bool(abs(left - right) <= self.tolerance * size)

    def decimal_places(self, value: Value) -> int:
        """The digits before the decimal point, roughly."""
        return int(self.context.mag(value) * 0.302) if value != 0 else 0

    def is_real(self, value: Value) -> bool:
        return bool(abs(self.context.im(value)) <= self.tolerance * (1 + abs(value)))

    def _fraction(self, value: Fraction) -> Value:
        return self.context.mpf(value.numerator) / value.denominator

    def _constant(self, name: str) -> Value:
        if name == "inf":
            raise Unsupported
        return self.context.mpc(0, 1) if name == "i" else +getattr(self.context, name)

    def _product(self, values: list[Value]) -> Value:
        product = self.context.mpf(1)
        for value in values:
            product *= value
        self._check(product)
        return product

    def _check(self, value: Value) -> None:
        if value != 0 and self.context.mag(value) > MAX_MAGNITUDE:
            raise TooLarge

    def _power(self, base: Value, power: Value, exponent: Node) -> Value:
        context = self.context
        if base == 0:
            if context.re(power) < 0:
                raise Undefined
            return context.mpf(power == 0)
        self._check(power)
        if abs(power) * (abs(context.mag(base)) + 1) > MAX_MAGNITUDE and not self._near_one(base, power):
            raise TooLarge
        base = _real_if_real(context, base)
        if context.im(base) == 0 and base < 0 and (root := _odd_denominator(exponent)) is not None:
            return -((-base) ** power) if root.numerator % 2 else (-base) ** power
        return base**power

    def _finite(self, value: Value) -> Value:
        if not self.context.isfinite(value):
            raise Undefined
        return value

    def _near_one(self, base: Value, power: Value) -> bool:
        return bool(abs(power * self.context.log(base)) < MAX_MAGNITUDE)

    def _call(self, name: str, values: list[Value]) -> Value:
        if name.startswith("?"):
            return self._unknown(name, values)
        rule = _RULES.get((name, len(values)))
        if rule is None:
            raise Unsupported
        if name in ANGLE_FUNCTIONS and values[0] != 0 and self.context.mag(values[0]) > MAX_ANGLE:
            raise TooLarge
        if name in GROWING_FUNCTIONS and abs(values[0]) > MAX_MAGNITUDE:
            raise TooLarge
        if name in {"factorial", "binom"} and any(abs(value) > self.max_gamma for value in values):
            raise TooLarge
        if name in _REAL_ONLY and not all(self.is_real(value) for value in values):
            raise Unsupported
        try:
            return self._finite(rule(self.context, *values))
        except (ZeroDivisionError, ValueError) as error:
            raise Undefined from error

    def _unknown(self, name: str, values: list[Value]) -> Value:
        """An unknown function: a smooth one that belongs to the name and satisfies no identity by itself."""
        total = self._fraction(coordinate(name, 0))
        for place, value in enumerate(values):
            self._check(value)
            salt = self._fraction(coordinate(f"{name}{place}", 0))
            total = total * salt + value * (value + salt) * (value * value + total)
        return total


_SECRET = secrets.token_bytes(16)
_NEGATIVE_POINTS = ((4, 5), (4, 6), (4, 7), (5, 6), (5, 7), (6, 7))


_WHOLE_NUMBERS = 37  # integer variables take the values from 1 to this prime


@lru_cache(maxsize=8192)
def coordinate(name: str, point: int) -> Fraction:
    """The value of a variable at a numbered point: positive at four, negative at two of the other four.

    Which two depends on the name, so that two variables mostly meet with both mixtures of signs. The first point is
    moved by less than a millionth, by each process elsewhere: no formula can be made to vanish at all of them.
    """
    if name.endswith(INTEGER):
        return Fraction(_whole(name, point))
    digest = int.from_bytes(blake2b(f"{name}@{point}".encode(), digest_size=8).digest(), "big")
    size = Fraction(digest % 10_007 + 2_003, 10_007) * (1, 3, 11, 2, 1, 3, 7, 2)[point % POINTS]
    if point == 0:
        size += Fraction(int.from_bytes(blake2b(name.encode(), digest_size=8, key=_SECRET).digest(), "big"), 1 << 84)
    negative = _NEGATIVE_POINTS[blake2b(name.encode(), digest_size=8).digest()[0] % len(_NEGATIVE_POINTS)]
    return -size if point % POINTS in negative else size


def _whole(name: str, point: int) -> int:
    """The value of an integer variable: positive, and another one at each point."""
    start = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
    step = start // _WHOLE_NUMBERS % (_WHOLE_NUMBERS - 1) + 1
    return (start + step * point) % _WHOLE_NUMBERS + 1


class _Own(threading.local):
    """What one thread has made, by digits."""

    def __init__(self) -> None:
        self.made: dict[int, Any] = {}


def per_thread(make: Callable[[int], E]) -> Callable[[int], E]:
    """Evaluators by their digits, each made once for each thread: mpmath changes a context while it computes."""
    own = _Own()

    def of_this_thread(digits: int) -> E:
        made: E | None = own.made.get(digits)
        if made is None:
            made = own.made[digits] = make(digits)
        return made

    return of_this_thread


evaluator = per_thread(Evaluator)


def _odd_denominator(exponent: Node) -> Fraction | None:
    try:
        value = fraction_of(exponent)
    except (NotExact, Undefined):
        return None
    return value if value.denominator % 2 and value.denominator > 1 else None


def _real_if_real(context: Any, value: Value) -> Value:
    """The value as a real number where its imaginary part is nothing."""
    return context.re(value) if context.im(value) == 0 else value


def _root(context: Any, value: Value, index: Value) -> Value:
    value, index = _real_if_real(context, value), _real_if_real(context, index)
    if context.im(value) == 0 and value < 0 and context.im(index) == 0 and index == int(index) and int(index) % 2:
        return -((-value) ** (1 / index))
    return value ** (1 / index)


def _logarithm(context: Any, value: Value, base: Value) -> Value:
    if base == 0:
        raise ZeroDivisionError
    return context.log(value) / context.log(base)


def _of_integers(context: Any, name: str, *values: Value) -> Value:
    """A function that has a rule for integers only."""
    whole = [context.nint(context.re(value)) for value in values]
    if any(abs(value - near) > context.mpf(10) ** -30 for value, near in zip(values, whole, strict=True)):
        raise Unsupported
    try:
        value = fraction_of(Call(name, tuple(Number(Fraction(int(near))) for near in whole)))
    except NotExact as error:
        raise Unsupported from error
    return context.mpf(value.numerator) / value.denominator


def _argument(context: Any, value: Value) -> Value:
    if value == 0:
        raise ValueError("zero has no argument")
    return context.arg(value)


_OF_INTEGERS = (("gcd", 2), ("gcd", 3), ("lcm", 2), ("lcm", 3), ("doublefactorial", 1), ("perm", 2))
_REAL_ONLY = frozenset({"floor", "ceil", "max", "min", "sgn"})
_RULES: dict[tuple[str, int], Callable[..., Value]] = {
    **{
        (name, 1): lambda context, value, name=name: getattr(context, name)(value)
        for name in ANGLE_FUNCTIONS | GROWING_FUNCTIONS
    },
    **{
        (f"arc{name}", 1): lambda context, value, name=name: getattr(context, f"a{name}")(value)
        for name in (ANGLE_FUNCTIONS | GROWING_FUNCTIONS) - {"exp"}
    },
    **{key: lambda context, *values, name=key[0]: _of_integers(context, name, *values) for key in _OF_INTEGERS},
    **{
        (name, count): lambda context, *values, choose=choose: choose(context.re(value) for value in values)
        for name, choose in (("max", max), ("min", min))
        for count in range(1, 7)
    },
    ("Re", 1): lambda context, value: context.re(value),
    ("Im", 1): lambda context, value: context.im(value),
    ("conj", 1): lambda context, value: context.conj(value),
    ("arg", 1): _argument,
    ("sgn", 1): lambda context, value: context.sign(context.re(value)),
    ("ln", 1): lambda context, value: context.log(value),
    ("log", 1): lambda context, value: _logarithm(context, value, context.mpf(10)),
    ("lg", 1): lambda context, value: _logarithm(context, value, context.mpf(10)),
    ("log", 2): _logarithm,
    ("root", 2): _root,
    ("abs", 1): lambda context, value: abs(value),
    ("floor", 1): lambda context, value: context.floor(context.re(value)),
    ("ceil", 1): lambda context, value: context.ceil(context.re(value)),
    ("factorial", 1): lambda context, value: context.gamma(value + 1),
    ("binom", 2): lambda context, top, bottom: context.binomial(top, bottom),
}
