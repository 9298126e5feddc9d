"""The HTTP side of the reward server: requests, retries, deadlines, checking of answers. No torch.

What a caller sees: for every item either the server's result, or `Unanswered` with the reason. Only a refusal of the
request itself (`RewardRejected`: unknown profile, wrong key, ...) is raised, because no retry can mend it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

import httpx

from reward_server.wire import SCORE_PATH, ScoreItem, ScoreOptions, ScoreResponse, ScoreResult, Status
from trainer_client.config import RewardConfig
from trainer_client.errors import RewardRejected, RewardUnavailable
from trainer_client.reward_answers import checked, refusal
from trainer_client.reward_requests import requests_of, smaller_requests, with_their_groups

CONNECT_SECONDS = 5.0
SILENT_FAILURES = 1  # this many failures of one request are normal; the next one is told
REMEDY = (
    "raise REWARD_SERVER_MAX_BODY_BYTES there, or the limit of the proxy before it, or sample fewer or shorter ones"
)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An item without a score, by the server's fault or for want of time."""

    reason: str


Answer = ScoreResult | Unanswered


@dataclass(frozen=True, slots=True)
class Judge:
    """Who judged: the server's version, and the rules by name and by hash of their content."""

    version: str
    profile: str | None
    profile_hash: str


class Patience:
    """How long a step waits for a server that answers nothing: counted from the first failure after a success."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failing_since: float | None = None

    def failed(self) -> None:
        """An attempt failed."""
        if self._failing_since is None:
            self._failing_since = time.monotonic()

    def succeeded(self) -> None:
        """The server answered."""
        self._failing_since = None

    def left_seconds(self, request_failing_since: float) -> float:
        """Time left for a request that has been failing since then; it is over at 0."""
        since = min(request_failing_since, self._failing_since or request_failing_since)
        return self._seconds - (time.monotonic() - since)


class RewardClient:
    """Scores completions over one connection pool. Use as an async context manager, inside one event loop.

    `notice` is told once when the server stops answering, once when it answers again, and once that requests are split.
    """

    def __init__(self, config: RewardConfig, *, api_key: str | None, notice: Callable[[str], None]) -> None:
        self._config = config
        self._notice = notice
        self._slots = asyncio.Semaphore(config.concurrency)
        self._down_since: float | None = None
        self._told = False
        self._told_splitting = False
        self._http = httpx.AsyncClient(
            base_url=config.url.rstrip("/"),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(config.timeout_seconds, connect=min(CONNECT_SECONDS, config.timeout_seconds)),
            limits=httpx.Limits(max_connections=config.concurrency),
            trust_env=False,
        )

    async def __aenter__(self) -> RewardClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def score(
        self, items: Sequence[ScoreItem], patience: Patience, judges: set[Judge] | None = None
    ) -> list[Answer]:
        """One answer for each item, in order. Raises RewardRejected when the server refuses a request.

        To `judges` is added who answered: more than one when the server was replaced meanwhile.

        Items of one `group_id` that follow each other are always in one request, so that rules that compare the
        completions of a prompt see all of them.
        """
        parts = requests_of(items, self._config.batch_items)
        answered = await asyncio.gather(*(self._score_part(part, patience, judges) for part in parts))
        return [answer for part in answered for answer in part]

    async def _score_part(
        self, items: Sequence[ScoreItem], patience: Patience, judges: set[Judge] | None
    ) -> list[Answer]:
        """The answers to one request; to smaller ones where the server, or a proxy before it, takes none so large."""
        try:
            return await self._until_judged(items, patience, judges)
        except RewardRejected as error:
            if error.status != httpx.codes.REQUEST_ENTITY_TOO_LARGE:
                raise
            size = len(self._body(items))
        if len(items) == 1:
            return [
                Unanswered(f"its request alone has {size} bytes, and the reward server takes none so large: {REMEDY}")
            ]
        self._tell_splitting(size)
        halves = (self._score_part(half, patience, judges) for half in smaller_requests(items))
        return [answer for half in await asyncio.gather(*halves) for answer in half]

    async def _until_judged(
        self, items: Sequence[ScoreItem], patience: Patience, judges: set[Judge] | None
    ) -> list[Answer]:
        """One request, and further ones for the items that the server failed to judge, with their whole groups."""
        answers: list[Answer] = [Unanswered("not asked") for _ in items]
        waiting = list(range(len(items)))
        for attempt in range(self._config.max_item_retries + 1):
            if attempt:
                await asyncio.sleep(self._backoff_seconds(attempt - 1))
            asked = with_their_groups(items, waiting)
            try:
                response = await self._request([items[place] for place in asked], attempt, patience)
            except RewardUnavailable as fault:
                _fill(answers, waiting, Unanswered(str(fault)))
                if fault.replay:  # patience is over
                    break
                continue
            if judges is not None:
                judges.add(Judge(response.version, response.profile, response.profile_hash))
            fresh = dict(zip(asked, response.results, strict=True))
            waiting = _store(answers, waiting, [fresh[place] for place in waiting])
            if not waiting:
                break
        return answers

    async def _request(self, items: Sequence[ScoreItem], attempt: int, patience: Patience) -> ScoreResponse:
        """The answer to one request, tried until the patience is over.

        Retries carry the same idempotency key, so that work already done is not done again; `attempt` changes the
        key, so that a faulty answer is not replayed.
        """
        body = self._body(items)
        key = hashlib.sha256(b"%d:" % attempt + body).hexdigest()
        failing_since: float | None = None
        failures = 0
        while True:
            try:
                async with self._slots:
                    response = await self._post(body, key)
            except RewardUnavailable as fault:
                failing_since = failing_since or time.monotonic()
                patience.failed()
                self._trouble(fault, failures)
                left = patience.left_seconds(failing_since)
                if left <= 0:
                    raise
                await asyncio.sleep(min(fault.retry_after_seconds or self._backoff_seconds(failures), left))
                failures += 1
                continue
            patience.succeeded()
            self._recovered()
            return checked(response, items)

    def _body(self, items: Sequence[ScoreItem]) -> bytes:
        request = {
            "profile": self._config.profile,
            "items": [item.model_dump(mode="json", exclude_none=True) for item in items],
            "options": ScoreOptions(deadline_ms=self._config.deadline_ms).model_dump(mode="json"),
        }
        return json.dumps(request).encode()

    async def _post(self, body: bytes, key: str) -> httpx.Response:
        """One attempt. The time limit covers the whole exchange: httpx's own counts each read alone."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                response = await self._http.post(SCORE_PATH, content=body, headers=headers)
        except TimeoutError as error:
            raise RewardUnavailable(f"no answer within {self._config.timeout_seconds:g} s") from error
        except httpx.RequestError as error:
            raise RewardUnavailable(f"{type(error).__name__}: {str(error) or 'connection failed'}") from error
        if response.status_code == httpx.codes.OK:
            return response
        raise refusal(response)

    def _backoff_seconds(self, failures: int) -> float:
        """Doubling pause with full jitter in its upper half, so that many clients do not come back together."""
        longest = min(self._config.backoff_seconds * 2.0 ** min(failures, 30), self._config.max_backoff_seconds)
        return longest * (0.5 + 0.5 * random.random())  # noqa: S311 -- spreads retries, guards nothing

    def _tell_splitting(self, size: int) -> None:
        if not self._told_splitting:
            self._told_splitting = True
            self._notice(
                f"the reward server refuses a request of {size} bytes as too large (HTTP 413); it is split, and where "
                "one group is too much, rules that compare its completions take no part. To have it taken whole, "
                f"{REMEDY}"
            )

    def _trouble(self, fault: RewardUnavailable, failures: int) -> None:
        self._down_since = self._down_since or time.monotonic()
        if failures >= SILENT_FAILURES and not self._told:
            self._told = True
            self._notice(f"reward server {self._config.url} does not answer ({fault}); waiting for it")

    def _recovered(self) -> None:
        if self._told and self._down_since is not None:
            self._notice(f"reward server answers again after {time.monotonic() - self._down_since:.0f} s")
        self._down_since, self._told = None, False


def _fill(answers: list[Answer], places: Sequence[int], answer: Unanswered) -> None:
    for place in places:
        answers[place] = answer


def _store(answers: list[Answer], places: Sequence[int], results: Sequence[ScoreResult]) -> list[int]:
    """Put the results in their places; returns the places that are worth another attempt."""
    again = []
    for place, result in zip(places, results, strict=True):
        if result.status is not Status.ERROR:
            answers[place] = result
            continue
        error = result.error
        answers[place] = Unanswered(f"{error.code}: {error.message}" if error else "error without a reason")
        if error is not None and error.retryable:
            again.append(place)
    return again
