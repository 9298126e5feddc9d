"""One short function for each endpoint: schema in, one call, schema out."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from starlette.requests import ClientDisconnect

from reward_server import openapi, telemetry
from reward_server.body import parse_score_request, read_body
from reward_server.catalogue import CatalogueEntry, catalogue
from reward_server.errors import Unauthorized
from reward_server.profiles import Profile, bind, load_profile
from reward_server.scoring import summarise
from reward_server.state import State
from reward_server.version import VERSION
from reward_server.wire import (
    API_VERSION,
    CHECKS_PATH,
    HEALTH_PATH,
    READY_PATH,
    SCORE_PATH,
    VERSION_PATH,
    ScoreRequest,
    ScoreResponse,
)

T = TypeVar("T")


def state_of(request: Request) -> State:
    state: State = request.app.state.service
    return state


def authorised(request: Request) -> None:
    """Bearer key, compared in constant time. Raises Unauthorized."""
    key = state_of(request).settings.api_key
    if key is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), key.get_secret_value().encode())
    if not (same and scheme.lower() == "bearer"):
        raise Unauthorized("expected the header `Authorization: Bearer KEY` with the key of this server")


open_routes = APIRouter()
routes = APIRouter(dependencies=[Depends(authorised)])


@routes.post(SCORE_PATH, response_model=ScoreResponse, openapi_extra=openapi.SCORE, responses=openapi.PROBLEMS)
async def score(request: Request) -> Response:
    """Judge 1 to 1,024 completions. Always 200 when the request itself was valid; look at each item's status."""
    state = state_of(request)
    body = await read_body(request, state.settings.max_body_bytes)
    key = request.headers.get("idempotency-key")
    answer = state.answers.find(key, body)
    if answer is None:
        asked = parse_score_request(body)
        profile = load_profile(asked.profile) if asked.profile is not None else bind(asked.checks or [])
        with state.admission.admit(len(asked.items)):
            response = await unless_client_leaves(request, _score(request, asked, profile))
        answer = response.model_dump_json().encode()
        if response.summary.error == 0:  # an answer with our faults in it is worth computing again
            state.answers.keep(key, body, answer)
    return Response(answer, media_type="application/json")


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


@open_routes.get(HEALTH_PATH)
async def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@open_routes.get(READY_PATH)
async def readyz(request: Request) -> dict[str, Any]:
    """Requests are served; whether code is among them, and how isolated, stands under `sandbox`."""
    state = state_of(request)
    return {
        "ready": True,
        "check_workers": state.settings.check_workers,
        "pending_items": state.admission.pending_items,
        "sandbox": state.sandbox.report(),
    }


@open_routes.get(VERSION_PATH)
async def version() -> dict[str, str]:
    return {"version": VERSION, "api": API_VERSION}


async def unless_client_leaves(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client goes away. Raises ClientDisconnect."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
