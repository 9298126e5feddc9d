"""One equation between two sides: is it true, is it trivial, and can that be told at all?"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from reward_server.arithmetic.expression import Evaluated, evaluate_tokens, number
from reward_server.arithmetic.expression import Token as Term

MAX_TERMS = 200
LARGEST_ERROR = Fraction(1, 20)  # relative, of `998 ≈ 1000`

# Words of measures: an equation that has two different ones converts (`1 hour - 20 minutes`), and is left alone.
_MEASURES = {
    form: name
    for name, forms in {
        "second": "s sec secs second seconds",
        "minute": "min mins minute minutes",
        "hour": "h hr hrs hour hours",
        "day": "day days",
        "week": "week weeks",
        "month": "month months",
        "year": "year years yr yrs decade decades century centuries",
        "cent": "cent cents penny pennies nickel nickels dime dimes quarter quarters",
        "dollar": "dollar dollars buck bucks",
        "inch": "inch inches in",
        "foot": "foot feet ft",
        "yard": "yard yards yd",
        "mile": "mile miles",
        "metre": "m meter meters metre metres",
        "centimetre": "cm centimeter centimeters",
        "millimetre": "mm millimeter millimeters",
        "kilometre": "km kilometer kilometers",
        "gram": "g gram grams",
        "kilogram": "kg kilogram kilograms",
        "ounce": "oz ounce ounces",
        "pound": "lb lbs pound pounds",
        "ton": "ton tons tonne tonnes",
        "litre": "l liter liters litre litres",
        "millilitre": "ml milliliter milliliters",
        "cup": "cup cups",
        "pint": "pint pints",
        "quart": "quart quarts",
        "gallon": "gallon gallons",
    }.items()
    for form in forms.split()
}


def measure(word: str) -> str | None:
    """The measure that a word names, or None."""
    return _MEASURES.get(word.lower())


@dataclass(frozen=True, slots=True)
class Reading:
    """A side with its percentages taken as hundredths, and as plain numbers."""

    exact: Evaluated
    plain: Evaluated
    decimals: int
    percent: bool

    @property
    def operations(self) -> int:
        return self.exact.operations


@dataclass
class Side:
    """One side of an equation as it is read: `terms` for the parser, and what a judge has to know beside them."""

    start: int = -1
    end: int = -1
    terms: list[Term] = field(default_factory=list)
    percents: list[int] = field(default_factory=list)  # places in `terms` of numbers with a percent sign
    measures: set[str] = field(default_factory=set)
    decimals: int = 0  # of the number read last
    words: bool = False  # words stand behind a number of it
    goes_on: bool = False  # its last number does: `16.66...`, `5 and 2/3`
    endless: bool = False  # there are more than MAX_TERMS
    bad: bool = False  # something stands in it that is not read here
    listed: bool = False  # a dash before it was taken for the mark of a list
    named: bool = False  # a word stands right before its first number, as in `Day 3 - 4 + 5 = 9`

    def add(self, term: Term, start: int, end: int) -> None:
        if self.start < 0:
            self.start = start
        self.end = end
        self.terms.append(term)
        if len(self.terms) > MAX_TERMS:
            self.bad = self.endless = True
            self.terms.clear()
            self.percents.clear()

    def add_measures(self, words: str) -> None:
        self.measures.update(name for word in words.split() if (name := measure(word)) is not None)

    def add_number(self, text: str, start: int, end: int) -> None:
        digits = "".join(char for char in text if char.isdigit() or char == ".")
        value = number(digits)
        self.decimals = len(digits.partition(".")[2])
        if value is None:
            self.bad = True
        else:
            self.add(value, start, end)

    @cached_property
    def reading(self) -> Reading | None:
        """What the side comes to, once it is complete; None where it is no expression of numbers alone."""
        if self.bad or not self.terms:
            return None
        plain = evaluate_tokens(self.terms)
        if not isinstance(plain, Evaluated):
            return None
        if not self.percents:
            return Reading(plain, plain, self.decimals, percent=False)
        hundredths = set(self.percents)
        exact = evaluate_tokens(
            [
                term / 100 if isinstance(term, Fraction) and i in hundredths else term
                for i, term in enumerate(self.terms)
            ]
        )
        return Reading(exact, plain, self.decimals, percent=True) if isinstance(exact, Evaluated) else None

    def with_terms(self, terms: list[Term], shift: int) -> Side:
        """The side with other terms, among which its percentages stand so many places farther back."""
        percents = [place + shift for place in self.percents]
        return Side(
            terms=terms, percents=percents, decimals=self.decimals, bad=self.bad or min(percents, default=0) < 0
        )

    def key(self) -> str:
        marks = set(self.percents)
        return " ".join(f"{term}%" if place in marks else str(term) for place, term in enumerate(self.terms))


@dataclass(frozen=True, slots=True)
class Link:
    """`key` is the same for equations that say the same. `right` is None where the equation is left alone."""

    key: str
    right: bool | None
    trivial: bool


def judged(left: Side, right: Side, *, roughly: bool) -> Link | None:
    """What can be said of an equation; None where it is none, or not one of arithmetic alone."""
    a, b = left.reading, right.reading
    if a is None or b is None or a.operations + b.operations == 0:
        return None
    key = f"{left.key()} = {right.key()}"
    if left.listed and not _agree(a, b, roughly) and (negative := left.with_terms(["-", *left.terms], 1).reading):
        a = negative if _agree(negative, b, roughly) else a  # a minus sign after all
    if left.terms == right.terms:
        return Link(key, None, trivial=True)
    true = _agree(a, b, roughly)
    if not true and (
        _says_something_else(left, a)
        or _ambiguous(left, right)
        or (right.goes_on and _begins(a, b))
        or _begins_behind_a_name(left, b, roughly)
    ):
        return Link(key, None, trivial=False)
    return Link(key, true, trivial=true and (_changes_nothing(a.exact, left) or _changes_nothing(b.exact, right)))


def _agree(a: Reading, b: Reading, roughly: bool) -> bool:
    """Whether two sides are equal with percentages as hundredths, or with the signs ignored (`1 / 4 * 100 = 25%`)."""
    shift = 2 if a.percent or b.percent else 0
    if _equal(a.exact, b.exact, a.decimals + shift * a.percent, b.decimals + shift * b.percent, roughly):
        return True
    return bool(shift) and _equal(a.plain, b.plain, a.decimals, b.decimals, roughly)


def _equal(a: Evaluated, b: Evaluated, a_decimals: int, b_decimals: int, roughly: bool) -> bool:
    if a.value == b.value:
        return True
    if b.operations == 0 and _rounds_to(a.value, b.value, b_decimals, roughly):
        return True
    return a.operations == 0 and _rounds_to(b.value, a.value, a_decimals, roughly)


def _rounds_to(value: Fraction, shown: Fraction, decimals: int, roughly: bool) -> bool:
    """Whether `shown` is `value` rounded to its digits: under `=` with a decimal point and two digits that count."""
    unit = Fraction(1, 10**decimals)
    digits = abs(shown) / unit
    if roughly:
        while digits and digits % 10 == 0 and decimals == 0:
            digits, unit = digits / 10, unit * 10
        near = unit <= 1 or abs(value - shown) <= LARGEST_ERROR * abs(value)
        return near and abs(value - shown) * 2 <= unit
    return decimals > 0 and digits >= 10 and abs(value - shown) * 2 <= unit


def _changes_nothing(read: Evaluated, side: Side) -> bool:
    """Whether a side is such as `a + 0`, `a * 1`, `0 * a`, `a - a` or `a * 1 + 0`: true, and nothing was worked out."""
    if read.operations == 0 or side.percents:
        return False
    if read.value in read.numbers:
        others = list(read.numbers)
        others.remove(read.value)
        return all(other in (0, 1) for other in others) or (read.operations == 1 and read.value == 0)
    return read.operations == 1 and read.value in (0, 1) and read.numbers[0] == read.numbers[-1]


def _begins_behind_a_name(left: Side, b: Reading, roughly: bool) -> bool:
    """Whether it is true from behind a dash on: `Day 3 - 4 + 5 = 9`."""
    if not left.named or len(left.terms) < 5 or left.terms[1] != "-":
        return False
    rest = left.with_terms(left.terms[2:], -2).reading
    return rest is not None and _agree(rest, b, roughly)


def _says_something_else(left: Side, a: Reading) -> bool:
    """`4 students = 4 * 1.5`: an expression for something that was named, not an equation of numbers."""
    return a.operations == 0 and left.words


def _ambiguous(left: Side, right: Side) -> bool:
    """Conversions, percentages that are added, and `25 / 1/3`, which is meant as 25 / (1/3)."""
    sides = (left, right)
    measures = left.measures | right.measures
    return (
        len(measures) > 1
        or "cent" in measures
        or any(_mixed_percent(side) or side.terms.count("/") > 1 for side in sides)
    )


def _begins(a: Reading, b: Reading) -> bool:
    """Whether a number that goes on is the beginning of the value: `16.66...` of 50/3, `5 and 2/3` of 17/3."""
    unit = Fraction(1, 10**b.decimals)
    return any(0 < abs(value - shown) < unit for value, shown in _pairs(a, b))


def _pairs(a: Reading, b: Reading) -> tuple[tuple[Fraction, Fraction], ...]:
    return (a.exact.value, b.exact.value), (a.plain.value, b.plain.value), (a.exact.value * 100, b.plain.value)


def _mixed_percent(side: Side) -> bool:
    """Whether a percentage is added to something, as on pocket calculators: `50 + 10%`."""
    return any(place > 0 and side.terms[place - 1] in ("+", "-") for place in side.percents)
