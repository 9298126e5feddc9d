"""Text with its letters as the letters they are: composed, of plain shape, with nothing invisible between them."""

from __future__ import annotations

import re
import unicodedata

from reward_server.language.scripts import CYRILLIC_CHARS, LATIN_CHARS

# Zero-width characters, directional marks, variation selectors, soft hyphens: inside a word they would break it.
_INVISIBLE = "\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
# Fullwidth, mathematical, circled and squared letters.
_DRESSED = "\uff21-\uff3a\uff41-\uff5a\u24b6-\u24e9\U0001d400-\U0001d7cb\U0001f110-\U0001f149"
_MARKS = "\u0300-\u036f"  # those that stay alone are such as the stress in Russian dictionaries
_INVISIBLE_RUNS = re.compile(f"[{_INVISIBLE}]+")
_DRESSED_RUNS = re.compile(f"[{_DRESSED}]+")
_DECOMPOSED = re.compile(f"[{LATIN_CHARS}{CYRILLIC_CHARS}][{_MARKS}]{{1,4}}")
_MARK_RUNS = re.compile(f"[{_MARKS}]+")
_ANY = re.compile(f"[{_INVISIBLE}{_DRESSED}{_MARKS}]")


def plain(text: str) -> str:
    """The text in plain letters.

    Not the normal forms of Unicode for all of it: they change punctuation, and take quadratic time on a long run of
    combining marks.
    """
    if text.isascii() or not _ANY.search(text):
        return text
    text = _INVISIBLE_RUNS.sub("", text)
    text = _DRESSED_RUNS.sub(lambda letters: unicodedata.normalize("NFKC", letters.group()), text)
    text = _DECOMPOSED.sub(lambda letter: unicodedata.normalize("NFC", letter.group()), text)
    return _MARK_RUNS.sub("", text)
