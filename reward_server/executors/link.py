"""HTTP to one code worker: connections kept open, one exchange on each at a time, closed to cancel.

A whole client library costs a millisecond of CPU for each run; this is what two ends of ours need of HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final

_HEAD_END: Final = b"\r\n\r\n"
_CONNECT_SECONDS: Final = 5.0


class LinkLost(Exception):
    """The worker cannot be reached, or went away in the middle. Says why."""


class LinkRefused(LinkLost):
    """Nobody takes new connections there. Those that are open may live on: a worker that ends finishes its runs."""


class LinkSlow(LinkLost):
    """It took longer than it was given: the worker may be stuck, or its host under load."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """Raises LinkLost for a body that is no JSON object: then it is no code worker of ours."""
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise LinkLost(f"expected JSON with status {self.status}") from error
        if not isinstance(value, dict):
            raise LinkLost(f"expected a JSON object with status {self.status}")
        return value


@dataclass(frozen=True, eq=False)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def exchange(self, request: bytes) -> tuple[Answer, bool]:
        """The answer, and whether the connection can be used again."""
        self.writer.write(request)
        await self.writer.drain()
        head = (await self.reader.readuntil(_HEAD_END)).decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await self.reader.readexactly(int(headers["content-length"]))
        return Answer(int(head[0].split()[1]), body), headers.get("connection", "").lower() != "close"

    def abort(self) -> None:
        self.writer.transport.abort()


class Link:
    def __init__(self, host: str, port: int, key: str | None) -> None:
        self._host, self._port = host, port
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._fixed = f"Host: {authority}\r\n" + (f"Authorization: Bearer {key}\r\n" if key else "")
        self._idle: list[_Connection] = []
        self._used: set[_Connection] = set()

    async def call(self, method: str, path: str, body: bytes, seconds: float) -> Answer:
        """Raises LinkLost, also when it takes longer. Cancelling closes the connection, which the worker notices."""
        head = f"{method} {path} HTTP/1.1\r\n{self._fixed}Content-Length: {len(body)}\r\n\r\n"
        request = head.encode("latin-1") + body
        try:
            async with asyncio.timeout(seconds):
                while self._idle:
                    answer = await self._try(self._idle.pop(), request)
                    if answer is not None:
                        return answer
                return await self._fresh(request)
        except TimeoutError as error:
            raise LinkSlow(f"no answer within {seconds:g} s") from error

    async def _try(self, connection: _Connection, request: bytes) -> Answer | None:
        """None where a kept connection turns out to be closed; the request can be sent again, since runs are pure."""
        try:
            return await self._exchange(connection, request)
        except LinkLost:
            return None

    async def _fresh(self, request: bytes) -> Answer:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except TimeoutError as error:
            raise LinkLost(f"no connection within {_CONNECT_SECONDS:g} s") from error
        except ConnectionRefusedError as error:
            raise LinkRefused(f"no connection: {error.strerror or error}") from error
        except OSError as error:
            raise LinkLost(f"no connection: {error.strerror or error}") from error
        return await self._exchange(_Connection(reader, writer), request)

    async def _exchange(self, connection: _Connection, request: bytes) -> Answer:
        self._used.add(connection)
        lasting = False
        try:
            answer, lasting = await connection.exchange(request)
            return answer
        except (OSError, EOFError, ValueError, KeyError, IndexError, asyncio.LimitOverrunError) as error:
            raise LinkLost(f"the connection broke: {type(error).__name__}") from error
        finally:
            self._used.discard(connection)
            if lasting:
                self._idle.append(connection)
            else:
                connection.abort()

    def close(self) -> None:
        """What is under way ends as LinkLost."""
        for connection in [*self._idle, *self._used]:
            connection.abort()
        self._idle.clear()
