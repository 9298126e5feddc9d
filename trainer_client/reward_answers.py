"""What an HTTP answer of the reward server means: results that fit the items, a fault that may pass, or a refusal."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime

import httpx
from pydantic import ValidationError

from reward_server.wire import Problem, ScoreItem, ScoreResponse, ScoreResult
from trainer_client.errors import RewardRejected, RewardUnavailable

# The codes of problem bodies that we know. True: the same request may succeed later.
TRANSIENT_CODES = {
    "overloaded": True,
    "unavailable": True,
    "sandbox_unavailable": True,
    "task_timed_out": True,
    "task_out_of_memory": True,
    "worker_lost": True,
    "internal_error": True,
    "bad_request": False,
    "invalid_json": False,
    "invalid_request": False,
    "invalid_params": False,
    "body_too_large": False,
    "unsupported_media_type": False,
    "unknown_profile": False,
    "unknown_check": False,
    "unauthorized": False,
    "idempotency_conflict": False,
}
TRANSIENT_STATUSES = {408, 425, 429}
SERVER_FAULT = 500  # this status and all above it: what proxies make up for themselves (520 to 530) is among them
TOLD_CHARS = 200


def checked(response: httpx.Response, items: Sequence[ScoreItem]) -> ScoreResponse:
    """The answer, with one result for each item, in order. All else is a fault of the server: RewardUnavailable."""
    try:
        answer = ScoreResponse.model_validate_json(response.content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise RewardUnavailable(f"answer is no ScoreResponse: {where}: {fault['msg']}", replay=False) from error
    results = answer.results
    if len(results) != len(items):
        raise RewardUnavailable(f"{len(items)} items were sent, {len(results)} results came", replay=False)
    for place, (item, result) in enumerate(zip(items, results, strict=True)):
        if result.index != place or result.id != item.id:
            raise RewardUnavailable(
                f"result {place} belongs to another item: index {result.index}, id {result.id!r}, expected {item.id!r}",
                replay=False,
            )
        for name, value in _numbers(result):
            if not math.isfinite(value):
                raise RewardUnavailable(f"result {place} has {name} {value}", replay=False)
    return answer


def refusal(response: httpx.Response) -> RewardUnavailable | RewardRejected:
    """The error that an answer other than 200 means, by its problem's code, else by its HTTP status."""
    status = response.status_code
    try:
        problem = Problem.model_validate_json(response.content)
        code, detail = problem.code, problem.detail
    except ValidationError:
        told = " ".join(response.text[:TOLD_CHARS].split())
        code, detail = f"http_{status}", told or response.reason_phrase
    if TRANSIENT_CODES.get(code, status in TRANSIENT_STATUSES or status >= SERVER_FAULT):
        return RewardUnavailable(f"{code}: {detail}", retry_after_seconds=_retry_after_seconds(response))
    return RewardRejected(status=status, code=code, detail=detail)


def _numbers(result: ScoreResult) -> Iterator[tuple[str, float]]:
    """All that a run may learn from, with what it is called."""
    if result.reward is not None:
        yield "the reward", result.reward
    for name, component in result.components.items():
        if component.value is not None:
            yield f"the component {name} of", component.value
    for step in result.step_rewards:
        yield f"a step of {step.component} of", step.value


def _retry_after_seconds(response: httpx.Response) -> float | None:
    """The Retry-After header, given in seconds or as a date (RFC 9110, 10.2.3); None where absent or unreadable."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return None
