"""A response as the instructions read it: what can be seen, its words, and where a word ends. Linear time on any text.

The characters that nobody sees are gone first: a zero-width space inside a word would hide a forbidden one, and between
letters it would make words out of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property

from reward_server.instructions.sentences import count_sentences

# Format characters, variation selectors and fillers: in no script do they make a word of their own.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
# Han, kana and their like are written without spaces: each character counts as a word, as word processors count.
_CJK_RANGES = (
    "\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_CJK = re.compile(f"[{_CJK_RANGES}]")


def _mark_ranges(end: int) -> str:
    """The combining marks below `end` as the inside of a character class: for `re` they are no part of a word."""
    marks = [code for code in range(0x300, end) if unicodedata.category(chr(code))[0] == "M"]
    return "".join(map(chr, marks))


# Unlike `\w+`, a vowel sign does not end a word of Hindi, and underscores alone are no word.
_WORD = re.compile(rf"[^\W_][\w{_mark_ranges(0x3100)}]*")
_ASCII_WORD = re.compile(r"[^\W_]\w*", re.ASCII)


def _compatible() -> dict[int, str]:
    """Full-width, mathematical and circled letters and the plain character that each stands for."""
    codes = [*range(0xFF01, 0xFF5F), *range(0x1D400, 0x1D800), *range(0x24B6, 0x24EA)]
    return {code: unicodedata.normalize("NFKC", chr(code)) for code in codes} | {0x2018: "'", 0x2019: "'"}


_COMPATIBLE = _compatible()
# Cyrillic and Greek letters that are drawn as a Latin one.
_TWINS = str.maketrans("аеорсухіјѕԁһАВЕКМНОРСТХІЈЅοαινΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxijsdhABEKMHOPCTXIJSoaivABEZHIKMNOPTYX")
_HAS_TWIN = re.compile("[" + "".join(map(chr, _TWINS)) + "]")
_LATIN = re.compile("[A-Za-z]")
# Letters with accents, and Hangul syllables, that are written in parts. Whole texts are not put in normal form: that
# takes quadratic time on long runs of marks.
_IN_PARTS = re.compile("[^\\W\\d_][\u0300-\u036f]{1,4}|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")


class Response:
    """What is judged. Each view is made once, when the first instruction asks for it."""

    def __init__(self, text: str) -> None:
        self.text = visible(text)

    @cached_property
    def folded(self) -> str:
        """Without case, typographic apostrophes and look-alikes; each run of white space is one space."""
        return fold(self.text)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def words(self) -> int:
        return count_words(self.text)

    @cached_property
    def sentences(self) -> int:
        return count_sentences(self.text)


def visible(text: str) -> str:
    """The text without what nobody sees, its lines ended by newlines and nothing blank around it."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return (text if text.isascii() else _INVISIBLE.sub("", text)).strip()


def fold(text: str) -> str:
    """The text as it is compared: `Ｒｏｃｋ`, `𝐫𝐨𝐜𝐤` and `rоck` with a Cyrillic о are `rock`.

    A Cyrillic or Greek letter counts as its Latin twin only in a word that has Latin letters too.
    """
    if not text.isascii():
        text = text.translate(_COMPATIBLE)
        text = _IN_PARTS.sub(lambda part: unicodedata.normalize("NFC", part.group()), text)
        if _HAS_TWIN.search(text):
            text = _WORD.sub(lambda word: _one_script(word.group()), text)
    return " ".join(text.casefold().split())


def _one_script(word: str) -> str:
    return word.translate(_TWINS) if not word.isascii() and _LATIN.search(word) else word


def count_words(text: str) -> int:
    """Runs of letters, marks, digits and `_` that begin with a letter or digit; of Han and kana each character."""
    if text.isascii():
        return len(_ASCII_WORD.findall(text))
    spaced, characters = _CJK.subn(" ", text)
    return characters + len(_WORD.findall(spaced))


def says_something(text: str) -> bool:
    """There is a letter, a digit or a symbol such as an emoji."""
    return any(char.isalnum() or unicodedata.category(char) == "So" for char in text)


def continues_word(char: str) -> bool:
    """Beside this character a word goes on. Han and kana have no borders, and `_` and `*` are markdown."""
    if char.isascii():
        return char.isalnum()
    return (char.isalnum() or unicodedata.category(char)[0] == "M") and not _CJK.match(char)


def begins_free(text: str, start: int) -> bool:
    """No word reaches from before `start` into what begins there."""
    return start == 0 or not (continues_word(text[start]) and continues_word(text[start - 1]))


def ends_free(text: str, end: int) -> bool:
    """No word reaches from before `end` over it; a combining mark always belongs to what is before it."""
    if end >= len(text):
        return True
    mark = not text[end].isascii() and unicodedata.category(text[end])[0] == "M"
    return not mark and not (continues_word(text[end]) and continues_word(text[end - 1]))


def free_places(text: str, sought: str) -> Iterator[int]:
    """Where `sought` stands as words of its own; both are folded, and `sought` is not empty."""
    start = text.find(sought)
    while start >= 0:
        end = start + len(sought)
        free = begins_free(text, start) and ends_free(text, end)
        if free:
            yield start
        start = text.find(sought, end if free else start + 1)
