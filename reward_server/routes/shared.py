"""What the endpoints of /v1 have in common: the key, free retries, and clients that go away."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from reward_server.body import read_body
from reward_server.errors import Unauthorized
from reward_server.profiles import Profile, bind
from reward_server.state import State
from reward_server.wire import CheckSpec, Combine

T = TypeVar("T")

Answer = tuple[bytes, bool]  # the body of the answer, and whether it may be kept for retries


def state_of(request: Request) -> State:
    state: State = request.app.state.service
    return state


def profile_of(
    state: State, name: str | None, specs: Sequence[CheckSpec] | None, combine: Combine | None = None
) -> Profile:
    """The named profile, or one of the checks that came. Raises UnknownProfile, UnknownCheck, InvalidParams."""
    return state.profiles.get(name) if name is not None else bind(specs or [], combine)


async def authorised(request: Request) -> None:
    """Bearer key, compared in constant time. Raises Unauthorized."""
    key = state_of(request).settings.api_key
    if key is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), key.get_secret_value().encode())
    if not (same and scheme.lower() == "bearer"):
        raise Unauthorized("expected the header `Authorization: Bearer KEY` with the key of this server")


async def answered_once(request: Request, answer: Callable[[bytes], Awaitable[Answer]]) -> Response:
    """What `answer` makes of the body; or what it made of it before, where the Idempotency-Key is the same.

    An answer with our faults in it is worth computing again, so it is not kept.
    """
    state = state_of(request)
    body = await read_body(request, state.settings.max_body_bytes)
    key = request.headers.get("idempotency-key")
    identity = request.url.path.encode() + b"\n" + body if key is not None else b""
    content = state.answers.find(key, identity)
    if content is None:
        content, lasting = await answer(body)
        if lasting:
            state.answers.keep(key, identity, content)
    return Response(content, media_type="application/json")


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
