"""What operators and load balancers ask. No key is needed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from reward_server.routes.shared import state_of
from reward_server.version import VERSION
from reward_server.wire import API_VERSION, HEALTH_PATH, READY_PATH, VERSION_PATH

routes = APIRouter()


@routes.get(HEALTH_PATH)
async def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@routes.get(READY_PATH, responses={503: {"description": "Not ready; `reason` says why"}})
async def readyz(request: Request) -> JSONResponse:
    """Whether requests are served, else 503 and the reason. How programs are isolated stands under `sandbox`.
    `languages` is null while they are being tried, `judge` where no external judge is configured. One that cannot be
    reached leaves the server ready: all other checks go on.
    """
    state = state_of(request)
    reason, known = state.unready(), state.programs.known_languages()
    said: dict[str, Any] = {
        "ready": reason is None,
        "reason": reason,
        "check_workers": state.settings.check_workers,
        "pending_items": state.admission.pending_items,
        "pending_programs": state.admission.pending_programs,
        "languages": None if known is None else [language["name"] for language in known],
        "sandbox": state.programs.report(),
        "judge": None if state.judge is None else state.judge.report(),
    }
    return JSONResponse(said, 200 if reason is None else 503)


@routes.get(VERSION_PATH)
async def version() -> dict[str, str]:
    return {"version": VERSION, "api": API_VERSION}
