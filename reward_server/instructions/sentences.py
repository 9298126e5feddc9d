"""How many sentences a text has, without a trained model: the same everywhere, in linear time.

The original asks NLTK's Punkt, a model that has to be downloaded. Here a sentence ends at its stop, at a blank line, or
where the next list item begins; so a text without stops is not one endless sentence. Headings (`# …`) and titles
(`<<…>>`) on lines of their own are no sentences, nor is anything without a letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Stops with what closes behind them: quotes, brackets, emphasis.
_CLOSERS = "\"'”’»›)\\]}」』】）》*_`"
_STOP = re.compile(rf"(?P<stop>[.!?…]+|[。！？｡．।॥۔؟።]+)(?P<close>[{_CLOSERS}]*)(?P<gap>\s*)")
_ALWAYS = frozenset("。！？｡．।॥۔؟።")
_QUOTES = frozenset("\"'”’»›」』")
_OPENERS = "\"'“‘«‹([{「『【（《*_`¿¡"
_LIST_ITEM = re.compile(r"\s*(?:[*+•–-]|\d{1,4}[.)]|\(?(?:\d{1,4}|[A-Za-z])\))\s+")
_HEADING = re.compile(r"#{1,6}(?:\s|$)")
_LAST_WORD = re.compile(r"[^\s\"'“‘(\[*_]+$")
_CONTENT = re.compile(r"[^\W\d_]")


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# Behind these a sentence goes on, whatever follows.
_TITLES = _words(
    "mr mrs ms mx dr prof st mt sgt capt cpt lt col gen maj rev hon fr messrs mme mlle pres gov sen rep vs cf e.g i.e "
    "viz approx dept p.s p.p.s"
)
# Behind these it goes on where a number follows: "No. 5", but "The answer is no. Then".
_NUMBERED = _words("no nos p pp fig figs eq eqs vol vols ch sec art")
# These end a sentence unless a small letter follows.
_MAYBE = _words(
    "etc inc ltd co corp jr sr al ave blvd rd a.m p.m u.s u.k u.n e.u d.c ph.d m.d b.a m.a b.sc m.sc jan feb mar apr "
    "jun jul aug sep sept oct nov dec"
)
_LONGEST = 12  # characters of the word before a stop that are looked at


def count_sentences(text: str) -> int:
    return sum(_in_block(block) for block in _blocks(text))


def _blocks(text: str) -> Iterator[str]:
    """The parts that no sentence crosses: paragraphs and list items."""
    block: list[str] = []
    for line in text.split("\n"):
        item = _LIST_ITEM.match(line) if line else None
        aside = _is_aside(line.strip())
        if (item or aside) and block:
            yield " ".join(block)
            block = []
        if not aside:
            block.append(line[item.end() :] if item else line)
    yield " ".join(block)


def _is_aside(line: str) -> bool:
    """A line that holds no sentence: blank, a heading, a title."""
    return not line or _HEADING.match(line) is not None or (line.startswith("<<") and line.endswith(">>"))


def _in_block(block: str) -> int:
    count, start = 0, 0
    for stop in _STOP.finditer(block):
        if _ends(block, stop):
            count += _CONTENT.search(block, start, stop.end()) is not None
            start = stop.end()
    return count + (_CONTENT.search(block, start) is not None)


def _ends(block: str, stop: re.Match[str]) -> bool:
    """A sentence ends at this stop."""
    if stop["stop"][0] in _ALWAYS or stop.end() == len(block):
        return True
    if not stop["gap"]:
        return False
    following = block[stop.end() : stop.end() + 8].lstrip(_OPENERS)[:1]
    goes_on = following.islower()
    if goes_on and _QUOTES.intersection(stop["close"]):
        return False  # “Really?” he asked.
    if stop["stop"] != ".":
        return not (goes_on and stop["stop"][-1] in ".…")  # well... maybe
    return not _abbreviates(block, stop.start(), following)


def _abbreviates(block: str, end: int, following: str) -> bool:
    """The full stop at `end` belongs to the word before it."""
    found = _LAST_WORD.search(block[max(0, end - _LONGEST) : end])
    if found is None:
        return False
    word = found.group()
    if len(word) == 1 and word.isalpha() and word.isupper() and word != "I":
        return True  # J. Smith
    word = word.casefold()
    if word in _TITLES or (word in _NUMBERED and following.isdigit()):
        return True
    return word in _MAYBE and following.islower()
