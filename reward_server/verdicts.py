"""One check, one item, one verdict: in place, in a worker process, in the sandbox, or from the external judge.

A check that hangs or eats all memory twice on fresh workers is the completion's doing, or hanging answers would be a
shelter: it is flagged and gets the check's worst value. Every other failure is an exception.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from weakref import WeakKeyDictionary

from reward_server.checks.base import (
    AnswerCheck,
    AskingCheck,
    Check,
    CheckInput,
    ChoosingCheck,
    Group,
    HeavyCheck,
    ProgramCheck,
    Verdict,
)
from reward_server.errors import (
    CheckUnavailable,
    JudgeUnreadable,
    TaskOutOfMemory,
    TaskTimedOut,
    Unavailable,
    WorkerLost,
)
from reward_server.executors.base import Executors, ProgramSession
from reward_server.profiles import BoundCheck, Profile
from reward_server.rounds import judged
from reward_server.settings import Settings

log = logging.getLogger(__name__)

WORKER_LOSSES_FORGIVEN = 3
IN_PLACE_CHARS = 200_000  # a check in place is linear, up to a third of a microsecond a character; others wait for it
NO_JUDGE = "it has no external judge: set REWARD_SERVER_JUDGE_URL and REWARD_SERVER_JUDGE_MODEL"


class Verdicts:
    """Knows the means of the server, and which kind of check needs which."""

    def __init__(self, executors: Executors, settings: Settings) -> None:
        self._executors = executors
        self._settings = settings
        self._groups: WeakKeyDictionary[Group, asyncio.Lock] = WeakKeyDictionary()  # one verdict of a group at a time

    async def prepare(self, profile: Profile) -> None:
        """What checks load, they load before the first item, and outside the event loop.

        Raises CheckUnavailable, or Unavailable where loading failed (a full disk, say). What fails for a choice of a
        check fails again for the items that call for it, and for these alone.
        """
        for bound in profile.checks:
            self._require(bound)
            await _prepared(bound)
            for choice in bound.choices.values():
                with contextlib.suppress(Unavailable):
                    await _prepared(choice)

    async def of(self, bound: BoundCheck, item: CheckInput, session: ProgramSession) -> Verdict:
        """Raises RewardServerError, and whatever a check with a bug in it raises."""
        match bound.check:
            case HeavyCheck() as check:
                verdict = check.judge_in_place(item, bound.params)
                return await self._in_worker(check, bound, item) if verdict is None else verdict
            case AnswerCheck(needs_group=True) as check if item.group is not None:
                return await self._in_group(check, bound, item, item.group)
            case AnswerCheck() as check:
                if len(item.completion) > IN_PLACE_CHARS:
                    return await self._in_worker(check, bound, item)
                return check.judge(item, bound.params)
            case ProgramCheck() as check:
                return await _run_programs(check, bound, item, session)
            case AskingCheck() as check:
                return await self._asked(check, bound, item, session)
            case ChoosingCheck() as check:
                return await self._chosen(bound.choices[check.choose(item, bound.params)], item, session)
        raise TypeError(f"{type(bound.check).__name__} is no kind of check that can be judged")

    async def _in_group(self, check: AnswerCheck, bound: BoundCheck, item: CheckInput, group: Group) -> Verdict:
        """A large group is not copied to a worker: its first verdict, which reads all of it, is made in a thread."""
        if group.chars <= IN_PLACE_CHARS:
            return check.judge(item, bound.params)
        async with self._groups.setdefault(group, asyncio.Lock()):
            return await asyncio.to_thread(check.judge, item, bound.params)

    def _require(self, bound: BoundCheck) -> None:
        missing = NO_JUDGE if isinstance(bound.check, AskingCheck) and self._executors.judge is None else None
        if why := missing or bound.check.unavailable(bound.params):
            raise CheckUnavailable(f"check {bound.check.name!r} cannot be used on this server: {why}")

    async def _chosen(self, bound: BoundCheck, item: CheckInput, session: ProgramSession) -> Verdict:
        self._require(bound)
        verdict = await self.of(bound, item, session)
        return replace(verdict, detail={"check": bound.check.name, "detail": verdict.detail})

    async def _asked(self, check: AskingCheck, bound: BoundCheck, item: CheckInput, owner: object) -> Verdict:
        """What the external judge says. A reply that cannot be read is its fault: it is asked once more."""
        question = check.ask(item, bound.params)
        if isinstance(question, Verdict):
            return question
        judge = self._executors.judge
        if judge is None:
            raise CheckUnavailable(NO_JUDGE)
        try:
            return check.read(await judge.ask(question, owner), item, bound.params)
        except JudgeUnreadable as error:
            log.info("check %s: asked once more: %s", check.name, error.detail)
        return check.read(await judge.ask(question, owner), item, bound.params)

    async def _in_worker(self, check: AnswerCheck, bound: BoundCheck, item: CheckInput) -> Verdict:
        seconds = self._settings.check_timeout_seconds + check.start_seconds
        # A whole group would be copied to the worker for each of its members.
        sent = item if check.needs_group else replace(item, group=None)

        async def once() -> Verdict:
            return await self._executors.pool.run(check.judge, sent, bound.params, timeout_seconds=seconds)

        worst = check.worst(bound.params)
        try:
            return await _forgiving(once)
        except (TaskTimedOut, TaskOutOfMemory):
            log.info("check %s: tried once more on a fresh worker", check.name)
        try:
            return await _forgiving(once)
        except TaskTimedOut:
            return Verdict(worst, flags=("verifier_timeout",), reason=f"not decided within {seconds:g} s, twice")
        except TaskOutOfMemory:
            return Verdict(worst, flags=("verifier_memory",), reason="not decided within the memory of a worker, twice")


async def _prepared(bound: BoundCheck) -> None:
    check = bound.check
    if type(check).prepare is Check.prepare or check.unavailable(bound.params):
        return
    try:
        await asyncio.to_thread(check.prepare, bound.params)
    except Exception as error:
        log.exception("check %s could not load what it needs", check.name)
        raise Unavailable(
            f"check {check.name!r} could not load what it needs: {type(error).__name__}; the server's log has the trace"
        ) from error


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
