"""The way of an item: check by check to a value, then to a score. The only place that sees both checks and executors.

Nothing here lets a fault of ours become a number: an exception of a check, a lost worker or a passed deadline ends as
an error of that one item, and its neighbours go on. A check that hangs or eats all memory twice on fresh workers is the
completion's doing, or hanging answers would be a shelter: it is scored 0 and flagged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from reward_server.checks.base import CheckInput, HeavyCheck, ProgramCheck, Verdict, is_heavy, runs_programs
from reward_server.errors import GroundTruthInvalid, RewardServerError, TaskOutOfMemory, TaskTimedOut, WorkerLost
from reward_server.executors.base import Executors, ProgramSession
from reward_server.profiles import BoundCheck, Profile
from reward_server.rounds import judged
from reward_server.settings import Settings
from reward_server.wire import Component, Fault, InvalidItem, ItemError, ScoreItem, ScoreResult, ScoreSummary, Status

log = logging.getLogger(__name__)

WORKER_LOSSES_FORGIVEN = 3
ITEMS_PER_TURN = 16  # started before other requests have their turn: in place, an item takes up to some milliseconds


@dataclass(frozen=True)
class Judged:
    """One component of one item with what belongs to the item as a whole."""

    component: Component
    flags: tuple[str, ...] = ()
    error: ItemError | None = None


class Scorer:
    """Judges items by a profile, many at a time; results come back in the order of the items."""

    def __init__(self, executors: Executors, settings: Settings) -> None:
        self._executors = executors
        self._settings = settings

    async def score(
        self, profile: Profile, items: Sequence[ScoreItem | InvalidItem], deadline_seconds: float
    ) -> list[ScoreResult]:
        """One result per item, at the latest when the deadline has passed.

        Cancelling cancels what has not been judged yet.
        """
        ends_at = time.monotonic() + deadline_seconds
        session = self._executors.sandbox.session()
        tasks: list[asyncio.Task[ScoreResult]] = []
        try:
            for index, item in enumerate(items):
                if time.monotonic() > ends_at:
                    break
                tasks.append(asyncio.create_task(self._score_item(profile, index, item, session)))
                if index % ITEMS_PER_TURN == ITEMS_PER_TURN - 1:
                    await asyncio.sleep(0)
            if tasks:
                await asyncio.wait(tasks, timeout=max(0.0, ends_at - time.monotonic()))
        finally:
            late = [task for task in tasks if not task.done()]
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return [
            _deadline_passed(profile, index, item) if task is None or task.cancelled() else task.result()
            for index, (task, item) in enumerate(zip_longest(tasks, items))
        ]

    async def _score_item(
        self, profile: Profile, index: int, item: ScoreItem | InvalidItem, session: ProgramSession
    ) -> ScoreResult:
        if isinstance(item, InvalidItem):
            error = ItemError(code="invalid_item", message=item.reason, fault=Fault.DATA, retryable=False)
            return unscored(profile, index, item.id, error)
        if len(item.completion) > self._settings.max_completion_chars:
            return self._too_long(profile, index, item)
        seen = CheckInput(completion=item.completion, ground_truth=item.ground_truth, prompt=item.prompt)
        components = await asyncio.gather(*(self._judge(bound, seen, session) for bound in profile.checks))
        return _assemble(profile, index, item.id, components)

    def _too_long(self, profile: Profile, index: int, item: ScoreItem) -> ScoreResult:
        limit = self._settings.max_completion_chars
        detail = {"reason": f"the completion has {len(item.completion)} characters, at most {limit} are judged"}
        components = [
            Judged(Component(value=0.0, weight=bound.weight, status=Status.OK, detail=detail), ("completion_too_long",))
            for bound in profile.checks
        ]
        return _assemble(profile, index, item.id, components)

    async def _judge(self, bound: BoundCheck, item: CheckInput, session: ProgramSession) -> Judged:
        try:
            verdict = await self._verdict(bound, item, session)
        except GroundTruthInvalid as error:
            return _unjudged(bound, Status.SKIPPED, _item_error(error, Fault.DATA))
        except RewardServerError as error:
            return _unjudged(bound, Status.ERROR, _item_error(error, Fault.SERVER))
        except Exception as error:
            log.exception("check %s failed", bound.check.name)
            message = f"check {bound.check.name!r} failed with {type(error).__name__}; the server's log has the trace"
            failed = ItemError(code="check_failed", message=message, fault=Fault.SERVER, retryable=False)
            return _unjudged(bound, Status.ERROR, failed)
        component = Component(value=verdict.value, weight=bound.weight, status=Status.OK, detail=verdict.detail)
        return Judged(component, verdict.flags)

    async def _verdict(self, bound: BoundCheck, item: CheckInput, session: ProgramSession) -> Verdict:
        check = bound.check
        if runs_programs(check):
            return await _run_programs(check, bound, item, session)
        if not is_heavy(check):
            return check.judge(item, bound.params)
        verdict = check.judge_in_place(item, bound.params)
        return await self._in_worker(check, bound, item) if verdict is None else verdict

    async def _in_worker(self, check: HeavyCheck, bound: BoundCheck, item: CheckInput) -> Verdict:
        seconds = self._settings.check_timeout_seconds

        async def once() -> Verdict:
            return await self._executors.pool.run(check.judge, item, bound.params, timeout_seconds=seconds)

        try:
            return await _forgiving(once)
        except (TaskTimedOut, TaskOutOfMemory):
            log.info("check %s: tried once more on a fresh worker", check.name)
        try:
            return await _forgiving(once)
        except TaskTimedOut:
            return Verdict(0.0, {"reason": f"not decided within {seconds:g} s, twice"}, ("verifier_timeout",))
        except TaskOutOfMemory:
            return Verdict(0.0, {"reason": "not decided within the memory of a worker, twice"}, ("verifier_memory",))


async def _run_programs(check: ProgramCheck, bound: BoundCheck, item: CheckInput, session: ProgramSession) -> Verdict:
    async with session.submission():
        step = await asyncio.to_thread(check.plan, item, bound.params)
        return await judged(check, step, session)


async def _forgiving(once: Callable[[], Awaitable[Verdict]]) -> Verdict:
    """A worker that somebody else killed says nothing about the item: again, a few times."""
    for _ in range(WORKER_LOSSES_FORGIVEN - 1):
        try:
            return await once()
        except WorkerLost:
            log.warning("a worker died while it judged an item; the item is judged again")
    return await once()


def _item_error(error: RewardServerError, fault: Fault) -> ItemError:
    return ItemError(code=error.code, message=error.detail, fault=fault, retryable=error.retryable)


def _unjudged(bound: BoundCheck, status: Status, error: ItemError) -> Judged:
    return Judged(Component(value=None, weight=bound.weight, status=status), (), error)


def unscored(profile: Profile, index: int, item_id: str | None, error: ItemError) -> ScoreResult:
    """An item for which no check said anything; the components keep their keys."""
    status = Status.SKIPPED if error.fault is Fault.DATA else Status.ERROR
    components = {b.component: Component(value=None, weight=b.weight, status=status) for b in profile.checks}
    return ScoreResult(
        index=index, id=item_id, status=status, reward=None, flags=[], error=error, components=components
    )


def _deadline_passed(profile: Profile, index: int, item: ScoreItem | InvalidItem) -> ScoreResult:
    message = "the deadline of the request passed before this item was judged; send it again, or allow more time"
    error = ItemError(code="deadline_exceeded", message=message, fault=Fault.SERVER, retryable=True)
    return unscored(profile, index, item.id, error)


def _assemble(profile: Profile, index: int, item_id: str | None, judged: Sequence[Judged]) -> ScoreResult:
    """The weighted sum where every component has a value; else the worst status, and no reward."""
    statuses = {one.component.status for one in judged}
    status = next((s for s in (Status.ERROR, Status.SKIPPED) if s in statuses), Status.OK)
    reward = None
    if status is Status.OK:
        reward = sum(one.component.weight * (one.component.value or 0.0) for one in judged)
    return ScoreResult(
        index=index,
        id=item_id,
        status=status,
        reward=reward,
        flags=list(dict.fromkeys(flag for one in judged for flag in one.flags)),
        error=next((one.error for one in judged if one.error and one.component.status is status), None),
        components={b.component: one.component for b, one in zip(profile.checks, judged, strict=True)},
    )


def summarise(results: Sequence[ScoreResult]) -> ScoreSummary:
    rewards = [result.reward for result in results if result.reward is not None]
    counts = {status: sum(result.status is status for result in results) for status in Status}
    return ScoreSummary(
        ok=counts[Status.OK],
        skipped=counts[Status.SKIPPED],
        error=counts[Status.ERROR],
        mean_reward=sum(rewards) / len(rewards) if rewards else None,
    )
