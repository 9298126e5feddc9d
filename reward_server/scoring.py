"""The way of an item: check by check to a value, then to a score. The only place that sees both checks and executors.

Nothing here lets a fault of ours become a number: an exception of a check, a lost worker or a passed deadline ends as
an error of that one item, and its neighbours go on. A check that hangs or eats all memory twice on fresh workers is the
completion's doing, or hanging answers would be a shelter: it is scored 0 and flagged.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from reward_server.checks.base import (
    AnswerCheck,
    AskingCheck,
    Check,
    CheckInput,
    Group,
    HeavyCheck,
    ProgramCheck,
    ShapedParams,
    Verdict,
)
from reward_server.combination import combined
from reward_server.errors import (
    CheckUnavailable,
    GroundTruthInvalid,
    JudgeUnreadable,
    RewardServerError,
    TaskOutOfMemory,
    TaskTimedOut,
    WorkerLost,
)
from reward_server.executors.base import Executors, ProgramSession
from reward_server.profiles import BoundCheck, Profile
from reward_server.rounds import judged
from reward_server.settings import Settings
from reward_server.wire import (
    Component,
    Fault,
    InvalidItem,
    ItemError,
    ScoreItem,
    ScoreResult,
    ScoreSummary,
    Status,
    StepReward,
)

log = logging.getLogger(__name__)

WORKER_LOSSES_FORGIVEN = 3
ITEMS_PER_TURN = 16  # started before other requests have their turn: in place, an item takes up to some milliseconds

NO_JUDGE = "it has no external judge: set REWARD_SERVER_JUDGE_URL and REWARD_SERVER_JUDGE_MODEL"
TRUNCATED = "length"  # the finish_reason of a completion that was cut off


@dataclass(frozen=True)
class Judged:
    """One component of one item, with the verdict that made it or with the error that kept it from being made."""

    component: Component
    verdict: Verdict | None = None
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

        Cancelling cancels what has not been judged yet. Raises CheckUnavailable before any work.
        """
        ends_at = time.monotonic() + deadline_seconds
        await _prepare(profile, self._executors)
        groups = _groups(items) if profile.needs_group else {}
        session = self._executors.sandbox.session()
        tasks: list[asyncio.Task[ScoreResult]] = []
        try:
            for index, item in enumerate(items):
                if time.monotonic() > ends_at:
                    break
                tasks.append(asyncio.create_task(self._score_item(profile, index, item, groups, session)))
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
        self,
        profile: Profile,
        index: int,
        item: ScoreItem | InvalidItem,
        groups: Mapping[str, Group],
        session: ProgramSession,
    ) -> ScoreResult:
        if isinstance(item, InvalidItem):
            error = ItemError(code="invalid_item", message=item.reason, fault=Fault.DATA, retryable=False)
            return unscored(profile, index, item.id, error)
        if len(item.completion) > self._settings.max_completion_chars:
            return self._too_long(profile, index, item)
        seen = replace(_seen(item), group=groups.get(item.group_id) if item.group_id is not None else None)
        first = [bound for bound in profile.checks if bound.correct_by is None]
        judged = dict(zip(first, await asyncio.gather(*(self._judge(b, seen, session) for b in first)), strict=True))
        values = {bound.component: one.component.value for bound, one in judged.items()}
        for bound in profile.checks:
            if bound.correct_by is not None:
                judged[bound] = await self._judge(bound, replace(seen, right=_right(bound, values)), session)
        return _assemble(profile, index, item, [judged[bound] for bound in profile.checks])

    def _too_long(self, profile: Profile, index: int, item: ScoreItem) -> ScoreResult:
        limit = self._settings.max_completion_chars
        reason = f"the completion has {len(item.completion)} characters, at most {limit} are judged"
        verdict = Verdict(0.0, flags=("completion_too_long",), reason=reason)
        return _assemble(profile, index, item, [_judged(bound, verdict) for bound in profile.checks])

    async def _judge(self, bound: BoundCheck, item: CheckInput, session: ProgramSession) -> Judged:
        try:
            return _judged(bound, await self._verdict(bound, item, session))
        except GroundTruthInvalid as error:
            return _unjudged(bound, Status.SKIPPED, _item_error(error, Fault.DATA))
        except RewardServerError as error:
            return _unjudged(bound, Status.ERROR, _item_error(error, Fault.SERVER))
        except Exception as error:
            log.exception("check %s failed", bound.check.name)
            message = f"check {bound.check.name!r} failed with {type(error).__name__}; the server's log has the trace"
            failed = ItemError(code="check_failed", message=message, fault=Fault.SERVER, retryable=False)
            return _unjudged(bound, Status.ERROR, failed)

    async def _verdict(self, bound: BoundCheck, item: CheckInput, session: ProgramSession) -> Verdict:
        match bound.check:
            case HeavyCheck() as check:
                verdict = check.judge_in_place(item, bound.params)
                return await self._in_worker(check, bound, item) if verdict is None else verdict
            case AnswerCheck() as check:
                return check.judge(item, bound.params)
            case ProgramCheck() as check:
                return await _run_programs(check, bound, item, session)
            case AskingCheck() as check:
                return await self._asked(check, bound, item, session)
        raise TypeError(f"{type(bound.check).__name__} is no kind of check that can be judged")

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

    async def _in_worker(self, check: HeavyCheck, bound: BoundCheck, item: CheckInput) -> Verdict:
        seconds = self._settings.check_timeout_seconds
        alone = replace(item, group=None)  # a whole group would be copied to the worker for each of its members

        async def once() -> Verdict:
            return await self._executors.pool.run(check.judge, alone, bound.params, timeout_seconds=seconds)

        try:
            return await _forgiving(once)
        except (TaskTimedOut, TaskOutOfMemory):
            log.info("check %s: tried once more on a fresh worker", check.name)
        try:
            return await _forgiving(once)
        except TaskTimedOut:
            return Verdict(0.0, flags=("verifier_timeout",), reason=f"not decided within {seconds:g} s, twice")
        except TaskOutOfMemory:
            return Verdict(0.0, flags=("verifier_memory",), reason="not decided within the memory of a worker, twice")


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


async def _prepare(profile: Profile, executors: Executors) -> None:
    """What checks load, they load before the first item, and outside the event loop."""
    for bound in profile.checks:
        missing = NO_JUDGE if isinstance(bound.check, AskingCheck) and executors.judge is None else None
        if why := missing or bound.check.unavailable(bound.params):
            raise CheckUnavailable(f"check {bound.check.name!r} cannot be used on this server: {why}")
        if type(bound.check).prepare is not Check.prepare:
            await asyncio.to_thread(bound.check.prepare, bound.params)


def _seen(item: ScoreItem) -> CheckInput:
    return CheckInput(
        completion=item.completion,
        ground_truth=item.ground_truth,
        prompt=item.prompt,
        completion_tokens=item.completion_tokens,
        token_ids=None if item.completion_token_ids is None else tuple(item.completion_token_ids),
        finish_reason=item.finish_reason,
        think_prefilled=item.think_prefilled,
        target_language=item.target_language,
        target_length=item.target_length,
    )


def _groups(items: Sequence[ScoreItem | InvalidItem]) -> dict[str, Group]:
    members: dict[str, list[CheckInput]] = {}
    for item in items:
        if isinstance(item, ScoreItem) and item.group_id is not None:
            members.setdefault(item.group_id, []).append(_seen(item))
    return {group_id: Group(tuple(inputs)) for group_id, inputs in members.items()}


def _right(bound: BoundCheck, values: Mapping[str, float | None]) -> bool | None:
    if not isinstance(bound.params, ShapedParams):
        return None
    value = values[bound.params.correct_by]
    return None if value is None else value >= bound.params.correct_from


def _item_error(error: RewardServerError, fault: Fault) -> ItemError:
    return ItemError(code=error.code, message=error.detail, fault=fault, retryable=error.retryable)


def _judged(bound: BoundCheck, verdict: Verdict) -> Judged:
    component = Component(
        value=verdict.value,
        weight=bound.weight,
        status=Status.SKIPPED if verdict.value is None else Status.OK,
        reason=verdict.reason,
        detail={**_no_detail(bound), **verdict.detail},
    )
    return Judged(component, verdict)


def _unjudged(bound: BoundCheck, status: Status, error: ItemError) -> Judged:
    return Judged(_no_component(bound, status, error.message), error=error)


def _no_component(bound: BoundCheck, status: Status, reason: str) -> Component:
    return Component(value=None, weight=bound.weight, status=status, reason=reason, detail=_no_detail(bound))


def _no_detail(bound: BoundCheck) -> dict[str, None]:
    return dict.fromkeys(bound.check.detail)


def unscored(profile: Profile, index: int, item_id: str | None, error: ItemError) -> ScoreResult:
    """An item for which no check said anything; the components keep their keys."""
    status = Status.SKIPPED if error.fault is Fault.DATA else Status.ERROR
    components = {b.component: _no_component(b, status, error.message) for b in profile.checks}
    return ScoreResult(
        index=index, id=item_id, status=status, reward=None, flags=[], error=error, components=components
    )


def _deadline_passed(profile: Profile, index: int, item: ScoreItem | InvalidItem) -> ScoreResult:
    message = "the deadline of the request passed before this item was judged; send it again, or allow more time"
    error = ItemError(code="deadline_exceeded", message=message, fault=Fault.SERVER, retryable=True)
    return unscored(profile, index, item.id, error)


def _assemble(profile: Profile, index: int, item: ScoreItem, judged: Sequence[Judged]) -> ScoreResult:
    """The combined reward; or the worst status and no reward where a component could not be judged."""
    components = {b.component: one.component for b, one in zip(profile.checks, judged, strict=True)}
    errors = [one.error for one in judged if one.error is not None]
    error = next((e for e in errors if e.fault is Fault.SERVER), errors[0] if errors else None)
    reward = combined(components, profile.combine) if error is None else None
    if error is None and (reward is None or not math.isfinite(reward)):
        error = _no_reward(components, reward)
    return ScoreResult(
        index=index,
        id=item.id,
        status=Status.OK if error is None else Status.SKIPPED if error.fault is Fault.DATA else Status.ERROR,
        reward=reward if error is None else None,
        gold_kind=next((one.verdict.gold_kind for one in judged if one.verdict and one.verdict.gold_kind), None),
        step_rewards=_step_rewards(profile, judged),
        flags=_flags(item, judged),
        error=error,
        components=components,
    )


def _no_reward(components: Mapping[str, Component], reward: float | None) -> ItemError:
    if reward is not None:
        message = "the reward is not finite: use smaller weights"
        return ItemError(code="reward_not_finite", message=message, fault=Fault.DATA, retryable=False)
    reasons = "; ".join(f"{name}: {one.reason}" for name, one in components.items() if one.value is None)
    message = f"no check that the reward needs applies to this item ({reasons})"
    return ItemError(code="not_applicable", message=message, fault=Fault.DATA, retryable=False)


def _step_rewards(profile: Profile, judged: Sequence[Judged]) -> list[StepReward]:
    return [
        StepReward(component=bound.component, start=step.start, end=step.end, value=step.value)
        for bound, one in zip(profile.checks, judged, strict=True)
        if one.verdict is not None
        for step in one.verdict.steps
    ]


def _flags(item: ScoreItem, judged: Sequence[Judged]) -> list[str]:
    """Each once. A completion that was cut off is flagged whatever judges it."""
    flags = [flag for one in judged if one.verdict is not None for flag in one.verdict.flags]
    return list(dict.fromkeys([*flags, "truncated"] if item.finish_reason == TRUNCATED else flags))


def summarise(results: Sequence[ScoreResult]) -> ScoreSummary:
    rewards = [result.reward for result in results if result.reward is not None]
    counts = {status: sum(result.status is status for result in results) for status in Status}
    return ScoreSummary(
        ok=counts[Status.OK],
        skipped=counts[Status.SKIPPED],
        error=counts[Status.ERROR],
        mean_reward=sum(rewards) / len(rewards) if rewards else None,
    )
