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
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)*_]*\s+")


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

    It may also follow on the last line, behind the end of a sentence. In the original the marker may stand anywhere,
    alone, and a "P.P.S." is a "P.S." too.
    """

    id: ClassVar[str] = "detectable_content:postscript"
    postscript_marker: Phrase = Field(description='how it begins, such as "P.S."')

    def lacks(self, response: Response) -> str | None:
        marker = _marker(fold(self.postscript_marker))
        said = False
        for number, line in enumerate(response.lines):
            found = marker.match(line)
            if found and said and says_something(line[found.end() :] + "".join(response.lines[number + 1 :])):
                return None
            said = said or says_something(line)
        return None if _ends_last_line(response.lines[-1], marker) else self._reason()

    def _reason(self) -> str:
        return f"no postscript that begins with {self.postscript_marker[:40]!r} at the end"


@lru_cache(maxsize=256)
def _marker(folded: str) -> re.Pattern[str]:
    """The marker where a line begins; its last full stop and spaces inside it may be there or not."""
    letters = [re.escape(char) for char in folded.rstrip(".") or folded if not char.isspace()]
    return re.compile(_BEFORE_MARKER + r"\s?".join(letters) + r"(?!\w)\.?", re.IGNORECASE)


def _ends_last_line(line: str, marker: re.Pattern[str]) -> bool:
    for end in _SENTENCE_END.finditer(line):
        found = marker.match(line, end.end())
        if found and says_something(line[found.end() :]):
            return True
    return False
