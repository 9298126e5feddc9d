"""`language:response_language`: the whole response is in one language."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from reward_server.instructions.instruction import Instruction, Unjudgeable
from reward_server.instructions.markdown import outside_code
from reward_server.instructions.text import Response
from reward_server.language.identify import LOOKED_AT_CHARS, available, identify
from reward_server.language.scripts import LANGUAGES, SCRIPT_OF, code_of, shared

_PIECES = 16
_PIECE_CHARS = 300  # enough to tell one language from its neighbours
_OTHER_SHARE = 0.2  # of the characters: a quotation, a piece taken for a neighbouring language
_USUAL = frozenset(code for codes in LANGUAGES.values() for code in codes)


def _known(language: str) -> str:
    code = code_of(language)
    if code is None:
        raise ValueError(f"the language {language[:40]!r} is not known: expected a code such as 'en' or 'de'")
    return code


class ResponseLanguage(Instruction):
    """The response is in the language, and pieces in another hold no more than a fifth of it; code is left out.

    In the original, whose detection is random, half in another language follows, and so does a text of digits.
    """

    id: ClassVar[str] = "language:response_language"
    language: Annotated[str, AfterValidator(_known)] = Field(description="a code of ISO 639-1")

    def lacks(self, response: Response) -> str | None:
        if shared(SCRIPT_OF[self.language]) and not available():
            raise Unjudgeable(f"language {self.language!r} is told by a model: install assay[lang]")
        text = "\n".join(outside_code(response.lines)).strip()[:LOOKED_AT_CHARS]
        found = self._identified(text)
        if found != self.language:
            return f"expected {self.language}, found {found or 'no language'}"
        pieces = _pieces(text)
        other = sum(len(piece) for piece in pieces if self._identified(piece) not in (self.language, None))
        if len(pieces) > 1 and other > _OTHER_SHARE * len(text):
            return f"expected {self.language} throughout, {other * 100 // len(text)} % is in other languages"
        return None

    def _identified(self, text: str) -> str | None:
        return identify(text, None if self.language in _USUAL else (*_USUAL, self.language))


def _pieces(text: str) -> list[str]:
    size = max(_PIECE_CHARS, -(-len(text) // _PIECES))
    return [text[start : start + size] for start in range(0, len(text), size)]
