"""Prose as words by script, ready to be counted: what is no word of any language is left out.

Left out are numbers, words with digits or underscores in them, camelCase, paths and file names, single Latin letters
without accent (a and I stay in front of a word) and Greek ones, names of functions such as `sin`, and acronyms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from reward_server.language.scripts import (
    CYRILLIC_CHARS,
    HAN,
    HAN_CHARS,
    HAN_WORD,
    LATIN,
    LATIN_CHARS,
    NON_LATIN_RUNS,
    other_script,
    words_in,
)

MIXED = "mixed"  # script of a word of Latin and Cyrillic letters, which no language writes
MAX_ACRONYM = 5  # letters
MAX_IDENTIFIER = 50  # letters; what is longer are words, joined to look like one
MAX_WORD = 30  # letters of one word; what is longer counts for as many as it has room for
WORD_LETTERS = 6
MIN_SHOUTED = 3  # short words in capitals: as many, and most of what is said, are no acronyms
MAX_SENTENCES = 2_000  # read one by one, which bounds the time for any text
_FUNCTIONS = (
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp lim max min gcd lcm mod det dim arg sup inf"
    " abs sqrt floor ceil rank deg ker argmax argmin"
)
FUNCTIONS = frozenset(_FUNCTIONS.split())

_STOPS = re.compile(r"[!?。！？؟।॥;；…\n]+|\.(?![0-9A-Za-z])")
# A token runs over what joins identifiers, addresses and paths, so that it can be seen as one and left out.
_TOKENS = re.compile(rf"[{LATIN_CHARS}0-9_]+(?:['’-][{LATIN_CHARS}]+|[./@](?=[a-z0-9_]{{2}})[{LATIN_CHARS}0-9_]+)*")
# Articles and pronouns where they stand in front of a word; letters elsewhere.
_ONE_LETTER_WORDS = re.compile(r"(?<!\S)[aAI](?= [A-Za-z]{2})")
_HUMPS = re.compile(r"[A-Z][^\W\d_A-Z]+|[^\W\d_A-Z]{2,}|[A-Z]{2,}")
_JOINTS = re.compile("[-'’/]")
_HAN_RUNS = re.compile(f"[{HAN_CHARS}]+")
_OTHER_RUNS = re.compile(NON_LATIN_RUNS)
_OTHER_LETTERS = re.compile(
    "[\u0370-\u1cff\u1f00-\u1fff\u2d00-\u2dff\u3041-\u3104\u3130-\u31ff\ua640-\ua69f\ua8e0-\ud7ff]"
)
_OTHER_FORMS = re.compile("[\ufb1d-\ufefc\uff66-\uffdc]")
_CYRILLIC = re.compile(f"[{CYRILLIC_CHARS}]")
_TOUCHING = re.compile(f"[{CYRILLIC_CHARS}][{LATIN_CHARS}]|(?<=[{LATIN_CHARS}])[{CYRILLIC_CHARS}]")
_LATIN_AND_CYRILLIC = re.compile(f"[{LATIN_CHARS}{CYRILLIC_CHARS}]+")


@dataclass
class Words:
    """Words of a text or of a sentence by script. `units` weighs them: a Chinese character is less than a word.

    `left_out` counts the letters in tokens that are no words.
    """

    words: dict[str, list[str]] = field(default_factory=dict)
    units: dict[str, float] = field(default_factory=dict)
    left_out: int = 0


def words_of(prose: str) -> Words:
    """The words of prose in plain letters."""
    read = Words()
    mixed = 0
    if not prose.isascii():
        mixed, prose = _without_mixed(prose)
        _read_other_scripts(prose, read)
    words = _latin_words(prose, read)
    if words:
        read.words[LATIN] = words
        read.units[LATIN] = float(len(words))
    if mixed:
        read.units[MIXED] = float(mixed)
    return read


def sentences_of(prose: str) -> list[Words]:
    """The words of each sentence; of a text of very many, those of several sentences together."""
    sentences = [sentence for sentence in _STOPS.split(prose) if sentence and not sentence.isspace()]
    together = -(-len(sentences) // MAX_SENTENCES)
    if together > 1:
        sentences = ["\n".join(sentences[at : at + together]) for at in range(0, len(sentences), together)]
    return [words_of(sentence) for sentence in sentences]


def _read_other_scripts(prose: str, read: Words) -> None:
    if not _OTHER_LETTERS.search(prose) and not _OTHER_FORMS.search(prose):
        if runs := _HAN_RUNS.findall(prose):
            read.words[HAN] = runs
            read.units[HAN] = HAN_WORD * sum(map(len, runs))
        return
    for match in _OTHER_RUNS.finditer(prose):
        run = match.group()
        script = match.lastgroup or ""
        if script == "other":
            script = other_script(run[0])
            if script == "greek" and len(run) == 1:
                continue
        read.words.setdefault(script, []).append(run)
        read.units[script] = read.units.get(script, 0.0) + words_in(script, run)


def _latin_words(prose: str, read: Words) -> list[str]:
    words = _ONE_LETTER_WORDS.findall(prose)
    capitals: list[str] = []
    for token in _TOKENS.findall(prose):
        if token.islower() and token.isalpha() and len(token) > 1:
            found = _pieces(token) if token not in FUNCTIONS else []
        elif token.isupper() and 1 < len(token) <= MAX_ACRONYM and token.isalpha():
            capitals.append(token)
            continue
        else:
            found = _words_in_token(token)
        words += found
        if not found and not token.isdigit():
            read.left_out += len(token)
    if len(capitals) >= MIN_SHOUTED and len(capitals) > len(words):
        return words + capitals
    read.left_out += sum(map(len, capitals))
    return words


def _pieces(word: str) -> list[str]:
    """The word; of letters joined beyond the length of any word, about as many as were joined."""
    if len(word) <= MAX_WORD:
        return [word]
    return [word[start : start + WORD_LETTERS] for start in range(0, len(word), WORD_LETTERS)]


def _words_in_token(token: str) -> list[str]:
    """The token where it is a word, both parts of `and/or`, and nothing where it is notation."""
    if len(token) == 1:
        return [] if token.isascii() else [token]
    if len(token) > MAX_IDENTIFIER:
        return [piece for hump in _HUMPS.findall(token) for piece in _pieces(hump)]
    if token.isalpha():
        known = token.isupper() or (token[1:].islower() and token.lower() not in FUNCTIONS)
        return [token] if known else []
    parts = [part for part in _JOINTS.split(token) if part]
    if not all(map(str.isalpha, parts)) or max(map(len, parts)) == 1 or token.count("/") > 1:
        return []
    if "/" in token:
        return [part for part in parts if len(part) > 1]
    return [token] if all(part.isupper() or part[1:].islower() or len(part) == 1 for part in parts) else []


def _without_mixed(prose: str) -> tuple[int, str]:
    """How many words have Latin and Cyrillic letters in them, and the prose without these."""
    if not _CYRILLIC.search(prose) or not _TOUCHING.search(prose):
        return 0, prose
    mixed = 0

    def keep(match: re.Match[str]) -> str:
        nonlocal mixed
        if not _TOUCHING.search(match.group()):
            return match.group()
        mixed += 1
        return " "

    without = _LATIN_AND_CYRILLIC.sub(keep, prose)
    return mixed, without
