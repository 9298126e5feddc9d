"""The names of programming languages, as data sets, fences and requests write them."""

from __future__ import annotations

import re

from reward_server.errors import GroundTruthInvalid

# What a language is called, in lower case; a version may follow: python3, py-3.11, c++17, java 8.
_NAMES = {
    "python": r"py(?:thon|py)?",
    "c": r"c",
    "cpp": r"c\+\+|cpp|cxx|cc|g\+\+",
    "java": r"java",
    "javascript": r"js|javascript|node(?:js|\.js)?|mjs|cjs|ecmascript",
    "go": r"go(?:lang)?",
    "rust": r"rust|rs",
    "bash": r"bash|sh|shell|zsh|shellscript",
}
_VERSION = r"(?:[ _-]?v?\d[\d.]*)?"
LANGUAGES = tuple(_NAMES)
_PATTERNS = {language: re.compile(rf"(?:{names}){_VERSION}", re.IGNORECASE) for language, names in _NAMES.items()}


def is_called(language: str, name: str) -> bool:
    """Whether a name, of a fence for example, is one of this language."""
    return len(name) <= 64 and _PATTERNS[language].fullmatch(name) is not None


def canonical(name: str) -> str:
    """The language's own name. Raises GroundTruthInvalid for one that is not known."""
    for language in LANGUAGES:
        if is_called(language, name.strip()):
            return language
    raise GroundTruthInvalid(f"expected a language of {', '.join(LANGUAGES)}, got {name[:40]!r}")
