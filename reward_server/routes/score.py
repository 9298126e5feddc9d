"""Completions judged by checks, and what checks there are."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from reward_server import openapi, telemetry
from reward_server.body import parse_score_request
from reward_server.catalogue import CatalogueEntry, catalogue
from reward_server.checks.base import runs_programs
from reward_server.profiles import Profile, bind, load_profile
from reward_server.routes.shared import Answer, answered_once, state_of, unless_client_leaves
from reward_server.scoring import summarise
from reward_server.version import VERSION
from reward_server.wire import CHECKS_PATH, SCORE_PATH, ScoreRequest, ScoreResponse

routes = APIRouter()


@routes.post(SCORE_PATH, response_model=ScoreResponse, openapi_extra=openapi.SCORE, responses=openapi.PROBLEMS)
async def score(request: Request) -> Response:
    """Judge 1 to 1,024 completions. Always 200 when the request itself was valid; look at each item's status."""

    async def answer(body: bytes) -> Answer:
        asked = parse_score_request(body)
        profile = load_profile(asked.profile) if asked.profile is not None else bind(asked.checks or [])
        items = len(asked.items)
        programs = items if any(runs_programs(bound.check) for bound in profile.checks) else 0
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


@routes.get(CHECKS_PATH)
async def checks() -> list[CatalogueEntry]:
    """Every check: what it rewards, its parameters as JSON schema, where its definition comes from."""
    return catalogue()
