"""The HTTP side of the reward server: requests, retries, deadlines, checking of answers. No torch.

What a caller sees: for every item either the server's result, or `Unanswered` with the reason. Only a refusal of the
request itself (`RewardRejected`: unknown profile, wrong key, ...) is raised, because no retry can mend it.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType

import httpx
from pydantic import ValidationError

from reward_server.wire import (
    MAX_ITEMS,
    SCORE_PATH,
    Problem,
    ScoreItem,
    ScoreOptions,
    ScoreResponse,
    ScoreResult,
    Status,
)
from trainer_client.config import RewardConfig
from trainer_client.errors import RewardRejected, RewardUnavailable

# The codes of problem bodies that we know. True: the same request may succeed later.
TRANSIENT_CODES = {
    "overloaded": True,
    "unavailable": True,
    "sandbox_unavailable": True,
    "task_timed_out": True,
    "task_out_of_memory": True,
    "worker_lost": True,
    "internal_error": True,
    "bad_request": False,
    "invalid_json": False,
    "invalid_request": False,
    "invalid_params": False,
    "body_too_large": False,
    "unsupported_media_type": False,
    "unknown_profile": False,
    "unknown_check": False,
    "unauthorized": False,
    "idempotency_conflict": False,
}
TRANSIENT_STATUSES = {408, 425, 429, 500, 502, 503, 504}
CONNECT_SECONDS = 5.0
SILENT_FAILURES = 1  # this many failures of one request are normal; the next one is told


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

    `notice` is told once when the server stops answering, and once when it answers again.
    """

    def __init__(self, config: RewardConfig, *, api_key: str | None, notice: Callable[[str], None]) -> None:
        self._config = config
        self._notice = notice
        self._slots = asyncio.Semaphore(config.concurrency)
        self._down_since: float | None = None
        self._told = False
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
        parts = _parts(items, self._config.batch_items)
        answered = await asyncio.gather(*(self._score_part(part, patience, judges) for part in parts))
        return [answer for part in answered for answer in part]

    async def _score_part(
        self, items: Sequence[ScoreItem], patience: Patience, judges: set[Judge] | None
    ) -> list[Answer]:
        """One request, and further ones for the items that the server failed to judge, with their whole groups."""
        answers: list[Answer] = [Unanswered("not asked") for _ in items]
        waiting = list(range(len(items)))
        for attempt in range(self._config.max_item_retries + 1):
            if attempt:
                await asyncio.sleep(self._backoff_seconds(attempt - 1))
            asked = _with_their_groups(items, waiting)
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
            return _checked(response, items)

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
            raise RewardUnavailable(f"{type(error).__name__}: {error or 'connection failed'}") from error
        if response.status_code == httpx.codes.OK:
            return response
        raise _refusal(response)

    def _backoff_seconds(self, failures: int) -> float:
        """Doubling pause with full jitter in its upper half, so that many clients do not come back together."""
        longest = min(self._config.backoff_seconds * 2.0 ** min(failures, 30), self._config.max_backoff_seconds)
        return longest * (0.5 + 0.5 * random.random())  # noqa: S311 -- spreads retries, guards nothing

    def _trouble(self, fault: RewardUnavailable, failures: int) -> None:
        self._down_since = self._down_since or time.monotonic()
        if failures >= SILENT_FAILURES and not self._told:
            self._told = True
            self._notice(f"reward server {self._config.url} does not answer ({fault}); waiting for it")

    def _recovered(self) -> None:
        if self._told and self._down_since is not None:
            self._notice(f"reward server answers again after {time.monotonic() - self._down_since:.0f} s")
        self._down_since, self._told = None, False


def _parts(items: Sequence[ScoreItem], size: int) -> list[Sequence[ScoreItem]]:
    """The items in requests of at most `size`; a larger group has a request of its own, up to what a server takes."""
    parts: list[list[ScoreItem]] = []
    for _, run in itertools.groupby(enumerate(items), _group_of):
        members = [item for _, item in run]
        if not parts or len(parts[-1]) + len(members) > size:
            parts.append([])
        parts[-1].extend(members)
    return [part[start : start + MAX_ITEMS] for part in parts for start in range(0, len(part), MAX_ITEMS)]


def _group_of(numbered: tuple[int, ScoreItem]) -> str | int:
    """An item without a group is alone."""
    place, item = numbered
    return place if item.group_id is None else item.group_id


def _with_their_groups(items: Sequence[ScoreItem], places: Sequence[int]) -> list[int]:
    """These places, and those of all other members of their groups."""
    groups = {_group_of((place, items[place])) for place in places}
    return [place for place, item in enumerate(items) if _group_of((place, item)) in groups]


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


def _checked(response: httpx.Response, items: Sequence[ScoreItem]) -> ScoreResponse:
    """The answer, with one result for each item, in order. All else is a fault of the server: RewardUnavailable."""
    try:
        answer = ScoreResponse.model_validate_json(response.content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise RewardUnavailable(f"answer is no ScoreResponse: {where}: {fault['msg']}", replay=False) from error
    results = answer.results
    if len(results) != len(items):
        raise RewardUnavailable(f"{len(items)} items were sent, {len(results)} results came", replay=False)
    for place, (item, result) in enumerate(zip(items, results, strict=True)):
        if result.index != place or result.id != item.id:
            raise RewardUnavailable(
                f"result {place} belongs to another item: index {result.index}, id {result.id!r}, expected {item.id!r}",
                replay=False,
            )
        if result.reward is not None and not math.isfinite(result.reward):
            raise RewardUnavailable(f"result {place} has the reward {result.reward}", replay=False)
    return answer


def _refusal(response: httpx.Response) -> RewardUnavailable | RewardRejected:
    """The error that an answer other than 200 means, by its problem's code, else by its HTTP status."""
    status = response.status_code
    try:
        problem = Problem.model_validate_json(response.content)
        code, detail = problem.code, problem.detail
    except ValidationError:
        code, detail = f"http_{status}", response.text[:200] or response.reason_phrase
    if TRANSIENT_CODES.get(code, status in TRANSIENT_STATUSES):
        return RewardUnavailable(f"{code}: {detail}", retry_after_seconds=_retry_after_seconds(response))
    return RewardRejected(status=status, code=code, detail=detail)


def _retry_after_seconds(response: httpx.Response) -> float | None:
    """The Retry-After header, given in seconds or as a date (RFC 9110, 10.2.3); None where absent or unreadable."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return None
