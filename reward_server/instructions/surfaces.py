"""`startend:*`, `change_case:*` and `punctuation:*`: what is seen without reading."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import ClassVar

from pydantic import Field

from reward_server.instructions.instruction import Count, Instruction, Phrase, Relation, count_fault
from reward_server.instructions.text import Response, begins_free, fold, says_something

_OPENING, _CLOSING = '"“„＂', '"”“＂'
_AFTER_END = "\"'”’»*_ "
_FOREIGN_SHARE = 0.1  # of letters that are not Latin: a name, a formula
_ACRONYM_OR_WORD = re.compile(r"(?:[^\W\d_]\.){2,}[^\W\d_]?(?!\w)|\w+(?:['’&-]\w+)*")
# Every script's comma, and the low quotation mark where it stands behind a letter as a comma would.
_OTHER_COMMAS = re.compile("[،՝߸፣᠂᠈⸲⸴⹁⹌、꓾꘍꛵︐︑﹐﹑，､]")
_LOW_COMMA = re.compile(r"(?<=\w)‚")


class EndChecker(Instruction):
    """The response ends with the phrase, whatever its case; quotes or emphasis may close behind it."""

    id: ClassVar[str] = "startend:end_checker"
    end_phrase: Phrase = Field(description="the last words")

    def lacks(self, response: Response) -> str | None:
        text, phrase = response.folded, fold(self.end_phrase)
        for seen in (text, text.rstrip(_AFTER_END)):
            if seen.endswith(phrase) and begins_free(seen, len(seen) - len(phrase)):
                return None
        return f"does not end with {self.end_phrase[:80]!r}"


class Quotation(Instruction):
    """The response stands between double quotation marks, straight or typographic, and says something."""

    id: ClassVar[str] = "startend:quotation"

    def lacks(self, response: Response) -> str | None:
        text = response.text
        wrapped = len(text) > 2 and text[0] in _OPENING and text[-1] in _CLOSING and says_something(text)
        return None if wrapped else "not wrapped in double quotation marks"


class CapitalWordFrequency(Instruction):
    """So many words have capital letters only. `DON'T`, `COVID-19`, `U.S.` and `NASA's` are one each, so is "I".

    The original divides `DON'T` into two such words, and finds one in "I'm".
    """

    id: ClassVar[str] = "change_case:capital_word_frequency"
    capital_frequency: Count = Field(description="a whole number")
    capital_relation: Relation = Field(description='"less than" or "at least"')

    def lacks(self, response: Response) -> str | None:
        found = sum(_is_capital(word) for word in _ACRONYM_OR_WORD.findall(response.text))
        return count_fault("words in capitals", found, self.capital_relation, self.capital_frequency)


class EnglishCapital(Instruction):
    """All letters are capitals, and nine in ten are Latin.

    Whether Latin letters are English is not asked: the original's answer to that is random on short texts, and ours
    must not depend on what is installed.
    """

    id: ClassVar[str] = "change_case:english_capital"

    def lacks(self, response: Response) -> str | None:
        return None if response.text.isupper() and _is_latin(response.text) else "not all in capital Latin letters"


class EnglishLowercase(Instruction):
    """No letter is a capital, and nine in ten are Latin; of English as for `change_case:english_capital`."""

    id: ClassVar[str] = "change_case:english_lowercase"

    def lacks(self, response: Response) -> str | None:
        return None if response.text.islower() and _is_latin(response.text) else "not all in small Latin letters"


class NoComma(Instruction):
    """No comma of any script: `，`, `、` and `،` are commas too, though the original looks for `,` alone."""

    id: ClassVar[str] = "punctuation:no_comma"

    def lacks(self, response: Response) -> str | None:
        text = response.text
        found = text.count(",")
        if not text.isascii():
            found += len(_OTHER_COMMAS.findall(text)) + len(_LOW_COMMA.findall(text))
        return f"expected no commas, found {found}" if found else None


def _is_capital(word: str) -> bool:
    return word.isupper() or (word[-2:] in ("'s", "’s") and word[:-2].isupper())


def _is_latin(text: str) -> bool:
    if text.isascii():
        return True
    counts = Counter(char for char in text if char.isalpha())
    foreign = sum(count for char, count in counts.items() if not unicodedata.name(char, "").startswith("LATIN"))
    return foreign <= _FOREIGN_SHARE * counts.total()
