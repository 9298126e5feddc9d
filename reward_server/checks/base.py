"""What a check is. Checks are pure: they start no process, open no socket and keep no state.

An `AnswerCheck` judges in one call, in place. A `HeavyCheck` may need long and then judges in a worker process that is
killed at its deadline. A `ProgramCheck` is two pure functions with the sandbox between them: `plan` says what to run,
`judge` compares outside what came out, and may ask for another round. An `AskingCheck` is two pure functions with the
server's external judge between them: `ask` says what to send, `read` reads the reply.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from reward_server.programs import Judge, Plan
from reward_server.questions import Question, Reply
from reward_server.wire import CheckSpec, GoldKind


class Params(BaseModel):
    """Base of every check's parameters; a stranger among them is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ShapedParams(Params):
    """Of checks that depend on whether the answer is right: they are judged after that component, with `right` set."""

    correct_by: str = Field(description="the component of the same profile that says whether the answer is right")
    correct_from: float = Field(default=1.0, description="its value from which the answer counts as right")


@dataclass(frozen=True)
class CheckInput:
    """The part of an item that a check may see."""

    completion: str
    ground_truth: JsonValue = None
    prompt: str | None = None
    completion_tokens: int | None = None
    token_ids: tuple[int, ...] | None = None
    finish_reason: str | None = None
    think_prefilled: bool | None = None
    target_language: str | None = None
    target_length: int | None = None
    group: Group | None = None  # of the item's `group_id`, for checks that are relative to it; else None
    right: bool | None = None  # for ShapedParams; None where that component has no value


@dataclass(frozen=True, eq=False)
class Group:
    """The completions of one prompt in one request, the item's own among them."""

    members: tuple[CheckInput, ...]

    @cached_property
    def chars(self) -> int:
        """Of all completions together."""
        return sum(len(member.completion) for member in self.members)

    @cached_property
    def kept(self) -> dict[Any, Any]:
        """What a check has worked out once for all members, under a key of its own."""
        return {}


@dataclass(frozen=True)
class Step:
    """The reward of one step of the reasoning. It is `completion[start:end]`, in characters (code points)."""

    start: int
    end: int
    value: float


@dataclass(frozen=True)
class Verdict:
    """A scored value, or None where the check does not apply: the reward is made without it, and `reason` says why.

    Flags name what a trainer should watch. `detail` has the keys that the check announces, always, and never holds the
    reference.
    """

    value: float | None
    detail: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    reason: str | None = None
    steps: tuple[Step, ...] = ()
    gold_kind: GoldKind | None = None


@dataclass(frozen=True)
class GoldView:
    """A ground truth as a check reads it. `answer` is a completion that states it and must get the best value; None
    where none can be written down, as for tests of programs."""

    kind: GoldKind
    normalised: str
    answer: str | None = None


class Check:
    """What every check says of itself. `version` changes whenever a verdict could."""

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    description: ClassVar[str] = ""
    source: ClassVar[str] = ""
    ground_truth: ClassVar[str] = "not used"
    params: ClassVar[type[Params]] = Params
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)  # of the value; infinities where there is no bound
    detail: ClassVar[Mapping[str, str]] = {}  # key of a verdict's detail → what stands there
    needs_group: ClassVar[bool] = False
    start_seconds: ClassVar[float] = 0.0  # what a first judgement in a fresh worker may need besides, to load a library
    example: ClassVar[Mapping[str, Any]] = {}  # the body of a request to /v1/score; docs/checks.md shows its answer

    def worst(self, params: Any) -> float:
        """For a completion that kept itself from being judged: the least of a check that only punishes, else 0."""
        return self.range[0] if self.range[1] <= 0 and math.isfinite(self.range[0]) else 0.0

    def unavailable(self, params: Any) -> str | None:
        """Why this server cannot judge with these parameters (an extra that is not installed); else None."""
        return None

    def prepare(self, params: Any) -> None:
        """Load what judging needs (a model, a table) so that no judgement waits for it; called in a thread, often."""

    def read_gold(self, item: CheckInput, params: Any) -> GoldView | None:
        """The ground truth of the item; None where the check uses none. Raises GroundTruthInvalid."""
        return None


class AnswerCheck(Check):
    """Judges text, in place: a matter of a few milliseconds for any text."""

    def judge(self, item: CheckInput, params: Any) -> Verdict:
        """Raises GroundTruthInvalid when the reference cannot be read."""
        raise NotImplementedError


class HeavyCheck(AnswerCheck):
    """Judges text, and may need long for some: then `judge` runs in a worker process that is killed at its deadline."""

    def judge_in_place(self, item: CheckInput, params: Any) -> Verdict | None:
        """The verdict where a few milliseconds are enough, else None. Raises as `judge` does."""
        return None


class ProgramCheck(Check, Judge[Verdict]):
    """Judges programs by running them."""

    def plan(self, item: CheckInput, params: Any) -> Plan | Verdict:
        """A verdict at once where there is nothing to run. Raises GroundTruthInvalid."""
        raise NotImplementedError


class AskingCheck(Check):
    """Judges by asking the server's external judge. Refused as `check_unavailable` where the server has none."""

    def ask(self, item: CheckInput, params: Any) -> Question | Verdict:
        """A verdict at once where there is nothing to ask. Raises GroundTruthInvalid."""
        raise NotImplementedError

    def read(self, reply: Reply, item: CheckInput, params: Any) -> Verdict:
        """Raises JudgeUnreadable for any other reply than was asked for: it is asked once more, then an error."""
        raise NotImplementedError


class ChoosingParams(Params):
    among: tuple[str, ...] = Field(default=(), description="the choices that are open; none: all")
    params: dict[str, dict[str, JsonValue]] = Field(default_factory=dict, description="parameters of choices, by name")


class ChoosingCheck(Check):
    """Judges each item by another check, which the item itself calls for. That one's detail stands in its own."""

    params: ClassVar[type[ChoosingParams]] = ChoosingParams
    detail: ClassVar[Mapping[str, str]] = {
        "check": "the check that judged the item",
        "detail": "the detail of that check",
    }
    choices: ClassVar[Mapping[str, CheckSpec]] = {}  # by name; several may be of one check with different parameters

    def choose(self, item: CheckInput, params: Any) -> str:
        """The name of one of the choices. Raises GroundTruthInvalid where none of them is fit."""
        raise NotImplementedError
