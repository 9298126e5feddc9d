"""The languages of programs: one explicit table. Which of them a host has is found out in sandbox.trials."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from sandbox.languages.base import Language
from sandbox.languages.interpreted import BASH, JAVASCRIPT, PYTHON
from sandbox.languages.java import JAVA
from sandbox.languages.native import CPP, GO, RUST, C

LANGUAGES: Final[dict[str, Language]] = {one.name: one for one in (PYTHON, C, CPP, JAVA, JAVASCRIPT, GO, RUST, BASH)}
_BY_ALIAS: Final = {alias: one for one in LANGUAGES.values() for alias in (one.name, *one.aliases)}
_BY_EXTENSION: Final = {extension: one for one in LANGUAGES.values() for extension in one.extensions}


def named(name: str) -> Language | None:
    """The language of this name or alias, in any case; None if there is none."""
    return _BY_ALIAS.get(name) or _BY_ALIAS.get(name.strip().lower())


def of_file(name: str) -> Language | None:
    """The language of a file with this name; None if its extension is of none."""
    return _BY_EXTENSION.get(PurePath(name).suffix.lower())
