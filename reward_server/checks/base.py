"""What a check is. Checks are pure: they start no process, open no socket and keep no state.

An `AnswerCheck` judges in one call. A `ProgramCheck` is two pure functions with the sandbox between them: `plan` says
what to run, `judge` compares outside what came out, and may ask for another round.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, JsonValue
from typing_extensions import TypeIs

from reward_server.programs import Judge, Plan


class Params(BaseModel):
    """Base of every check's parameters; a stranger among them is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class CheckInput:
    """The part of an item that a check may see."""

    completion: str
    ground_truth: JsonValue = None
    prompt: str | None = None


@dataclass(frozen=True)
class Verdict:
    """A scored value, usually in [0, 1]. Flags name what a trainer should watch; detail never holds the reference."""

    value: float
    detail: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


class Check(Protocol):
    """What the catalogue shows. `version` changes whenever a verdict could."""

    name: ClassVar[str]
    version: ClassVar[str]
    description: ClassVar[str]
    source: ClassVar[str]
    ground_truth: ClassVar[str]
    params: ClassVar[type[Params]]


class AnswerCheck(Check, Protocol):
    """Judges text, in place: a matter of a few milliseconds for any text."""

    def judge(self, item: CheckInput, params: Any) -> Verdict:
        """Raises GroundTruthInvalid when the reference cannot be read."""
        ...


class HeavyCheck(AnswerCheck, Protocol):
    """Judges text, and may need long for some: then `judge` runs in a worker process that is killed at its deadline."""

    def judge_in_place(self, item: CheckInput, params: Any) -> Verdict | None:
        """The verdict where a few milliseconds are enough, else None. Raises as `judge` does."""
        ...


class ProgramCheck(Check, Judge[Verdict], Protocol):
    """Judges programs by running them."""

    def plan(self, item: CheckInput, params: Any) -> Plan | Verdict:
        """A verdict at once where there is nothing to run. Raises GroundTruthInvalid."""
        ...


# Told apart by their method: isinstance with a Protocol takes 20 µs, a tenth of what a verdict takes.
def is_heavy(check: Check) -> TypeIs[HeavyCheck]:
    return hasattr(check, "judge_in_place")


def runs_programs(check: Check) -> TypeIs[ProgramCheck]:
    return hasattr(check, "plan")
