"""The 25 instructions by their published ids, and how rows become instructions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from reward_server.errors import GroundTruthInvalid
from reward_server.instructions.combinations import RepeatPrompt, TwoResponses
from reward_server.instructions.content import NumberOfPlaceholders, Postscript
from reward_server.instructions.formats import (
    ConstrainedResponse,
    JsonFormat,
    MultipleSections,
    NumberOfBulletLists,
    NumberOfHighlightedSections,
    Title,
)
from reward_server.instructions.instruction import Instruction
from reward_server.instructions.keywords import Existence, ForbiddenWords, Frequency, LetterFrequency
from reward_server.instructions.languages import ResponseLanguage
from reward_server.instructions.lengths import (
    NthParagraphFirstWord,
    NumberOfParagraphs,
    NumberOfSentences,
    NumberOfWords,
)
from reward_server.instructions.surfaces import (
    CapitalWordFrequency,
    EndChecker,
    EnglishCapital,
    EnglishLowercase,
    NoComma,
    Quotation,
)

INSTRUCTIONS: dict[str, type[Instruction]] = {
    kind.id: kind
    for kind in (
        Existence,
        Frequency,
        ForbiddenWords,
        LetterFrequency,
        ResponseLanguage,
        NumberOfSentences,
        NumberOfParagraphs,
        NumberOfWords,
        NthParagraphFirstWord,
        NumberOfPlaceholders,
        Postscript,
        NumberOfBulletLists,
        ConstrainedResponse,
        NumberOfHighlightedSections,
        MultipleSections,
        JsonFormat,
        Title,
        TwoResponses,
        RepeatPrompt,
        EndChecker,
        Quotation,
        CapitalWordFrequency,
        EnglishCapital,
        EnglishLowercase,
        NoComma,
    )
}


def instructions_of(constraints: Iterable[tuple[str, Mapping[str, Any]]], prompt: str | None) -> list[Instruction]:
    """One instruction for each pair of id and arguments; `prompt` is what is repeated where a row does not say it.

    Raises GroundTruthInvalid for an id that is none of the 25, and for arguments that do not fit.
    """
    return [_instruction(name, arguments, prompt) for name, arguments in constraints]


def _instruction(name: str, arguments: Mapping[str, Any], prompt: str | None) -> Instruction:
    kind = INSTRUCTIONS.get(name)
    if kind is None:
        raise GroundTruthInvalid(
            f"unknown instruction {name[:80]!r}: expected one of the {len(INSTRUCTIONS)} of IFEval"
        )
    given = {key: value for key, value in arguments.items() if value is not None}
    if kind is RepeatPrompt and prompt is not None:
        given.setdefault("prompt_to_repeat", prompt)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise GroundTruthInvalid(f"{name} expects {_expected(kind)}; {_faults(error)}") from error


def _expected(kind: type[Instruction]) -> str:
    fields = [f"{name} ({field.description})" for name, field in kind.model_fields.items()]
    return ", ".join(fields) or "no arguments"


def _faults(error: ValidationError) -> str:
    """What is wrong, by argument; values are not repeated."""
    faults = [
        f"{'.'.join(map(str, fault['loc'])) or 'the arguments'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return "; ".join(faults[:3])[:400]
