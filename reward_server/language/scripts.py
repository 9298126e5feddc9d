"""Writing systems: their characters, the languages written in them, and how much of them makes one word.

Ranges follow Scripts.txt of Unicode 15, by blocks where a block holds one script. Marks belong to the script of their
block, so that a vowel sign does not end a word.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from itertools import pairwise

LATIN, HAN, KANA, HANGUL, CYRILLIC = "latin", "han", "kana", "hangul", "cyrillic"

LATIN_CHARS = (
    "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02b8\u1d00-\u1d25\u1d2c-\u1dbf"
    "\u1e00-\u1eff\u2184\u2c60-\u2c7f\ua722-\ua7ff\uab30-\uab6f"
)
HAN_CHARS = "\u2e80-\u2fd5\u3005-\u3007\u3105-\u312f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
KANA_CHARS = "\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_HANGUL_CHARS = "\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\uac00-\ud7ff\uffa1-\uffdc"
CYRILLIC_CHARS = "\u0400-\u0481\u0483-\u052f\u1c80-\u1c8f\u1d2b\u2de0-\u2dff\ua640-\ua69f"

# First character of a block → the script of all that follows up to the next entry; None: no letters of interest.
_BLOCKS: tuple[tuple[int, str | None], ...] = (
    (0x0370, "greek"),
    (0x0400, None),
    (0x0531, "armenian"),
    (0x0589, None),
    (0x0591, "hebrew"),
    (0x0600, None),
    (0x0610, "arabic"),
    (0x0700, None),
    (0x0750, "arabic"),
    (0x0780, None),
    (0x0870, "arabic"),
    (0x0900, "devanagari"),
    (0x0980, "bengali"),
    (0x0A00, "gurmukhi"),
    (0x0A80, "gujarati"),
    (0x0B00, "oriya"),
    (0x0B80, "tamil"),
    (0x0C00, "telugu"),
    (0x0C80, "kannada"),
    (0x0D00, "malayalam"),
    (0x0D80, "sinhala"),
    (0x0E01, "thai"),
    (0x0E80, "lao"),
    (0x0F00, "tibetan"),
    (0x1000, "myanmar"),
    (0x10A0, "georgian"),
    (0x1100, None),
    (0x1200, "ethiopic"),
    (0x13A0, None),
    (0x1780, "khmer"),
    (0x1800, None),
    (0x1C90, "georgian"),
    (0x1CC0, None),
    (0x1F00, "greek"),
    (0x2000, None),
    (0x2D00, "georgian"),
    (0x2D30, None),
    (0x2D80, "ethiopic"),
    (0x2DE0, None),
    (0xA8E0, "devanagari"),
    (0xA900, None),
    (0xA9E0, "myanmar"),
    (0xAA00, None),
    (0xAA60, "myanmar"),
    (0xAA80, None),
    (0xAB01, "ethiopic"),
    (0xAB30, None),
    (0xFB1D, "hebrew"),
    (0xFB50, "arabic"),
    (0xFE00, None),
    (0xFE70, "arabic"),
    (0xFEFD, None),
)
_STARTS = [start for start, _ in _BLOCKS]
# Inside those blocks: punctuation and digits, which are no letters.
_NOT_LETTERS = (
    "\u0375\u037e\u0387\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u060c\u061b\u061f\u0660-\u066d\u06d4\u06dd\u06de\u06e9\u06f0-\u06f9"
    "\u0964-\u096f\u09e6-\u09ef\u0a66-\u0a6f\u0ae6-\u0aef\u0b66-\u0b6f\u0be6-\u0bef\u0c66-\u0c6f\u0ce6-\u0cef\u0d66-\u0d6f"
    "\u0de6-\u0def\u0df4\u0e3f\u0e4f-\u0e5b\u0ed0-\u0ed9\u0f01-\u0f34\u0f3a-\u0f3d\u1040-\u104f\u1360-\u137c"
    "\u17d4-\u17d6\u17d8-\u17db\u17e0-\u17f9\ufd3e\ufd3f\ufdfc"
)
_OTHER_CHARS = "".join(
    f"{chr(start)}-{chr(end - 1)}" for (start, script), (end, _) in pairwise(_BLOCKS) if script is not None
)

# Runs of one script. A Latin or Cyrillic word keeps its inner apostrophes and hyphens.
NON_LATIN_RUNS = (
    f"(?P<han>[{HAN_CHARS}]+)"
    f"|(?P<kana>[{KANA_CHARS}]+)"
    f"|(?P<hangul>[{_HANGUL_CHARS}]+)"
    f"|(?P<cyrillic>[{CYRILLIC_CHARS}]+(?:['’-][{CYRILLIC_CHARS}]+)*)"
    f"|(?P<other>(?:(?![{_NOT_LETTERS}])[{_OTHER_CHARS}])+)"
)
RUNS = re.compile(f"(?P<latin>[{LATIN_CHARS}]+(?:['’-][{LATIN_CHARS}]+)*)|{NON_LATIN_RUNS}")


def _codes(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


# The first language owns the script where nothing can be identified; the rest are told apart by the model.
LANGUAGES: dict[str, tuple[str, ...]] = {
    LATIN: _codes("en fr de es pt it nl vi pl cs sv da no fi ro hu tr id sw"),
    HAN: ("zh",),
    KANA: ("ja",),
    HANGUL: ("ko",),
    CYRILLIC: ("ru", "uk", "bg", "sr", "be", "mk", "kk"),
    "greek": ("el",),
    "armenian": ("hy",),
    "hebrew": ("he",),
    "arabic": ("ar", "fa", "ur"),
    "devanagari": ("hi", "mr", "ne"),
    "bengali": ("bn",),
    "gurmukhi": ("pa",),
    "gujarati": ("gu",),
    "oriya": ("or",),
    "tamil": ("ta",),
    "telugu": ("te",),
    "kannada": ("kn",),
    "malayalam": ("ml",),
    "sinhala": ("si",),
    "thai": ("th",),
    "lao": ("lo",),
    "tibetan": ("bo",),
    "myanmar": ("my",),
    "georgian": ("ka",),
    "ethiopic": ("am",),
    "khmer": ("km",),
}
# Known to the model too, but candidates only when they are asked for: rare ones cost the common ones accuracy.
_ON_REQUEST: dict[str, tuple[str, ...]] = {
    LATIN: _codes(
        "af az bs ca cy eo et eu fy ga gl ha hr ht ig is jv la lb lt lv mg ms mt nn oc qu"
        " rw sk sl sn so sq st tk tl uz xh yo zu"
    ),
    CYRILLIC: ("ba", "ky", "mn", "tg", "tt"),
    "arabic": ("ps", "ug"),
    "devanagari": ("sa",),
}
SCRIPT_OF: dict[str, str] = {
    code: script for table in (LANGUAGES, _ON_REQUEST) for script, codes in table.items() for code in codes
}
_ALIASES = {"iw": "he", "in": "id", "nb": "no", "fil": "tl", "cmn": "zh", "yue": "zh", "wuu": "zh"}

# Letters of a shared script that the owner's alphabet lacks: with them the text is in another language.
ALIEN_LETTERS: dict[str, frozenset[str]] = {
    CYRILLIC: frozenset("іїєґўђјљњћџѓќѕәғқңөұүһ"),
    "arabic": frozenset("پچژگکیٹڈڑےںہھ"),
    "devanagari": frozenset("ळ"),
}

# Words in one character of writing that has no spaces, by the usual length of a word (Chinese: 1.5 to 1.7 characters).
HAN_WORD = 0.6
KANA_WORD = 1 / 3
_UNSPACED = {"thai": 1 / 4, "lao": 1 / 4, "khmer": 1 / 5, "myanmar": 1 / 5, "tibetan": 1 / 5}


def code_of(language: str) -> str | None:
    """The code used here for a language tag such as `zh-Hans`, `EN` or `pt_BR`; None for one that is not known."""
    code = language.strip().lower().replace("_", "-").partition("-")[0]
    code = _ALIASES.get(code, code)
    return code if code in SCRIPT_OF else None


@cache
def other_script(char: str) -> str:
    """The script of a character that `RUNS` calls `other`."""
    return _BLOCKS[bisect_right(_STARTS, ord(char)) - 1][1] or LATIN


def words_in(script: str, run: str) -> float:
    """How many words a run of one script counts for. Source of the weights: measured lengths of parallel sentences."""
    if script == HAN:
        return HAN_WORD * len(run)
    if script == KANA:
        return max(1.0, KANA_WORD * len(run))
    return max(1.0, _UNSPACED[script] * len(run)) if script in _UNSPACED else 1.0


def owner(script: str) -> str:
    """The language that a script stands for where languages are not identified."""
    return LANGUAGES[script][0]


def shared(script: str) -> bool:
    """Whether several of the languages that are usually expected are written in it."""
    return len(LANGUAGES[script]) > 1
