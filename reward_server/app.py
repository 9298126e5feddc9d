"""The application: executors opened and closed by its lifespan, every failure answered as problem+json."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reward_server import openapi
from reward_server.admission import Admission, AnswerStore
from reward_server.coding import CodeService
from reward_server.drain import Drain
from reward_server.errors import Overloaded, RewardServerError, Unauthorized
from reward_server.executors.lifecycle import opened
from reward_server.profiles import Profiles
from reward_server.routes import open_routes, routes
from reward_server.scoring import Scorer
from reward_server.settings import Settings
from reward_server.state import State
from reward_server.version import VERSION
from reward_server.wire import Problem

log = logging.getLogger(__name__)

MAX_REQUEST_ID_CHARS = 128
CLIENT_CLOSED_REQUEST = 499  # nobody reads it; for the access log


def create_app(settings: Settings, drain: Drain | None = None) -> FastAPI:
    """`drain` is told by whoever ends the process. Raises ConfigError for a check or a profile that is wrong."""
    profiles = Profiles.load(settings.profiles_dir)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened(settings) as executors:
            app.state.service = State(
                settings=settings,
                profiles=profiles,
                scorer=Scorer(executors, settings),
                code=CodeService(executors.sandbox),
                pool=executors.pool,
                programs=executors.sandbox,
                judge=executors.judge,
                admission=Admission(settings.max_pending_items, settings.max_pending_programs),
                answers=AnswerStore(settings.idempotency_bytes),
                drain=drain or Drain(),
            )
            yield

    app = FastAPI(
        title="Assay reward server",
        version=VERSION,
        description="Judges model completions by rules that can be checked.",
        lifespan=lifespan,
    )
    app.include_router(routes)
    app.include_router(open_routes)
    app.add_middleware(RequestIds)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    _answer_errors(app)
    return app


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(RewardServerError)
    async def ours(request: Request, error: RewardServerError) -> Response:
        headers = {}
        if isinstance(error, Overloaded):
            headers["Retry-After"] = str(error.retry_after_seconds)
        if isinstance(error, Unauthorized):
            headers["WWW-Authenticate"] = "Bearer"
        extra = {"errors": error.errors} if error.errors else {}
        return _problem(
            request, error.status, error.code, error.title, error.detail, headers, retryable=error.retryable, **extra
        )

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        detail = f"{request.method} {request.url.path}: {error.detail}; see /openapi.json"
        return _problem(request, error.status_code, code, str(error.detail), detail, dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return _problem(request, 422, "invalid_request", "The request does not fit the schema", str(error)[:500])

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        log.info("the client left; its work was cancelled", extra={"fields": {"request_id": request.state.request_id}})
        return Response(status_code=CLIENT_CLOSED_REQUEST)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("a request failed", exc_info=error, extra={"fields": {"request_id": request.state.request_id}})
        detail = f"{type(error).__name__} while serving the request; the server's log has it under this request id"
        return _problem(request, 500, "internal_error", "The server failed", detail)


def _problem(
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: dict[str, str] | None = None,
    **extra: Any,
) -> Response:
    problem = Problem(
        type=f"urn:assay:error:{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        instance=f"urn:assay:request:{request.state.request_id}",
        **extra,
    )
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, status, headers, media_type="application/problem+json")


class RequestIds:
    """Gives every request an id, the caller's where it sent a sane one, and echoes it in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get("x-request-id", ""))
        scope.setdefault("state", {})["request_id"] = request_id

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        await self._app(scope, receive, with_id)


def _request_id(given: str) -> str:
    sane = 0 < len(given) <= MAX_REQUEST_ID_CHARS and given.isascii() and given.isprintable()
    return given if sane else uuid.uuid4().hex
