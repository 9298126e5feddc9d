"""Many submissions in one request: a line in, a line out, as soon as it is judged."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from reward_server.body import NDJSON, parse_request, read_body
from reward_server.coding import languages_of
from reward_server.errors import InvalidRequest, RewardServerError
from reward_server.routes.shared import state_of, unless_client_leaves
from reward_server.state import State
from reward_server.wire import MAX_ITEMS
from reward_server.wire_code import CodeJudgeRequest

log = logging.getLogger(__name__)


async def judged_lines(request: Request) -> Response:
    """Raises InvalidRequest for more lines than a batch may have, Overloaded before any of them is judged."""
    state = state_of(request)
    body = await read_body(request, state.settings.max_body_bytes, NDJSON)
    lines = [line for line in body.split(b"\n") if line.strip()]
    if not 1 <= len(lines) <= MAX_ITEMS:
        raise InvalidRequest(f"expected 1 to {MAX_ITEMS} submissions, one a line, got {len(lines)}")
    return JudgedLines(request, state, lines)


class JudgedLines(Response):
    """Submissions of one request have their turns together, as one owner. A client that leaves ends them all."""

    media_type = NDJSON

    def __init__(self, request: Request, state: State, lines: Sequence[bytes]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._request = request
        self._state = state
        self._lines = lines
        self._session = state.code.session()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._state.admission.admit(programs=len(self._lines)):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                await unless_client_leaves(self._request, self._send_all(send))
            except ClientDisconnect:
                log.info("the client left; its work was cancelled")
                return
        await send({"type": "http.response.body", "body": b""})

    async def _send_all(self, send: Send) -> None:
        async for line in self._judged():
            await send({"type": "http.response.body", "body": line + b"\n", "more_body": True})

    async def _judged(self) -> AsyncIterator[bytes]:
        tasks = [asyncio.create_task(self._line(index, line)) for index, line in enumerate(self._lines)]
        try:
            for ready in asyncio.as_completed(tasks):
                yield await ready
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _line(self, index: int, line: bytes) -> bytes:
        """A submission that cannot be judged gets a line that says why; its neighbours are judged."""
        try:
            asked = parse_request(CodeJudgeRequest, line)
            await self._state.code.require_languages(languages_of(asked))
            answer = await self._state.code.judge(asked, self._session)
        except RewardServerError as error:
            problem = {"status": error.status, "code": error.code, "detail": error.detail, "retryable": error.retryable}
            return json.dumps({"index": index, "problem": problem}).encode()
        return b'{"index":%d,%s' % (index, answer.model_dump_json().encode()[1:])
