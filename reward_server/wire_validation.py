"""The wire types of POST /v1/ground-truth/validate: rows of a data set in, what can be judged of them out. A leaf."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, WrapValidator, model_validator

from reward_server.wire import (
    DEFAULT_DEADLINE_MS,
    MAX_DEADLINE_MS,
    MAX_ID_CHARS,
    MAX_ITEMS,
    MIN_DEADLINE_MS,
    CheckSpec,
    GoldKind,
    ItemError,
    Status,
    Wire,
    keep_the_neighbours,
)

VALIDATE_PATH = "/v1/ground-truth/validate"
SHOWN_CHARS = 400


class ValidationItem(Wire):
    """One row: its ground truth as it is, or the whole row."""

    id: str | None = Field(default=None, max_length=MAX_ID_CHARS, description="echoed in the report")
    prompt: str | None = Field(default=None, description="what the policy will be asked; it may list options")
    ground_truth: JsonValue = Field(default=None, description="the reference, or the row that holds it, whole")


RequestRow = Annotated[ValidationItem, WrapValidator(keep_the_neighbours)]


class ValidateOptions(Wire):
    deadline_ms: int = Field(default=DEFAULT_DEADLINE_MS, ge=MIN_DEADLINE_MS, le=MAX_DEADLINE_MS)
    self_score: bool = Field(default=True, description="judge each reference as a completion; it has to get the best")


class ValidateRequest(Wire):
    """A batch of rows. Without `profile` and `checks` the check of each row is told from its shape."""

    profile: str | None = Field(default=None, description="the name of a profile of the server")
    checks: list[CheckSpec] | None = Field(default=None, min_length=1, max_length=32)
    items: list[RequestRow] = Field(min_length=1, max_length=MAX_ITEMS)
    options: ValidateOptions = Field(default_factory=ValidateOptions)

    @model_validator(mode="after")
    def _at_most_one_set_of_rules(self) -> ValidateRequest:
        if self.profile is not None and self.checks is not None:
            raise ValueError("give `profile` or `checks` or neither, and not both")
        return self


class RowReport(Wire):
    """`ok`: it can be judged; `skipped`: it cannot, and `reason` says why; `error`: our fault, nothing is known."""

    index: int
    id: str | None
    status: Status
    check: str | None = Field(default=None, description="the check that judges it, or that cannot")
    gold_kind: GoldKind | None = Field(default=None, description="what the ground truth was read as")
    normalised: str | None = Field(default=None, description=f"as it was read, its first {SHOWN_CHARS} characters")
    self_score: float | None = Field(
        default=None, description="of the reference as a completion; null where none can be written down or was judged"
    )
    reason: ItemError | None = None


class ValidateSummary(Wire):
    rows: int
    verifiable: int
    unverifiable: int
    errors: int = Field(description="rows of which nothing is known, by a fault or a lack of time of the server")
    self_score_below_1: int
    by_kind: dict[str, int] = Field(description="verifiable rows")
    by_reason: dict[str, int] = Field(description="all other rows, by the code of the reason")


class ValidateResponse(Wire):
    request_id: str
    version: str
    profile: str | None
    profile_hash: str | None = Field(description="null where the check of each row was told from its shape")
    results: list[RowReport]
    summary: ValidateSummary
