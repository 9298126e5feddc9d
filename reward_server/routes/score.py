"""Completions judged by checks."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from reward_server import openapi, telemetry
from reward_server.assembly import summarise
from reward_server.body import parse_score_request
from reward_server.profiles import Profile
from reward_server.routes.shared import Answer, answered_once, profile_of, state_of, unless_client_leaves
from reward_server.version import VERSION
from reward_server.wire import SCORE_PATH, ScoreRequest, ScoreResponse

routes = APIRouter()


@routes.post(SCORE_PATH, response_model=ScoreResponse, openapi_extra=openapi.SCORE, responses=openapi.PROBLEMS)
async def score(request: Request) -> Response:
    """Judge 1 to 1,024 completions. Always 200 when the request itself was valid; look at each item's status."""

    async def answer(body: bytes) -> Answer:
        asked = parse_score_request(body)
        profile = profile_of(state_of(request), asked.profile, asked.checks, asked.combine)
        items = len(asked.items)
        programs = items if profile.may_run_programs else 0
        with state_of(request).admission.admit(items, programs):
            response = await unless_client_leaves(request, _score(request, asked, profile))
        return response.model_dump_json().encode(), response.summary.error == 0

    return await answered_once(request, answer)


async def _score(request: Request, asked: ScoreRequest, profile: Profile) -> ScoreResponse:
    started = time.perf_counter()
    results = await state_of(request).scorer.score(profile, asked.items, asked.options.deadline_ms / 1000)
    response = ScoreResponse(
        request_id=request.state.request_id,
        version=VERSION,
        profile=profile.name,
        profile_hash=profile.hash,
        results=results,
        summary=summarise(results),
    )
    telemetry.log_scored(response, time.perf_counter() - started)
    return response
