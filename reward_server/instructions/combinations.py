"""`combination:*`: two responses, and the request repeated before the answer."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from reward_server.instructions.instruction import Instruction
from reward_server.instructions.markdown import six_asterisk_parts
from reward_server.instructions.text import Response, ends_free, fold, says_something, visible

_LABEL = re.compile(
    r"\W*(?:(?:response|answer|option|version|reply)\W{0,3}(?:\d|one|two|[ab])|(?:first|second)\s(?:response|answer))"
    r"(?!\w)"
)
_WORDS = re.compile(r"\w+")


class TwoResponses(Instruction):
    """Two responses divided by `******`, which may stand at the ends too; they differ in their words.

    In the original two that differ in a full stop or in their label ("Response 1:") are different.
    """

    id: ClassVar[str] = "combination:two_responses"

    def lacks(self, response: Response) -> str | None:
        parts = six_asterisk_parts(response.text)
        inner = parts[1 if not parts[0] else 0 : len(parts) - 1 if not parts[-1] else len(parts)]
        if len(inner) != 2:
            return f"expected 2 responses divided by ******, found {len(inner)}"
        if not all(says_something(part) for part in inner):
            return "a response is empty"
        first, second = (_unlabelled(part) for part in inner)
        return None if first != second else "the two responses are the same"


class RepeatPrompt(Instruction):
    """The response begins with the request, whatever its case and white space, and an answer follows.

    In the original the request alone is enough.
    """

    id: ClassVar[str] = "combination:repeat_prompt"
    prompt_to_repeat: Annotated[str, AfterValidator(visible), Field(min_length=1)] = Field(
        description="the request; without it the item's prompt"
    )

    def lacks(self, response: Response) -> str | None:
        request, text = fold(self.prompt_to_repeat), response.folded
        if not text.startswith(request) or not ends_free(text, len(request)):
            return "does not begin with the request, word for word"
        return None if says_something(text[len(request) :]) else "no answer follows the repeated request"


def _unlabelled(part: str) -> list[str]:
    """The words of a response without a label before it; its signs where it has no words."""
    text = fold(part)
    label = _LABEL.match(text)
    return _WORDS.findall(text, label.end() if label else 0) or [text]
