"""`detectable_format:*`: bullets, highlights, sections, titles, JSON, and an answer out of three."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, ClassVar

from pydantic import Field

from reward_server.instructions.instruction import Instruction, Number, Phrase
from reward_server.instructions.markdown import count_bullets, count_highlights, has_title
from reward_server.instructions.text import Response, says_something
from reward_server.lenient_json import loads, printable

_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_FENCE = re.compile(r"```(?:json)?[ \t]*\n?", re.IGNORECASE)
_BEFORE_SECTION = r"^[\s>#*_\"“(\[-]*"


class NumberOfBulletLists(Instruction):
    """Exactly so many bullet points of markdown: `*`, `-` or `+`, a space, and something said.

    The original also counts rules (`---`), lines that begin with `*emphasis*` or `-5`, empty bullets and lines of code.
    """

    id: ClassVar[str] = "detectable_format:number_bullet_lists"
    num_bullets: Annotated[int, Field(ge=0, le=100_000)] = Field(description="a whole number")

    def lacks(self, response: Response) -> str | None:
        found = count_bullets(response.lines)
        return None if found == self.num_bullets else f"expected {self.num_bullets} bullet points, found {found}"


class ConstrainedResponse(Instruction):
    """The response has one of "My answer is yes.", "My answer is no." and "My answer is maybe.", and no other of them.

    In the original a response with all three follows.
    """

    id: ClassVar[str] = "detectable_format:constrained_response"

    def lacks(self, response: Response) -> str | None:
        text = " ".join(response.text.split())
        given = [option for option in _OPTIONS if option in text]
        if len(given) == 1:
            return None
        return "several of the options are given" if given else 'none of "My answer is yes. / no. / maybe." is given'


class NumberOfHighlightedSections(Instruction):
    """At least so many texts highlighted as `*…*`, `**…**` or `***…***`, each within a line and saying something.

    In the original the asterisks of a bullet and of `2 * 3 * 4` highlight too.
    """

    id: ClassVar[str] = "detectable_format:number_highlighted_sections"
    num_highlights: Number = Field(description="a whole number from 1")

    def lacks(self, response: Response) -> str | None:
        found = count_highlights(response.lines)
        wanted = self.num_highlights
        return None if found >= wanted else f"expected at least {wanted} highlighted sections, found {found}"


class MultipleSections(Instruction):
    """At least so many sections: a line that begins with the splitter and a number, and something said in it.

    In the original "see Section 2" begins a section, sections may be empty, and the splitter is a regular expression.
    """

    id: ClassVar[str] = "detectable_format:multiple_sections"
    section_spliter: Phrase = Field(description='how a section begins, such as "Section"')
    num_sections: Number = Field(description="a whole number from 1")

    def lacks(self, response: Response) -> str | None:
        heading = _heading(self.section_spliter)
        said: list[bool] = []  # of each section: something
        for line in response.lines:
            begins = heading.match(line)
            if begins:
                said.append(False)
            if said and not said[-1]:
                said[-1] = says_something(line[begins.end() :] if begins else line)
        found = sum(said)
        wanted = self.num_sections
        if found >= wanted:
            return None
        return f"expected at least {wanted} sections that begin with {self.section_spliter[:40]!r}, found {found}"


class JsonFormat(Instruction):
    """The whole response, or all inside its one code fence, is a JSON object or array.

    In the original a text in quotes is JSON, NaN is, and "[" a hundred thousand times raises RecursionError.
    """

    id: ClassVar[str] = "detectable_format:json_format"

    def lacks(self, response: Response) -> str | None:
        text = response.text
        opened = _FENCE.match(text)
        if opened:
            text = text[opened.end() :].removesuffix("```").strip()
        if text[:1] not in ("{", "["):
            return "not a JSON object or array"
        try:
            loads(printable(text).encode())
        except ValueError as error:
            return f"not JSON: {str(error)[:100]}"
        return None


class Title(Instruction):
    """Somewhere on a line stands a title `<<…>>` that says something.

    The original takes quadratic time on a line of `<`.
    """

    id: ClassVar[str] = "detectable_format:title"

    def lacks(self, response: Response) -> str | None:
        return None if has_title(response.lines) else "no title in << >>"


@lru_cache(maxsize=256)
def _heading(splitter: str) -> re.Pattern[str]:
    words = r"\s+".join(map(re.escape, splitter.split()))
    return re.compile(rf"{_BEFORE_SECTION}{words}\s?\d+(?!\w)")
