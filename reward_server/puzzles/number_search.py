"""Whether a target can be made from up to six numbers, and how: an exact search that goes from the target backwards."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import combinations

MAX_SEARCHED = 6
QUICKLY_SEARCHED = 5  # takes 30 ms at most; six numbers take a second
SOLUTIONS_KEPT = 1024

Numbers = tuple[Fraction, ...]


@lru_cache(maxsize=SOLUTIONS_KEPT)
def solution(numbers: tuple[int, ...], target: int, *, use_all: bool = True) -> str | None:
    """An expression that makes the target, or None where there is none. At most MAX_SEARCHED numbers."""
    if len(numbers) > MAX_SEARCHED:
        raise ValueError(f"expected at most {MAX_SEARCHED} numbers, got {len(numbers)}")
    search = _Search()
    ordered = tuple(sorted(map(Fraction, numbers)))
    for size in (len(ordered),) if use_all else range(1, len(ordered) + 1):
        for chosen in dict.fromkeys(combinations(ordered, size)):
            if (found := search.reach(chosen, Fraction(target))) is not None:
                return found
    return None


class _Search:
    def __init__(self) -> None:
        self._values: dict[Numbers, dict[Fraction, str]] = {}
        self._reached: dict[tuple[Numbers, Fraction], str | None] = {}

    def reach(self, numbers: Numbers, target: Fraction) -> str | None:
        if len(numbers) <= 3:
            return self._all(numbers).get(target)
        key = numbers, target
        if key not in self._reached:
            self._reached[key] = self._reach(numbers, target)
        return self._reached[key]

    def _reach(self, numbers: Numbers, target: Fraction) -> str | None:
        """One of the two parts of the last operation has at most half of the numbers: its values are all known."""
        for small, rest in _splits(numbers):
            for value, text in self._all(small).items():
                if value == target == 0:
                    return f"({text} * {self._any(rest)})"  # zero times whatever the others make
                for needed, form in _needed(target, value):
                    if (other := self.reach(rest, needed)) is not None:
                        return form.format(text, other)
        return None

    @staticmethod
    def _any(numbers: Numbers) -> str:
        return "(" + " + ".join(f"({number})" for number in numbers) + ")"

    def _all(self, numbers: Numbers) -> dict[Fraction, str]:
        """Every value of all of the numbers."""
        if numbers not in self._values:
            found: dict[Fraction, str] = {}
            if len(numbers) == 1:
                found[numbers[0]] = str(numbers[0]) if numbers[0] >= 0 else f"({numbers[0]})"
            for small, rest in _splits(numbers):
                for a, left in self._all(small).items():
                    for b, right in self._all(rest).items():
                        for value, form in _combined(a, b):
                            found.setdefault(value, form.format(left, right))
            self._values[numbers] = found
        return self._values[numbers]


def _splits(numbers: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    indices = range(len(numbers))
    for size in range(1, len(numbers) // 2 + 1):
        for chosen in combinations(indices, size):
            yield tuple(numbers[i] for i in chosen), tuple(numbers[i] for i in indices if i not in chosen)


def _combined(a: Fraction, b: Fraction) -> Iterator[tuple[Fraction, str]]:
    yield a + b, "({0} + {1})"
    yield a - b, "({0} - {1})"
    yield b - a, "({1} - {0})"
    yield a * b, "({0} * {1})"
    if b:
        yield a / b, "({0} / {1})"
    if a:
        yield b / a, "({1} / {0})"


def _needed(target: Fraction, a: Fraction) -> Iterator[tuple[Fraction, str]]:
    """What the other part must come to, so that the two make the target."""
    yield target - a, "({0} + {1})"
    yield a - target, "({0} - {1})"
    yield target + a, "({1} - {0})"
    if a:
        yield target / a, "({0} * {1})"
        yield target * a, "({1} / {0})"
        if target:
            yield a / target, "({0} / {1})"
