"""Which instructions a response follows, as it stands (strict) or in any of IFEval's eight readings (loose).

Source: Zhou et al. 2023 (arXiv:2311.07911), loose accuracy: the first, the last or both lines are taken away, and the
asterisks, since models begin with "Sure, here it is:" and emphasise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reward_server.instructions.instruction import Instruction, Unjudgeable
from reward_server.instructions.text import Response

LOOSE_READINGS = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """`followed` is None where this server cannot say; `reason` says what is lacking, and is None where nothing is."""

    id: str
    followed: bool | None
    reason: str | None


def outcomes(text: str, instructions: Sequence[Instruction], *, loose: bool, min_words: int) -> list[Outcome] | None:
    """One outcome for each instruction, in order; None where the response has fewer words than `min_words`.

    A loose reading with fewer words counts for nothing.
    """
    strict = Response(text)
    if strict.words < min_words:
        return None
    found = [_outcome(one, strict) for one in instructions]
    if not loose or all(one.followed is not False for one in found):
        return found
    readings = [response for response in _readings(strict) if response.words >= min_words]
    return [_loosened(one, instruction, readings) for one, instruction in zip(found, instructions, strict=True)]


def _outcome(instruction: Instruction, response: Response) -> Outcome:
    try:
        reason = instruction.lacks(response)
    except Unjudgeable as why:
        return Outcome(instruction.id, None, str(why))
    return Outcome(instruction.id, reason is None, reason)


def _loosened(strict: Outcome, instruction: Instruction, readings: Sequence[Response]) -> Outcome:
    """The strict outcome, or that of the first reading which follows."""
    if strict.followed is False and any(_outcome(instruction, reading).followed for reading in readings):
        return Outcome(strict.id, True, None)
    return strict


def _readings(strict: Response) -> Iterator[Response]:
    """The seven others."""
    lines = strict.lines
    for kept in (lines[1:], lines[:-1], lines[1:-1]):
        text = "\n".join(kept)
        yield Response(text)
        yield Response(text.replace("*", ""))
    yield Response(strict.text.replace("*", ""))
