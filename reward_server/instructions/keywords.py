"""`keywords:*`: words and letters that a response has, or has not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from reward_server.instructions.instruction import Count, Instruction, Phrase, Phrases, Relation, count_fault
from reward_server.instructions.text import Response, fold, free_places

_SHOWN = 40  # characters of a keyword in a reason


class Existence(Instruction):
    """Every keyword stands in the response, as a word or phrase, in any case, also as plural or possessive.

    The original takes the keyword for a regular expression and finds it inside other words: `cat` in "education",
    `c++` in nothing.
    """

    id: ClassVar[str] = "keywords:existence"
    keywords: Phrases = Field(description="list of words or phrases")

    def lacks(self, response: Response) -> str | None:
        missing = [word for word in self.keywords if not _count(response.folded, word)]
        return f"missing: {_listed(missing)}" if missing else None


class Frequency(Instruction):
    """The keyword stands so often in the response; what counts is as for `keywords:existence`.

    In the original "toward" and "warm" count as `war`.
    """

    id: ClassVar[str] = "keywords:frequency"
    keyword: Phrase = Field(description="a word or phrase")
    frequency: Count = Field(description="a whole number")
    relation: Relation = Field(description='"less than" or "at least"')

    def lacks(self, response: Response) -> str | None:
        found = _count(response.folded, self.keyword)
        return count_fault(f"times {self.keyword[:_SHOWN]!r}", found, self.relation, self.frequency)


class ForbiddenWords(Instruction):
    """None of the words stands in the response, as a whole word in any case.

    In the original `_rock_`, a zero-width space, a Cyrillic o and emphasis of half the word hide it, and a word that
    ends in a sign (`c++`) is never found.
    """

    id: ClassVar[str] = "keywords:forbidden_words"
    forbidden_words: Phrases = Field(description="list of words or phrases")

    def lacks(self, response: Response) -> str | None:
        views = [response.folded]
        if "*" in response.folded:
            views.append(response.folded.replace("*", ""))
        used = [word for word in self.forbidden_words if any(_stands(view, word) for view in views)]
        return f"forbidden: {_listed(used)}" if used else None


class LetterFrequency(Instruction):
    """The letter stands so often in the response, in any case. Any character may be asked for, as `!` or `#` are."""

    id: ClassVar[str] = "keywords:letter_frequency"
    letter: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1)] = Field(
        description="one character"
    )
    let_frequency: Count = Field(description="a whole number")
    let_relation: Relation = Field(description='"less than" or "at least"')

    def lacks(self, response: Response) -> str | None:
        found = response.text.lower().count(self.letter.lower())
        return count_fault(f"times {self.letter!r}", found, self.let_relation, self.let_frequency)


def _listed(words: list[str]) -> str:
    return ", ".join(repr(word[:_SHOWN]) for word in words[:5])


def _forms(word: str) -> Iterator[str]:
    """The word and its plurals; a possessive is the word with something behind it."""
    yield word
    yield word + "s"
    yield word + "es"
    if word.endswith("y"):
        yield word[:-1] + "ies"


def _count(text: str, word: str) -> int:
    return sum(1 for form in _forms(fold(word)) for _ in free_places(text, form))


def _stands(text: str, word: str) -> bool:
    return next(free_places(text, fold(word)), None) is not None
