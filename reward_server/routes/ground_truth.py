"""Whether the rows of a data set can be judged, before a model is trained on them."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from reward_server import openapi
from reward_server.body import parse_request
from reward_server.checks.base import ProgramCheck
from reward_server.errors import RewardServerError
from reward_server.profiles import Profile
from reward_server.routes.shared import Answer, answered_once, profile_of, state_of, unless_client_leaves
from reward_server.validation import Validator, detected, summarise
from reward_server.version import VERSION
from reward_server.wire import InvalidItem
from reward_server.wire_validation import VALIDATE_PATH, ValidateRequest, ValidateResponse, ValidationItem

routes = APIRouter()
log = logging.getLogger("reward_server.requests")


@routes.post(VALIDATE_PATH, response_model=ValidateResponse, openapi_extra=openapi.VALIDATE, responses=openapi.PROBLEMS)
async def validate(request: Request) -> Response:
    """Read 1 to 1,024 ground truths, or whole rows, and judge each by itself. 200 when the request itself was valid.

    A row that cannot be judged is `skipped` with the reason; `error` is a fault of ours, and nothing is known of it.
    """

    async def answer(body: bytes) -> Answer:
        asked = parse_request(ValidateRequest, body)
        state = state_of(request)
        named = asked.profile is not None or asked.checks is not None
        profile = profile_of(state, asked.profile, asked.checks) if named else None
        programs = _programs(profile, asked.items) if asked.options.self_score else 0
        with state.admission.admit(len(asked.items), programs):
            response = await unless_client_leaves(request, _validate(request, asked, profile))
        return response.model_dump_json().encode(), response.summary.errors == 0

    return await answered_once(request, answer)


async def _validate(request: Request, asked: ValidateRequest, profile: Profile | None) -> ValidateResponse:
    started = time.perf_counter()
    state = state_of(request)
    validator = Validator(state.scorer, state.pool, state.settings)
    seconds = asked.options.deadline_ms / 1000
    reports = await validator.validate(profile, asked.items, seconds, self_score=asked.options.self_score)
    response = ValidateResponse(
        request_id=request.state.request_id,
        version=VERSION,
        profile=asked.profile,
        profile_hash=profile.hash if profile else None,
        results=reports,
        summary=summarise(reports),
    )
    fields = {"request_id": response.request_id, **response.summary.model_dump(exclude={"by_kind", "by_reason"})}
    log.info("validated", extra={"fields": {**fields, "ms": round((time.perf_counter() - started) * 1000, 1)}})
    return response


def _programs(profile: Profile | None, items: Sequence[ValidationItem | InvalidItem]) -> int:
    """How many rows may have a reference solution to run."""
    if profile is not None:
        return len(items) if profile.may_run_programs else 0
    return sum(_runs_program(item) for item in items)


def _runs_program(item: ValidationItem | InvalidItem) -> bool:
    try:
        return isinstance(item, ValidationItem) and isinstance(detected(item).check, ProgramCheck)
    except RewardServerError:
        return False
