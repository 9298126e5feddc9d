"""Numbers as people write them, exact: `1,200.50`, `$3`, `1 1/2`, `\\frac{3}{4}`, `1.5e-3`, `2 \\times 10^6`, `50%`.

Nothing is evaluated: a text with arithmetic or a variable in it is no number. One whose power of ten is beyond a
thousand keeps it as an exponent, so that `1e999999999` costs nothing.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARS = 4_000
MAX_DIGITS = 1_000
MAX_POWER = 1_000

_PLAIN = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "﹣": "-",
        "－": "-",
        "＋": "+",
        "．": ".",
        "％": "%",
        "＄": "$",
        "，": ",",
        "／": "/",
        "×": "*",
        "⁄": "/",
        **{sign: " " + unicodedata.normalize("NFKC", sign).replace("⁄", "/") for sign in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"},
    }
    | {chr(ord("０") + digit): str(digit) for digit in range(10)}
)
_DROPPED = re.compile(
    r"\\[!,;: ]|\\(?:left|right|displaystyle|mathrm|text|mathbf|textbf)(?![A-Za-z])|\{,\}|[\u00a0\u202f\u2009]"
)
_FRACTION = re.compile(r"\\[dt]?frac\s?\{?\s?(-?\d{1,1000})\s?\}?\s?\{\s?(\d{1,1000})\s?\}|\\[dt]?frac(\d)(\d)(?!\d)")
_DIGITS = r"(?:\d{1,3}(?:,\d{3}){1,400}(?!\d)|\d{1,4000})(?:\.\d{0,4000})?|\.\d{1,4000}"
_NUMBER = re.compile(
    rf"(?<![A-Za-z\d^_.])(?<![A-Za-z]\d)(?P<sign>[-+]\s?(?=[$€£¥₹.\d\\]))?(?:\\?[$€£¥₹]\s?(?P<later>-)?)?"
    rf"(?:(?P<whole>\d{{1,40}})\s(?P<top>\d{{1,40}})/(?P<bottom>\d{{1,40}})"
    rf"|(?P<number>{_DIGITS})(?:\s?/\s?(?P<divisor>{_DIGITS}))?"
    r"(?:[eE](?P<e>[-+]?\d{1,18})(?![\d.])|\s?(?:\\times|\\cdot|\*)\s?10\s?(?:\^|\*\*)\s?\{?\s?(?P<power>[-+]?\d{1,18})\s?\}?)?)"
    r"(?P<percent>\s?(?:\\?%|percent\b))?"
)


@dataclass(frozen=True)
class Huge:
    """`digits` times ten to the power of `exponent`, beyond what is worth writing out; `digits` end in no 0."""

    digits: int
    exponent: int


ExactNumber = Fraction | Huge

# What is left of a text when each number is a 0 and yet makes another value of it: 5!, 4^2, 2\\pi, x + 3, 5x, 1_000.
_ARITHMETIC = re.compile(
    r"[+*√π∞!÷∑∫|]|(?<![A-Za-z]|\})\^(?!\s?\{?\s?(?:\\circ|°))|(?<![A-Za-z$€£¥])/(?![A-Za-z]{2})|0[xyzni](?![A-Za-z])|0[⁰¹²³⁴-⁹]|0_|0\.\d"
    r"|\\(?!(?:circ|degree|approx|q?quad|boxed|fbox|left|right)(?![A-Za-z]))[A-Za-z]"
)


# It says what the answer is not, or where it lies.
_DENIED = re.compile(
    r"\(?(?:(?<![A-Za-z])not\s{1,3}|[≠≥≤]\s?|(?:^|(?<=\s))[<>]=?\s?)[-$€£¥₹]{0,2}[0-9][0-9,.]{0,40}%?\)?", re.IGNORECASE
)


def numbers_in(text: str, *, percent_is_fraction: bool = False) -> list[ExactNumber]:
    """The different numbers of a text, in order; none where it is arithmetic. Digits in units are no numbers."""
    if len(text) > MAX_CHARS:
        return []
    text = _DENIED.sub(" ", _DROPPED.sub("", text.translate(_PLAIN)))
    text = _FRACTION.sub(lambda found: f"{found[1] or found[3]}/{found[2] or found[4]}", text).strip("*_` \n")
    if _ARITHMETIC.search(_NUMBER.sub("0", text)):
        return []
    found = [_value(match, percent_is_fraction) for match in _NUMBER.finditer(text)]
    return list(dict.fromkeys(number for number in found if number is not None))


def _value(match: re.Match[str], percent_is_fraction: bool) -> ExactNumber | None:
    negative = (match["sign"] or "").startswith("-") != (match["later"] is not None)
    if match["whole"] is not None:
        number: ExactNumber | None = _mixed(*map(int, (match["whole"], match["top"], match["bottom"])))
    else:
        number = _decimal(match["number"], int(match["e"] or match["power"] or 0))
        if match["divisor"] is not None:
            number = _quotient(number, _decimal(match["divisor"], 0))
    if number is None:
        return None
    if percent_is_fraction and match["percent"]:
        number = _shifted(number, -2)
    return _negated(number) if negative else number


def _mixed(whole: int, top: int, bottom: int) -> Fraction | None:
    return whole + Fraction(top, bottom) if bottom else None


def _decimal(text: str, power: int) -> ExactNumber | None:
    whole, _, part = text.replace(",", "").partition(".")
    return _scaled(whole + part, power - len(part))


def _scaled(digits: str, exponent: int) -> ExactNumber | None:
    """Digits times a power of ten; None where they are more than anybody means."""
    stripped = digits.lstrip("0").rstrip("0")
    exponent += len(digits) - len(digits.rstrip("0"))
    if len(stripped) > MAX_DIGITS:
        return None
    if not stripped:
        return Fraction(0)
    number = int(stripped)
    if abs(exponent) > MAX_POWER:
        return Huge(number, exponent)
    return Fraction(number * 10**exponent) if exponent >= 0 else Fraction(number, 10**-exponent)


def _quotient(top: ExactNumber | None, bottom: ExactNumber | None) -> ExactNumber | None:
    if not isinstance(top, Fraction) or not isinstance(bottom, Fraction) or bottom == 0:
        return None
    return top / bottom


def _shifted(number: ExactNumber, power: int) -> ExactNumber:
    if isinstance(number, Huge):
        return Huge(number.digits, number.exponent + power)
    return number * Fraction(10) ** power


def _negated(number: ExactNumber) -> ExactNumber:
    return Huge(-number.digits, number.exponent) if isinstance(number, Huge) else -number


def written(number: ExactNumber) -> str:
    """A number in digits: as a decimal where it ends, else as a fraction."""
    if isinstance(number, Huge):
        return f"{number.digits}e{number.exponent}"
    if number.denominator == 1:
        return str(number.numerator)
    places = _places(number.denominator)
    if places is None:
        return f"{number.numerator}/{number.denominator}"
    digits = str(abs(number.numerator) * 10**places // number.denominator).rjust(places + 1, "0")
    return f"{'-' if number < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _places(denominator: int) -> int | None:
    """Decimal places of a fraction that ends; None of one that does not, or not soon."""
    twos = fives = 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    return max(twos, fives) if denominator == 1 and max(twos, fives) <= 30 else None


def close(answer: ExactNumber, gold: ExactNumber, absolute: float = 0.0, relative: float = 0.0) -> bool:
    """Whether two numbers are the same, or differ by at most a tolerance; `relative` is to the gold's size."""
    if answer == gold:
        return True
    if isinstance(answer, Huge) or isinstance(gold, Huge):
        return False
    allowed = max(Fraction(str(absolute)), Fraction(str(relative)) * abs(gold))
    return abs(answer - gold) <= allowed
