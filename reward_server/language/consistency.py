"""How much of a text is in the language it should be in.

DeepSeek-R1 (arXiv:2501.12948, section 2.3.2) rewards the proportion of target-language words in the chain of thought.
It does not say what a word is. Here notation is taken out first (`clean`), the rest is counted in words by script
(`words`), and what a script stands for is settled as follows.

- Han is Japanese in a sentence with kana, Chinese in one with what only Chinese writes; a sentence of neither kind goes
  with its neighbours.
- A script of several languages (Latin, Cyrillic, Arabic, Devanagari) counts as a whole, under its own name, or each
  sentence of at least four words is identified by the model. Shorter ones are identified together: a text of fragments
  gains nothing by being one.
- Long sentences are identified by windows, so that a text without full stops may still be in two languages.

A text of which nearly everything was taken out may have its thoughts in `\\text{}` or in comments of code. There, runs
of words in what was taken out count too, and the result says so.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from reward_server.language.clean import clean
from reward_server.language.identify import among_one_script
from reward_server.language.plain import plain
from reward_server.language.scripts import HAN, KANA, KANA_CHARS, LANGUAGES, SCRIPT_OF, owner, shared
from reward_server.language.words import MIXED, Words, sentences_of, words_of

MIN_IDENTIFIED_WORDS = 4
WINDOW_WORDS = 30
MAX_CHARS = 200_000  # about 50,000 tokens; what follows is not read
MOSTLY = 0.9  # of the characters
LONG_CHARS = 400
KANA_IN_CHINESE = 0.2  # of Han and kana characters; up to here a sentence that is marked as Chinese quotes Japanese

# What Chinese prose has and Japanese has not, in characters that both write. The others are known by not being in
# Shift JIS: nearly all that were simplified in China alone, and the traditional ones that Japan has simplified.
_CHINESE_WORDS = re.compile(
    "[你她吧呢啊另說]|所以|因为|因此|如果|可以|但是|之后|由此|其次|等於|几个|一共|解得|我的|没有|是(?![非正認])"
)
_KANA = re.compile(f"[{KANA_CHARS}]")
# Five or more words in a row: prose inside of what was taken out.
_PROSE_IN_NOTATION = re.compile(r"\b(?:[^\W\d_]{2,}[ ,]+){4,}[^\W\d_]{2,}")


@dataclass(frozen=True)
class Consistency:
    """Counts of one text, in words.

    `share` is None where there is no word. `languages` has codes, and names of scripts where their languages were not
    told apart; `mixed` are words of Latin and Cyrillic letters. `removed_fraction` is a share of the characters.
    """

    share: float | None
    units: float
    target_units: float
    languages: dict[str, float]
    removed_fraction: float
    mostly_removed: bool


def needs_identification(target: str) -> bool:
    """Whether script counting would take another language for the target: not so for the owner of a script."""
    script = SCRIPT_OF.get(target)
    return script is not None and owner(script) != target


def proportion(
    text: str, target: str, *, identified: bool = False, allowed: re.Pattern[str] | None = None
) -> Consistency:
    """The proportion of words in `target`, a code or the name of a script, among all words of the text.

    `identified`: languages of one script are told apart, which needs the extra `lang`; else each word of the target's
    script is the target's. Matches of `allowed` are not counted. Read are the first 200,000 characters.
    """
    text = plain(text[:MAX_CHARS])
    cleaned = clean(text)
    prose = cleaned.prose if allowed is None else allowed.sub(" ", cleaned.prose)
    parts = sentences_of(prose) if identified or _KANA.search(prose) else [words_of(prose)]
    removed = min(1.0, (cleaned.removed_chars + sum(part.left_out for part in parts)) / max(1, len(text)))
    mostly_removed = removed > MOSTLY and len(text) >= LONG_CHARS
    if mostly_removed:
        hidden = "\n".join(run for part in cleaned.removed for run in _PROSE_IN_NOTATION.findall(part))
        parts += sentences_of(hidden)
    languages = by_language(parts, target, identified)
    units = sum(languages.values())
    hits = languages.get(target, 0.0)
    return Consistency(hits / units if units else None, units, hits, languages, removed, mostly_removed)


def by_language(sentences: Sequence[Words], target: str, identified: bool) -> dict[str, float]:
    """Units by language, in order of appearance."""
    counts: dict[str, float] = {}
    fragments: dict[str, list[str]] = {}
    for sentence, han in zip(sentences, _languages_of_han(sentences), strict=True):
        for script, units in sentence.units.items():
            if identified and script in LANGUAGES and shared(script):
                for window in _windows(sentence.words[script]):
                    _count_window(counts, fragments, script, window, target)
            else:
                label = han if script == HAN else _label(script, target)
                counts[label] = counts.get(label, 0.0) + units
    for script, words in fragments.items():
        for window in _windows(words):
            label = _identified(script, window, target) or _label(script, target)
            counts[label] = counts.get(label, 0.0) + len(window)
    return counts


def _count_window(
    counts: dict[str, float], fragments: dict[str, list[str]], script: str, window: Sequence[str], target: str
) -> None:
    label = _identified(script, window, target)
    if label is None:
        fragments.setdefault(script, []).extend(window)
    else:
        counts[label] = counts.get(label, 0.0) + len(window)


def _windows(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """The words in windows of nearly the same length, none longer than WINDOW_WORDS."""
    size = ceil(len(words) / ceil(len(words) / WINDOW_WORDS))
    return (words[start : start + size] for start in range(0, len(words), size))


def _identified(script: str, words: Sequence[str], target: str) -> str | None:
    if len(words) < MIN_IDENTIFIED_WORDS:
        return None
    candidates = LANGUAGES[script]
    if SCRIPT_OF.get(target) == script and target not in candidates:
        candidates = (*candidates, target)
    return among_one_script(script, words, candidates, target)


def _label(script: str, target: str) -> str:
    """The target where the script is its own; a language where it is the only one of the script; else the script."""
    if script == MIXED or SCRIPT_OF.get(target) == script:
        return MIXED if script == MIXED else target
    return script if shared(script) else owner(script)


def _languages_of_han(sentences: Sequence[Words]) -> list[str]:
    """For each sentence the language of Han characters in it."""
    if not any(KANA in sentence.words for sentence in sentences):
        return ["zh"] * len(sentences)
    own = [_language_of_han(sentence) for sentence in sentences]
    before = _carried(own)
    after = _carried(own[::-1])[::-1]
    return [(near if near[0] <= far[0] else far)[1] for near, far in zip(before, after, strict=True)]


def _language_of_han(sentence: Words) -> str | None:
    """What the sentence itself says; None where it could be either."""
    kana = sum(map(len, sentence.words.get(KANA, ())))
    han = "".join(sentence.words.get(HAN, ()))
    if kana <= KANA_IN_CHINESE * (kana + len(han)) and _only_chinese(han):
        return "zh"
    return "ja" if kana else None


def _only_chinese(han: str) -> bool:
    try:
        han.encode("cp932")
    except UnicodeEncodeError:
        return True
    return _CHINESE_WORDS.search(han) is not None


def _carried(own: Iterable[str | None]) -> list[tuple[int, str]]:
    """For each sentence how far back the last decided one lies, and its language."""
    carried: list[tuple[int, str]] = []
    distance, language = sys.maxsize, "zh"
    for label in own:
        distance, language = (0, label) if label else (distance + 1, language)
        carried.append((distance, language))
    return carried
