"""Regular expressions in RE2: matched in time linear in the text, whatever the pattern."""

from __future__ import annotations

from functools import lru_cache

import re2

PATTERNS_KEPT = 256
MAX_BYTES = 1 << 20  # of one compiled pattern and of its automaton
LARGEST_PROGRAM = 10_000  # instructions; the worst text takes that many steps a character


class PatternInvalid(ValueError):
    """RE2 cannot read the pattern (it has no look-around and no back-references), or it is too large."""


class Pattern:
    """A compiled pattern; `size` is how many steps a character of text can cost."""

    def __init__(self, pattern: str, flags: str) -> None:
        """`flags` of "ims", as written at the start of a pattern. Raises PatternInvalid."""
        options = re2.Options()
        options.max_mem = MAX_BYTES
        options.log_errors = False
        try:
            re2.compile(pattern, options)  # by itself, or a bracket could close the group of the flags
            self._compiled = re2.compile(f"(?{flags}){pattern}" if flags else pattern, options)
        except (re2.error, UnicodeEncodeError) as error:
            raise PatternInvalid(f"{_message(error)} in {pattern[:80]!r}") from error
        self.written = pattern
        self.size = int(self._compiled.programsize)
        if self.size > LARGEST_PROGRAM:
            raise PatternInvalid(f"too large ({self.size} steps, at most {LARGEST_PROGRAM}): {pattern[:80]!r}")

    def matches(self, text: str, *, whole: bool) -> bool:
        """Whether the pattern matches a part of the text, or the whole; lone surrogates are read as question marks."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        found = self._compiled.fullmatch(text) if whole else self._compiled.search(text)
        return found is not None


@lru_cache(maxsize=PATTERNS_KEPT)
def compiled(pattern: str, flags: str = "") -> Pattern:
    """The pattern, compiled once in each process as long as few others are used. Raises PatternInvalid."""
    return Pattern(pattern, flags)


def _message(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else "not valid Unicode"
