"""A bare answer as read: cleaned text, the key that equal texts share, and the tree where the grammar covers the text.

What is not covered is compared as text only.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from reward_server.math.literals import literal
from reward_server.math.measures import measure
from reward_server.math.nodes import Node, Number, Quantity
from reward_server.math.normalise import clean, is_words, text_key
from reward_server.math.parse import parse
from reward_server.math.tokens import MAX_CHARACTERS, Unreadable

LONGEST_KEPT = 200  # characters

_PLAIN_NUMBER = re.compile(r"[0-9]{1,1000}(?:\.[0-9]{1,1000})?")
_CURRENCY = re.compile(r"[€£¥￥₹]|\\\$")
_CHOICE = re.compile(r"(?:(?:[Oo]ption|[Cc]hoice|[Aa]nswer):?\s+)?\(?([A-Z])\)?")
_CHOICE_WITH_TEXT = re.compile(r"\(?([A-Z])(?:\)(?=[\s0-9$])|[.:](?=\s))\s*([^\s,;].{0,300})", re.DOTALL)
_OTHER_CHOICE = re.compile(r"(?:^|\bor\b|\band\b|[,/])\s*\(?[A-J]\)?(?![A-Za-z])|\b[A-J][.):](?=\s)")
_LETTER_UNIT = re.compile(
    r"(.*[0-9)}]) +([msghLNJKWVA](?:\^\{?-?[0-9]\}?)?(?: ?/ ?[a-zA-Z]{1,3}(?:\^\{?[0-9]\}?)?)?|\\Omega)"
)
_PART = r"([0-9]+(?:\.[0-9]+)?) *([A-Za-z]{1,12})\.?"
_COMPOUND = re.compile(rf"{_PART},? *(?:and )?{_PART}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A bare answer as read: `tree` is None where the text is not covered by the grammar, `words` that it is prose."""

    cleaned: str
    key: str
    tree: Node | None
    words: bool


def read(text: str) -> Answer:
    """The answer that a text states."""
    text = text.strip()
    return _kept(text) if len(text) <= LONGEST_KEPT else _read(text)


def _read(text: str) -> Answer:
    if _PLAIN_NUMBER.fullmatch(text):
        return Answer(text, text, literal(text), words=False)
    if len(text) > 2 * MAX_CHARACTERS:
        return Answer("", text, None, words=False)
    cleaned = clean(text)
    tree = _compound(cleaned) or tree_of(cleaned)
    words = is_words(cleaned)
    return Answer(cleaned, text_key(cleaned, words=words), _with_currency(tree, text), words)


# The same answer is read several times on the way to its verdict, and many times in a group of completions.
_kept = lru_cache(maxsize=1024)(_read)


def tree_of(cleaned: str, *, thousands: bool = True) -> Node | None:
    """The tree of a cleaned text; None where the grammar does not cover it."""
    try:
        return parse(cleaned, thousands=thousands)
    except (Unreadable, RecursionError):
        return None


def _with_currency(tree: Node | None, text: str) -> Node | None:
    """The tree as a sum of money where the text has a sign of a currency, which cleaning removes."""
    if tree is None or isinstance(tree, Quantity):
        return tree
    if match := _CURRENCY.search(text):
        return Quantity(tree, match[0].lstrip("\\"))
    return Quantity(tree, "$") if text.count("$") == 1 else tree


def _compound(cleaned: str) -> Node | None:
    """`6 ft 2 in` and `1 hour and 30 minutes` as one quantity in the smaller unit."""
    match = _COMPOUND.fullmatch(cleaned)
    if match is None:
        return None
    large, small = measure(match[2]), measure(match[4])
    if large is None or small is None or large.dimensions != small.dimensions or large.factor <= small.factor:
        return None
    return Quantity(Number(Fraction(match[1]) * large.factor / small.factor + Fraction(match[3])), match[4])


def with_letter_unit(answer: Answer) -> Node | None:
    """`5 m` and `3 m/s` as a quantity: as they stand, single letters are variables."""
    match = _LETTER_UNIT.fullmatch(answer.cleaned)
    tree = tree_of(match[1]) if match and measure(match[2]) is not None else None
    return None if tree is None or match is None else Quantity(tree, match[2])


def choice_letter(answer: Answer) -> str | None:
    """The letter of an answer that is a bare choice: `C`, `(C)`."""
    match = _CHOICE.fullmatch(answer.cleaned)
    return match[1] if match else None


def chosen_letter(answer: Answer) -> str | None:
    """The letter of a choice, bare or followed by its text, such as `(C) 15`, and by no other letter."""
    match = _CHOICE_WITH_TEXT.fullmatch(answer.cleaned)
    if match and not _OTHER_CHOICE.search(match[2]):
        return match[1]
    return choice_letter(answer)
