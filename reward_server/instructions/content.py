"""`detectable_content:*`: placeholders and a postscript."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import ClassVar

from pydantic import Field

from reward_server.instructions.instruction import Instruction, Number, Phrase
from reward_server.instructions.markdown import count_placeholders
from reward_server.instructions.text import Response, fold, says_something

_BEFORE_MARKER = r"[\s>#*_\"'“‘(\[-]*"
_SENTENCE_END = re.compile(r"[.!?…。！？)][\"'”’)*_]*\s+")


class NumberOfPlaceholders(Instruction):
    """At least so many `[…]` with something inside, each on one line; in the original `[]` is one."""

    id: ClassVar[str] = "detectable_content:number_placeholders"
    num_placeholders: Number = Field(description="a whole number from 1")

    def lacks(self, response: Response) -> str | None:
        found = count_placeholders(response.text)
        wanted = self.num_placeholders
        return None if found >= wanted else f"expected at least {wanted} placeholders in [ ], found {found}"


class Postscript(Instruction):
    """Behind the rest stands a postscript: a line that begins with the marker, and words after it.

    It may also stand inside a line, behind the end of a sentence. In the original it may stand anywhere ("I add no
    P.S.") and alone, and a "P.P.S." is a "P.S." too.
    """

    id: ClassVar[str] = "detectable_content:postscript"
    postscript_marker: Phrase = Field(description='how it begins, such as "P.S."')

    def lacks(self, response: Response) -> str | None:
        written, marker = _marker(fold(self.postscript_marker))
        lines = response.lines if written.search(response.text) else []
        said = False
        for number, line in enumerate(lines):
            end = _marked(line, marker, said)
            if end is not None and says_something(line[end:] + "".join(lines[number + 1 :])):
                return None
            said = said or says_something(line)
        return f"no postscript that begins with {self.postscript_marker[:40]!r} at the end"


@lru_cache(maxsize=256)
def _marker(folded: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The marker, and the marker where a line begins; its last full stop and spaces inside it may be there or not."""
    letters = [re.escape(char) for char in folded.rstrip(".") or folded if not char.isspace()]
    written = r"\s?".join(letters) + r"(?!\w)\.?"
    return re.compile(written, re.IGNORECASE), re.compile(_BEFORE_MARKER + written, re.IGNORECASE)


def _marked(line: str, marker: re.Pattern[str], said: bool) -> int | None:
    """Where the marker ends that begins a postscript in this line, behind what was said; None where there is none."""
    starts = [0] if said else []
    starts += [end.end() for end in _SENTENCE_END.finditer(line)]
    found = next(filter(None, (marker.match(line, start) for start in starts)), None)
    return found.end() if found else None
