"""A process that only runs programs, for servers that name it: `reward-server serve --role code-worker`.

It gets programs and inputs and gives back what they did; nothing that was expected ever comes here, tester and checker
code aside. It has no keys but the one it shares with its servers, and needs no network but theirs. It loads no
framework, no mathematics and no checks.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from reward_server.admission import Admission
from reward_server.drain import Drain
from reward_server.errors import BodyTooLarge, InvalidProgram, RewardServerError, SandboxRefused, Unauthorized
from reward_server.executors.fair import FairPrograms
from reward_server.executors.sandboxed import SandboxedPrograms
from reward_server.executors.turns import Turns
from reward_server.executors.worker_client import RUN_PATH, STATUS_PATH
from reward_server.program_frames import pack_result, unpack_run
from reward_server.settings import Settings
from reward_server.version import VERSION
from reward_server.wire import HEALTH_PATH, READY_PATH

log = logging.getLogger(__name__)

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientLeft(Exception):
    """Nobody waits for the result any more."""


class CodeWorkerApp:
    """An ASGI application. Its lifespan opens and closes the sandbox."""

    def __init__(self, settings: Settings, drain: Drain) -> None:
        self._settings = settings
        self._drain = drain
        self._admission = Admission(settings.max_pending_items, settings.max_pending_programs)
        self._sandbox: SandboxedPrograms | None = None
        self._programs: FairPrograms | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._sandbox = await SandboxedPrograms.open(self._settings)
        except Exception as error:
            log.exception("the sandbox could not be started")
            await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
            return
        self._programs = FairPrograms(self._sandbox, Turns(self._settings.sandbox_slots))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._sandbox.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            status, media_type, body = await self._answer(scope, receive)
        except ClientLeft:
            return
        except RewardServerError as error:
            status, media_type = error.status, "application/json"
            body = _json({"code": error.code, "detail": error.detail, "retryable": error.retryable})
        except Exception:
            log.exception("a run failed")
            status, media_type = 500, "application/json"
            body = _json({"code": "internal_error", "detail": "the code worker failed; its log says more"})
        headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Message, receive: Receive) -> tuple[int, str, bytes]:
        match scope["method"], scope["path"]:
            case "POST", path if path == RUN_PATH:
                self._authorise(scope)
                return 200, "application/octet-stream", await self._run(receive)
            case "GET", path if path == STATUS_PATH:
                self._authorise(scope)
                return self._status()
            case "GET", path if path == READY_PATH:
                return self._status()
            case "GET", path if path == HEALTH_PATH:
                return 200, "application/json", _json({"status": "ok"})
        return 404, "application/json", _json({"code": "not_found", "detail": "a code worker only runs programs"})

    def _authorise(self, scope: Message) -> None:
        key = self._settings.worker_key
        if key is None:
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + key.get_secret_value().encode()):
            raise Unauthorized("expected the REWARD_SERVER_WORKER_KEY of this code worker")

    def _status(self) -> tuple[int, str, bytes]:
        programs = self._running()
        reason = "draining" if self._drain.begun else programs.refusal()
        said = {
            "ready": reason is None,
            "reason": reason,
            "refusal": programs.refusal(),
            "version": VERSION,
            "slots": self._settings.sandbox_slots,
            "languages": programs.known_languages(),
            "sandbox": programs.report(),
        }
        return (200 if reason is None else 503), "application/json", _json(said)

    def _running(self) -> FairPrograms:
        if self._programs is None:
            raise SandboxRefused("the sandbox is not open")
        return self._programs

    async def _run(self, receive: Receive) -> bytes:
        body = await _body(receive, 2 * self._settings.max_body_bytes)
        with self._admission.admit(programs=1):
            running = asyncio.ensure_future(self._result(body))
            leaving = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if not running.done():
                    raise ClientLeft
                return running.result()
            finally:
                leaving.cancel()
                running.cancel()
                await asyncio.gather(running, leaving, return_exceptions=True)

    async def _result(self, body: bytes) -> bytes:
        try:
            run = unpack_run(body)
        except ValueError as error:
            raise InvalidProgram(str(error)) from error
        return pack_result(await self._running().session().run(run))


async def _body(receive: Receive, limit_bytes: int) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > limit_bytes:
            raise BodyTooLarge(f"a run of more than {limit_bytes} bytes")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _json(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()
