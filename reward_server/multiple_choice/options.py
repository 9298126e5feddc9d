"""Options of one question: their letters, and where a text states one of them in full."""

from __future__ import annotations

import re
from functools import lru_cache

from reward_server.ground_truth.option_lists import LETTERS, LONGEST_OPTION, option_key

QUESTIONS_KEPT = 256
_OPENING = re.compile(r"[\s*_`~$\"'“”‘’(\[{「『《:：,，]{0,12}")
_ENDS_THERE = re.compile(r"[\s*_`~$\"'“”‘’)\]}」』》.,;:!?。，；：！？\\]{0,8}(?:$|[\n.。!！;；,，)])")


class Options:
    """`count` is how many there are, 26 where they are not known."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self.texts = texts
        self.count = len(texts) or len(LETTERS)
        keys = [option_key(text) for text in texts]
        self._by_key = {key: LETTERS[place] for place, key in enumerate(keys) if key and keys.count(key) == 1}
        self._longest = min(max(map(len, keys), default=0), LONGEST_OPTION)

    def with_text(self, text: str) -> str | None:
        """The letter of the option that a whole text is."""
        if not self._by_key or len(text) > 2 * self._longest + 64:
            return None
        return self._by_key.get(option_key(text))

    def at(self, text: str, place: int, *, closed: bool = True) -> str | None:
        """The letter of the longest option that stands at a place; `closed`: and with which a sentence ends."""
        if not self._by_key:
            return None
        opening = _OPENING.match(text, place)
        start = opening.end() if opening else place
        piece = text[start : start + 2 * self._longest + 32]
        found = [(len(key), letter) for key, letter in self._by_key.items() if self._stands(piece, key, closed=closed)]
        return max(found)[1] if found else None

    def _stands(self, piece: str, key: str, *, closed: bool) -> bool:
        end = _end_of(piece, key)
        if end is None or (key[-1].isalnum() and piece[end : end + 1].isalnum() and piece[end].isascii()):
            return False
        return not closed or bool(_ENDS_THERE.match(piece, end))


def _end_of(piece: str, key: str) -> int | None:
    """Where a text that starts with an option's ends, spaces and case aside; None where it does not start so."""
    place = 0
    for word in key.split(" "):
        while place < len(piece) and piece[place].isspace():
            place += 1
        if piece[place : place + len(word)].casefold() != word:
            return None
        place += len(word)
    return place


@lru_cache(maxsize=QUESTIONS_KEPT)
def options_of(texts: tuple[str, ...]) -> Options:
    return Options(texts)
