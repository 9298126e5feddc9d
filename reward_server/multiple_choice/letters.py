"""Letters of options as models write them: `B`, `(B)`, `**B**`, `\\text{B}`, `b)`; and several side by side.

Quantifiers are bounded and possessive, so that no text makes them go back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reward_server.multiple_choice.options import Options

MAX_JOINED = 26

_COMMAND = r"\\(?:text|textbf|textit|textrm|textsf|mathrm|mathbf|mathsf|boxed|fbox|bf|rm|underline|bold)(?![A-Za-z])"
_OPEN = rf"(?:[\s*_`~$\"'“”‘’(\[{{「『《<]|\\[(\[{{]|{_COMMAND}){{0,16}}+"
_CLOSE = r"(?:[*_`~$\"'“”‘’)\]}」』》>]|\\[)\]}]){0,12}+"
_LETTER = re.compile(rf"({_OPEN})([A-Za-z])(?![A-Za-z0-9#+&]|['’-][A-Za-z0-9]|\s{{0,2}}[=^])")
_AFTER = re.compile(_CLOSE)
_JOIN = re.compile(
    r"[\s(]{0,3}(?:(?P<firm>/|\||、|&|\bor\b|或者?|还是)|(?P<loose>[,，]\s{0,2}(?:(?:or|and|或|和)\b)?|\band\b|和|与|及))\s{0,3}"
    r"(?:(?:option|choice)\s)?",
    re.IGNORECASE,
)
_SEVERAL = re.compile(rf"({_OPEN})([A-Z]{{2,8}})(?![A-Za-z0-9])")
# `A` and `I` are words too: what may follow them in their line where they are letters.
_WORD_FOLLOWS = re.compile(
    r"[^\S\n]{1,3}(?!(?:because|since|as|for|and|or|but|which|with|not|is|that|while|due|rather|given|based|in|by)\b)[A-Za-z]"
)
_VERB_FOLLOWS = re.compile(
    r"\s{1,3}(?:is|was|are|isn|wasn|aren|has|does|can|cannot|would|will|says?|states?|seems?|looks?|also|alone)\b|\s{0,2}(?:不|错|是错)",
    re.IGNORECASE,
)
_LIST_GOES_ON = re.compile(
    r"\s{0,3}(?:$|[\n.,;:!?。，；：！？)/|、&]|(?:and|or|are|both|together|或|和|与|及|都|均)(?![a-z]))"
)


@dataclass(frozen=True)
class Found:
    """`letters` that stand side by side, and where they end, all of them and the first."""

    letters: tuple[str, ...]
    end: int
    first_end: int


def letters_at(text: str, place: int, options: Options) -> Found | None:
    """The letter at a place, with those that are joined to it; None where none stands there as a letter."""
    together = _together(text, place, options)
    if together is not None:
        return together
    first = _one(text, place)
    if first is None:
        return None
    letters, end = [first.letters[0]], first.end
    for _ in range(MAX_JOINED):
        join = _JOIN.match(text, end)
        other = _one(text, join.end()) if join else None
        if join is None or other is None or not _belongs(text, other.end, firm=join["firm"] is not None):
            break
        letters.append(other.letters[0])
        end = other.end
    return Found(tuple(dict.fromkeys(letters)), end, first.end)


def _one(text: str, place: int) -> Found | None:
    match = _LETTER.match(text, place)
    if match is None:
        return None
    opening, letter = match[1], match[2]
    closing = _AFTER.match(text, match.end())
    end = closing.end() if closing else match.end()
    wrapped = bool(opening.strip()) and end > match.end()
    word_like = letter in "AIai" or letter.islower()
    if word_like and not wrapped and _is_word(text, match.end(), letter):
        return None
    return Found((letter.upper(),), end, end)


def _is_word(text: str, end: int, letter: str) -> bool:
    """Whether `a`, `A` or `I` is the article or the pronoun: what follows goes on with the sentence."""
    return bool(_WORD_FOLLOWS.match(text, end)) or (letter in "ai" and text[end : end + 1].isspace())


def _together(text: str, place: int, options: Options) -> Found | None:
    """`AC`: letters of options in their order without anything between them."""
    match = _SEVERAL.match(text, place)
    if match is None:
        return None
    letters = match[2]
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[options.count - 1]
    if sorted(set(letters)) != list(letters) or letters[-1] > min(last, "J"):
        return None
    closing = _AFTER.match(text, match.end())
    end = closing.end() if closing else match.end()
    return Found(tuple(letters), end, end)


def _belongs(text: str, end: int, *, firm: bool) -> bool:
    """Whether a joined letter is offered too, and does not begin a clause of its own."""
    if firm:
        return not _VERB_FOLLOWS.match(text, end) or bool(_LIST_GOES_ON.match(text, end))
    return bool(_LIST_GOES_ON.match(text, end))
