"""Did the program write what the test expects? Compared here, outside the process that is judged.

On bytes, so that what is no UTF-8 is the same only as itself. Linear time, and never more pieces than expected ones.
"""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DecimalException

from reward_server.wire_code import Compare

MAX_NUMBER_CHARS = 10_000  # a longer token is a word
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_INFINITY = re.compile(rb"([+-]?)inf(?:inity)?", re.IGNORECASE)
# Differences need few digits, also of huge numbers; Decimal has neither overflow at 1e308 nor binary rounding.
_CONTEXT = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN)


def same_output(expected: bytes, actual: bytes, compare: Compare) -> bool:
    if compare.ignore_case:
        expected, actual = _folded(expected), _folded(actual)
    if expected == actual:
        return True
    if compare.kind == "exact":
        return False
    if compare.kind == "lines":
        return _same_lines(expected, actual)
    wanted = expected.split()
    words = actual.split(None, len(wanted))  # what is more stays one piece
    if len(wanted) != len(words):
        return False
    if compare.kind == "tokens":
        return wanted == words
    tolerances = Decimal(compare.abs_tol), Decimal(compare.rel_tol)
    return all(e == a or _close(e, a, *tolerances) for e, a in zip(wanted, words, strict=True))


def _folded(data: bytes) -> bytes:
    return data.decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")


def _same_lines(expected: bytes, actual: bytes) -> bool:
    """White space at the ends of lines and blank lines at the end aside. The number of lines counts."""
    expected, actual = expected.rstrip(), actual.rstrip()
    if expected.count(b"\n") != actual.count(b"\n"):
        return False
    pairs = zip(expected.split(b"\n"), actual.split(b"\n"), strict=True)
    return all(e.rstrip() == a.rstrip() for e, a in pairs)


def _close(expected: bytes, actual: bytes, abs_tol: Decimal, rel_tol: Decimal) -> bool:
    """Whether both are numbers that differ by no more than is allowed. A nan is close to nothing."""
    infinite = _INFINITY.fullmatch(expected), _INFINITY.fullmatch(actual)
    if infinite[0] and infinite[1]:
        return (infinite[0][1] == b"-") == (infinite[1][1] == b"-")
    wanted, got = _number(expected), _number(actual)
    if wanted is None or got is None:
        return False
    try:
        difference = _CONTEXT.abs(_CONTEXT.subtract(wanted, got))
        return difference <= max(abs_tol, _CONTEXT.multiply(rel_tol, _CONTEXT.abs(wanted)))
    except DecimalException:
        return False


def _number(token: bytes) -> Decimal | None:
    if len(token) > MAX_NUMBER_CHARS or not _NUMBER.fullmatch(token):
        return None
    return Decimal(token.decode("ascii"))
