"""What an instruction is: its published id, its published arguments, and what a response lacks of it.

Source: Zhou et al. 2023, Instruction-Following Evaluation for Large Language Models (arXiv:2311.07911), table of the 25
verifiable instructions; ids and names of arguments as in google-research/instruction_following_eval/
instructions_registry.py and instructions.py. Arguments that are missing are drawn at random there; here they are the
row's fault.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reward_server.instructions.text import Response, visible

Relation = Literal["less than", "at least"]


def _phrase(text: str) -> str:
    text = visible(text)
    if not text:
        raise ValueError("it is empty")
    return text


Phrase = Annotated[str, Field(max_length=1_000), AfterValidator(_phrase)]
Phrases = Annotated[list[Phrase], Field(min_length=1, max_length=100)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Number = Annotated[int, Field(ge=1, le=1_000_000)]


class Unjudgeable(Exception):
    """This server cannot say whether the instruction is followed; the message says what is missing."""


class Instruction(BaseModel):
    """One instruction with its arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: ClassVar[str]

    def lacks(self, response: Response) -> str | None:
        """Why the response does not follow; None where it does. Raises Unjudgeable."""
        raise NotImplementedError


def count_fault(what: str, found: int, relation: Relation, wanted: int) -> str | None:
    """What to say of a number that does not stand in the relation; None where it does."""
    holds = found < wanted if relation == "less than" else found >= wanted
    return None if holds else f"expected {relation} {wanted} {what}, found {found}"
