"""`length_constraints:*`: how many words, sentences and paragraphs, and how one of them begins."""

from __future__ import annotations

import re
from typing import ClassVar, Self

from pydantic import Field, model_validator

from reward_server.instructions.instruction import Count, Instruction, Number, Phrase, Relation, count_fault
from reward_server.instructions.markdown import divided, paragraphs
from reward_server.instructions.text import Response, ends_free, fold, says_something

_BEFORE_WORDS = re.compile(r"[\W_]*")
_HYPHENATED = re.compile(r"-\w")


class NumberOfWords(Instruction):
    """Words as `text.count_words` counts them: like the original's `\\w+`, save that underscores alone are no word,
    vowel signs and zero-width characters do not make several words of one, and of Chinese each character counts."""

    id: ClassVar[str] = "length_constraints:number_words"
    num_words: Count = Field(description="a whole number")
    relation: Relation = Field(description='"less than" or "at least"')

    def lacks(self, response: Response) -> str | None:
        return count_fault("words", response.words, self.relation, self.num_words)


class NumberOfSentences(Instruction):
    """Sentences as `sentences.count_sentences` counts them; the original's need a model to be downloaded."""

    id: ClassVar[str] = "length_constraints:number_sentences"
    num_sentences: Count = Field(description="a whole number")
    relation: Relation = Field(description='"less than" or "at least"')

    def lacks(self, response: Response) -> str | None:
        return count_fault("sentences", response.sentences, self.relation, self.num_sentences)


class NumberOfParagraphs(Instruction):
    """So many paragraphs divided by `***`, which may stand at the ends too; each says something.

    In the original every three asterisks divide, those of `***bold***` too, and a full stop is a paragraph.
    """

    id: ClassVar[str] = "length_constraints:number_paragraphs"
    num_paragraphs: Number = Field(description="a whole number from 1")

    def lacks(self, response: Response) -> str | None:
        parts = divided(response.text)
        inner = parts[1 if not parts[0] else 0 : len(parts) - 1 if not parts[-1] else len(parts)]
        if not all(says_something(part) for part in inner):
            return "a paragraph between dividers is empty"
        if len(inner) != self.num_paragraphs:
            return f"expected {self.num_paragraphs} paragraphs divided by ***, found {len(inner)}"
        return None


class NthParagraphFirstWord(Instruction):
    """So many paragraphs divided by blank lines, of which one begins with the word, whatever its case and marks.

    In the original several blank lines shift the number of the paragraph, and `**Weekend` is not the word.
    """

    id: ClassVar[str] = "length_constraints:nth_paragraph_first_word"
    num_paragraphs: Number = Field(description="a whole number from 1")
    nth_paragraph: Number = Field(description="a whole number from 1 to num_paragraphs")
    first_word: Phrase = Field(description="a word")

    @model_validator(mode="after")
    def _there_is_such_a_paragraph(self) -> Self:
        if self.nth_paragraph > self.num_paragraphs:
            raise ValueError(f"there is no paragraph {self.nth_paragraph} of {self.num_paragraphs}")
        if not says_something(self.first_word):
            raise ValueError("first_word is no word")
        return self

    def lacks(self, response: Response) -> str | None:
        parts = paragraphs(response.text)
        if len(parts) != self.num_paragraphs:
            return f"expected {self.num_paragraphs} paragraphs divided by blank lines, found {len(parts)}"
        if not all(says_something(part) for part in parts):
            return "a paragraph is empty"
        if not _begins_with(parts[self.nth_paragraph - 1], self.first_word):
            return f"paragraph {self.nth_paragraph} does not begin with {self.first_word[:40]!r}"
        return None


def _begins_with(paragraph: str, word: str) -> bool:
    text, sought = (_BEFORE_WORDS.sub("", fold(part), count=1) for part in (paragraph, word))
    return text.startswith(sought) and ends_free(text, len(sought)) and not _HYPHENATED.match(text, len(sought))
