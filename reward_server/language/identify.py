"""The main language of a text: by its script where that is enough, else by a model among the languages that share it.

The model is py3langid's (naive Bayes over byte n-grams, Lui and Baldwin 2012), in the `lang` extra. It is loaded once
and only read from then on; a copy with other candidates shares its tables.
"""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from reward_server.language.plain import plain
from reward_server.language.scripts import (
    ALIEN_LETTERS,
    HAN,
    KANA,
    LANGUAGES,
    LATIN,
    RUNS,
    SCRIPT_OF,
    code_of,
    other_script,
    owner,
    words_in,
)

LOOKED_AT_CHARS = 50_000  # the main language of a text shows in its first part
MODEL_CHARS = 2_000  # of one script, more than the model needs
MIN_LETTERS = 4  # of a shared script; below, a word such as "no" is in a dozen languages
KANA_SHARE = 0.1  # of Han and kana characters; from here on the text is Japanese, below Chinese that quotes some
ALIEN_SHARE = 0.01  # of letters

# Difference of logarithms. Measured: nine of ten English sentences that are taken for another language, names and lists
# mostly, are so by less; every one of 100 sentences in six languages is its own by more, Spanish beside Portuguese too.
MARGIN = 10.0
_NO_FEATURES = -3.0e38  # the model's score for a text in which it knows nothing
_lock = threading.Lock()


@cache
def available() -> bool:
    """Whether the extra `lang` is installed, so that languages of one script can be told apart."""
    return find_spec("py3langid") is not None


def load() -> None:
    """Load the model unless it is loaded; at once where the extra is missing. About a second, 100 MB with numpy."""
    if available():
        with _lock:
            _model()


def identify(text: str, among: Sequence[str] | None = None) -> str | None:
    """The ISO 639-1 code of the text's main language; None where nothing can be said.

    `among` restricts the answer to these codes, and a text whose script none of them uses gives None. Without it the
    candidates are the usual languages of the script (`scripts.LANGUAGES`). Latin text gives None without the extra.
    """
    codes = None if among is None else {code for code in map(code_of, among) if code}
    words = _words_by_script(text[:LOOKED_AT_CHARS], codes)
    weights = {script: sum(words_in(script, run) for run in runs) for script, runs in words.items()}
    main = max(weights, key=lambda script: weights[script], default=None)
    if main is None:
        return None
    if main in (HAN, KANA):
        return _allowed(_chinese_or_japanese(words), codes)
    candidates = tuple(sorted(code for code in codes or () if SCRIPT_OF[code] == main))
    return among_one_script(main, words[main], LANGUAGES[main] if codes is None else candidates)


def among_one_script(
    script: str, words: Sequence[str], candidates: Sequence[str], favoured: str | None = None
) -> str | None:
    """The candidate in which these words of one script are written, or None where that cannot be told.

    `favoured` has the benefit of the doubt: another must be more likely by `MARGIN`.
    """
    if not candidates:
        return None
    if LANGUAGES[script] == (owner(script),) and len(candidates) == 1:
        return candidates[0]
    if sum(map(len, words)) < MIN_LETTERS:
        return None
    if available():
        return _by_model(" ".join(words)[:MODEL_CHARS], frozenset(candidates), favoured)
    return owner(script) if owner(script) in candidates and _owners_letters(script, words) else None


def _words_by_script(text: str, codes: set[str] | None) -> dict[str, list[str]]:
    words: dict[str, list[str]] = {}
    for match in RUNS.finditer(plain(text)):
        script = match.lastgroup or LATIN
        run = match.group()
        words.setdefault(other_script(run[0]) if script == "other" else script, []).append(run)
    return words


def _chinese_or_japanese(words: dict[str, list[str]]) -> str:
    kana = sum(map(len, words.get(KANA, ())))
    han = sum(map(len, words.get(HAN, ())))
    return "ja" if kana >= KANA_SHARE * (kana + han) else "zh"


def _allowed(code: str, codes: set[str] | None) -> str | None:
    return code if codes is None or code in codes else None


def _owners_letters(script: str, words: Iterable[str]) -> bool:
    """Whether the owner of the script can have written this; of Latin letters that cannot be said."""
    if script not in ALIEN_LETTERS:
        return False
    counts = Counter("".join(words).lower())
    alien = sum(counts[letter] for letter in ALIEN_LETTERS[script])
    return alien <= ALIEN_SHARE * counts.total()


def _by_model(text: str, candidates: frozenset[str], favoured: str | None) -> str | None:
    ranked = _restricted(candidates).rank(text)
    code, score = ranked[0]
    if score <= _NO_FEATURES:
        return None
    if favoured in candidates and score - dict(ranked)[favoured] < MARGIN:
        return favoured
    return str(code)


@lru_cache(maxsize=256)
def _restricted(candidates: frozenset[str]) -> Any:
    load()
    model = copy.copy(_model())
    model.set_languages(candidates & set(model.labels))
    return model


@cache
def _model() -> Any:
    langid = import_module("py3langid.langid")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
