"""The wire types: what a trainer sends and what the reward server answers. A leaf: no I/O, no logic beyond validation.

Item `i` of the answer belongs to item `i` of the request. `reward` is None unless `status` is `ok`; a fault of the
server never becomes a number.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, WrapValidator, model_validator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from reward_server.misfits import misfit

API_VERSION = "v1"
SCORE_PATH = "/v1/score"
CHECKS_PATH = "/v1/checks"
PROFILES_PATH = "/v1/profiles"
HEALTH_PATH = "/healthz"
READY_PATH = "/readyz"
VERSION_PATH = "/version"

MAX_ITEMS = 1024
MAX_ID_CHARS = 256
MAX_LENGTH = 1_000_000_000  # tokens; more cannot be meant
MIN_DEADLINE_MS = 1
MAX_DEADLINE_MS = 600_000
DEFAULT_DEADLINE_MS = 60_000


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Status(StrEnum):
    """What became of an item or of one component of it."""

    OK = "ok"
    SKIPPED = "skipped"  # the caller's data cannot be judged (its ground truth, or the item itself)
    ERROR = "error"  # our fault or a lack of time: try again


class Fault(StrEnum):
    """Who has to act. The policy's own failures are scored, so they never appear here."""

    DATA = "data"
    SERVER = "server"


class GoldKind(StrEnum):
    """What a ground truth turned out to be."""

    MATH = "math"
    MATH_MULTI = "math_multi"  # several, any of which is right
    MCQ = "mcq"
    EXACT = "exact"
    NUMERIC = "numeric"
    CODE_STDIO = "code_stdio"
    CODE_CALL = "code_call"
    CODE_ASSERTS = "code_asserts"
    CODE_PYTEST = "code_pytest"  # files of tests: pytest, unittest, check(candidate)
    CONSTRAINTS = "constraints"
    PUZZLE = "puzzle"


class ScoreItem(Wire):
    """One completion to judge."""

    id: str | None = Field(default=None, max_length=MAX_ID_CHARS, description="echoed in the result")
    group_id: str | None = Field(default=None, max_length=MAX_ID_CHARS, description="the prompt it was sampled from")
    prompt: str | None = Field(default=None, description="what the policy was asked; some code tests complete it")
    completion: str = Field(description="what the policy wrote, judged as it is")
    ground_truth: JsonValue = Field(default=None, description="the reference: an answer, several, or tests for `code`")
    completion_tokens: int | None = Field(
        default=None, ge=0, le=MAX_LENGTH, description="length of the completion for length rules"
    )
    completion_token_ids: list[int] | None = Field(default=None, description="its tokens, for `repetition`")
    finish_reason: str | None = Field(default=None, max_length=64, description="`length`: it was cut off")
    think_prefilled: bool | None = Field(default=None, description="the chat template had already written <think>")
    target_language: str | None = Field(default=None, max_length=16, description="for `language`, such as `zh`")
    target_length: int | None = Field(
        default=None, ge=0, le=MAX_LENGTH, description="for `l1_length`, in the unit of the check"
    )


class CheckSpec(Wire):
    """A check with its weight in the reward."""

    check: str = Field(description="a name listed by GET /v1/checks")
    name: str | None = Field(default=None, max_length=64, description="of the component; the check's name when absent")
    weight: float = Field(default=1.0, ge=-1e6, le=1e6, allow_inf_nan=False)
    params: dict[str, JsonValue] = Field(default_factory=dict)


class Combine(Wire):
    """How the components become one reward. A component that does not apply takes no part."""

    mode: Literal["weighted_sum", "product", "gated"] = Field(
        default="weighted_sum",
        description="the sum of weight · value; their product, below 0 where any of them is; or the sum, of which all "
        "but the gate counts only where the gate's value reaches `threshold`",
    )
    gate: str | None = Field(default=None, max_length=64, description="the component that `gated` looks at")
    threshold: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False, description="added to every reward, before `clip`")
    clip: tuple[float, float] | None = Field(default=None, description="least and largest reward")

    @model_validator(mode="after")
    def _consistent(self) -> Combine:
        if (self.mode == "gated") != (self.gate is not None):
            raise ValueError("`gate` names a component exactly when `mode` is gated")
        if self.clip is not None and not self.clip[0] <= self.clip[1]:
            raise ValueError(f"expected `clip` as [least, largest], got {list(self.clip)}")
        return self


class ScoreOptions(Wire):
    deadline_ms: int = Field(default=DEFAULT_DEADLINE_MS, ge=MIN_DEADLINE_MS, le=MAX_DEADLINE_MS)


class InvalidItem(Wire):
    """Stands where an item of the request did not fit; its neighbours are judged all the same."""

    id: str | None
    reason: str


def keep_the_neighbours(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """The item of a batch, or an InvalidItem where it does not fit. For a WrapValidator."""
    try:
        return handler(value)
    except ValidationError as error:
        item_id = value.get("id") if isinstance(value, dict) else None
        return InvalidItem(id=item_id if isinstance(item_id, str) else None, reason=misfit(error, "item"))


RequestItem = Annotated[ScoreItem, WrapValidator(keep_the_neighbours)]


class ScoreRequest(Wire):
    """A batch. Exactly one of `profile` and `checks` says by which rules it is judged."""

    profile: str | None = Field(default=None, description="the name of a profile of the server")
    checks: list[CheckSpec] | None = Field(default=None, min_length=1, max_length=32)
    combine: Combine | None = Field(default=None, description="of `checks`; their weighted sum when absent")
    items: list[RequestItem] = Field(min_length=1, max_length=MAX_ITEMS)
    options: ScoreOptions = Field(default_factory=ScoreOptions)

    @model_validator(mode="after")
    def _one_set_of_rules(self) -> ScoreRequest:
        if (self.profile is None) == (self.checks is None):
            raise ValueError("give either `profile` or `checks`, and not both")
        if self.combine is not None and self.checks is None:
            raise ValueError("`combine` goes with `checks`; a profile has its own")
        return self


class ItemError(Wire):
    code: str
    message: str
    fault: Fault
    retryable: bool


class Component(Wire):
    """The value of one check inside a score. `skipped` without an error of the item: it does not apply here."""

    value: float | None
    weight: float
    status: Status
    reason: str | None = Field(default=None, description="why there is no value, or why no better one")
    detail: dict[str, Any] = Field(default_factory=dict)


class StepReward(Wire):
    """The reward of `completion[start:end]`, in characters (Unicode code points), by one component."""

    component: str
    start: int
    end: int
    value: float


class ScoreResult(Wire):
    index: int
    id: str | None
    status: Status
    reward: float | None
    gold_kind: GoldKind | None = Field(default=None, description="what the ground truth was read as")
    step_rewards: list[StepReward] = Field(default_factory=list, description="of checks that judge steps")
    flags: list[str]
    error: ItemError | None
    components: dict[str, Component]

    @model_validator(mode="after")
    def _reward_only_when_ok(self) -> ScoreResult:
        if (self.reward is None) != (self.status is not Status.OK):
            raise ValueError(
                f"reward must be a number exactly when status is ok, got {self.reward!r} with {self.status}"
            )
        return self


class ScoreSummary(Wire):
    ok: int
    skipped: int
    error: int
    mean_reward: float | None = Field(description="over the items with status ok; null when there is none")


class ScoreResponse(Wire):
    request_id: str
    version: str
    profile: str | None = Field(description="null when the request carried its own checks")
    profile_hash: str
    results: list[ScoreResult]
    summary: ScoreSummary


class Problem(BaseModel):
    """RFC 9457 problem details: the body of every answer that is not a success."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool = False
    instance: str | None = None
    errors: list[dict[str, Any]] | None = None
