"""The external judge: an OpenAI-compatible endpoint that the server's settings name. It knows no reward.

A question has its turn, then a few attempts within one deadline. Lost connections, time-outs, 429 and 5xx are tried
again; every other refusal is final. Redirects are not followed, and of an answer only so many bytes are read. Neither
errors nor logs hold what was asked, what was answered, or the key.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from reward_server.errors import JudgeRefused, JudgeUnavailable, JudgeUnreadable, RewardServerError
from reward_server.executors.turns import Turns
from reward_server.questions import Question, Reply
from reward_server.settings import Settings

log = logging.getLogger(__name__)

MAX_REPLY_BYTES: Final = 1 << 20
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 10.0
AGAIN: Final = frozenset({408, 425, 429})  # and 5xx
_HINTS: Final = {
    401: "look at REWARD_SERVER_JUDGE_API_KEY",
    403: "look at REWARD_SERVER_JUDGE_API_KEY",
    404: "look at REWARD_SERVER_JUDGE_URL and _MODEL, and whether this endpoint serves the `mode`",
    405: "look at REWARD_SERVER_JUDGE_URL, and whether this endpoint serves the `mode`",
    400: "it may not know the `response_format`, or the text is longer than the model's context",
    413: "the text is longer than it takes",
    422: "it may not know the `response_format`, or the text is longer than the model's context",
}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class _Again(Exception):
    """An attempt failed in a way that may pass."""

    def __init__(self, why: str, after_seconds: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.after_seconds = after_seconds


class JudgeEndpoint:
    """Connections stay open between questions, as many as questions may run at a time.

    Each has a client of its own: the work of httpx for a request grows with the square of the connections in a client,
    and with 64 of them it took 8 ms of the event loop a question.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.judge_url is None:
            raise ValueError("expected settings with a judge_url")
        self._model = settings.judge_model
        self._timeout_seconds = settings.judge_timeout_seconds
        self._deadline_seconds = settings.judge_deadline_seconds
        self._attempts = settings.judge_attempts
        self._turns = Turns(settings.judge_concurrency)
        self._answered = 0
        self._failed = 0
        self._fault: str | None = None
        self._url = settings.judge_url
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        if settings.judge_api_key is not None:
            self._headers["Authorization"] = f"Bearer {settings.judge_api_key.get_secret_value()}"
        self._certificates = httpx.create_ssl_context()  # slow to make: one for all
        self._clients: list[httpx.AsyncClient] = []
        self._idle: list[httpx.AsyncClient] = []

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()

    def report(self) -> dict[str, Any]:
        return {
            "model": self._model,
            "slots": self._turns.slots,
            "busy": self._turns.busy,
            "waiting": self._turns.waiting,
            "answered": self._answered,
            "failed": self._failed,
            "last_fault": self._fault,
        }

    async def ask(self, question: Question, owner: object) -> Reply:
        """The deadline counts from the question's turn. Raises JudgeUnavailable, JudgeRefused, JudgeUnreadable."""
        await self._turns.take(owner)
        client = self._idle.pop() if self._idle else self._new_client()
        try:
            reply = await self._reply(client, question)
        except RewardServerError as error:
            self._failed += 1
            self._fault = error.code
            log.warning("the external judge failed: %s", error.detail)
            raise
        finally:
            self._idle.append(client)
            self._turns.give()
        self._answered += 1
        return reply

    def _new_client(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            base_url=self._url,
            headers=self._headers,
            verify=self._certificates,
            timeout=None,  # noqa: S113 -- each attempt has a time-out as a whole
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        )
        self._clients.append(client)
        return client

    async def _reply(self, client: httpx.AsyncClient, question: Question) -> Reply:
        content = json.dumps({"model": self._model, **question.body}).encode()
        ends_at = time.monotonic() + self._deadline_seconds
        attempt = 1
        while True:
            try:
                return await self._attempt(client, question.path, content, ends_at - time.monotonic())
            except _Again as again:
                pause = max(_pause_seconds(attempt), again.after_seconds)
                if attempt == self._attempts or time.monotonic() + pause >= ends_at:
                    tried = f"{attempt} attempt{'s' if attempt > 1 else ''}"
                    raise JudgeUnavailable(f"the external judge {again.why} ({tried})") from None
            await asyncio.sleep(pause)
            attempt += 1

    async def _attempt(self, client: httpx.AsyncClient, path: str, content: bytes, left_seconds: float) -> Reply:
        seconds = min(self._timeout_seconds, left_seconds)
        try:
            async with asyncio.timeout(seconds), client.stream("POST", path, content=content) as response:
                if response.status_code == httpx.codes.OK:
                    return Reply(await _body(response))
                await _raise(response)
        except TimeoutError:
            raise _Again(f"did not answer within {seconds:.3g} s") from None
        except httpx.TransportError as error:  # its message can hold the address
            raise _Again(f"could not be asked: {type(error).__name__}") from None
        raise AssertionError("a status other than 200 is an error")


async def _raise(response: httpx.Response) -> None:
    status = response.status_code
    if status in AGAIN or status >= 500:
        raise _Again(f"answered with status {status}", _retry_after_seconds(response.headers.get("retry-after", "")))
    if 300 <= status < 400:
        raise JudgeRefused(f"the external judge sent us elsewhere (status {status}), and redirects are not followed")
    word = _word_of_the_error(await _body(response))
    hint = "; ".join(part for part in (word, _HINTS.get(status)) if part)
    raise JudgeRefused(f"the external judge refused the question with status {status}{': ' if hint else ''}{hint}")


async def _body(response: httpx.Response) -> bytes:
    """As it came over the wire: what is packed could become of any size."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise JudgeUnreadable("the external judge packed its answer, and was asked not to")
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MAX_REPLY_BYTES:
            raise JudgeUnreadable(f"the external judge answered with more than {MAX_REPLY_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _word_of_the_error(body: bytes) -> str | None:
    """The type or code of an OpenAI error, a single word. Its message can quote what was asked."""
    try:
        error = json.loads(body)["error"]
        names = [error.get("code"), error.get("type")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return next((name for name in names if isinstance(name, str) and _WORD.fullmatch(name)), None)


def _pause_seconds(attempt: int) -> float:
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1))
    return longest * (0.5 + 0.5 * random.random())  # noqa: S311 -- spreads retries, guards nothing


def _retry_after_seconds(header: str) -> float:
    """Seconds or a date (RFC 9110 section 10.2.3); 0 for anything else."""
    if header.isascii() and header.isdigit() and len(header) < 10:
        return float(header)
    try:
        at: float = parsedate_to_datetime(header).timestamp()
        return max(0.0, at - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
