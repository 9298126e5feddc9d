"""From the verdicts of an item to its result. Nothing here lets a fault become a number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reward_server.checks.base import Verdict
from reward_server.combination import combined
from reward_server.errors import RewardServerError
from reward_server.profiles import BoundCheck, Profile
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

TRUNCATED = "length"  # the finish_reason of a completion that was cut off


@dataclass(frozen=True)
class Judged:
    """One component of one item, with the verdict that made it or with the error that kept it from being made."""

    component: Component
    verdict: Verdict | None = None
    error: ItemError | None = None


def item_error(error: RewardServerError, fault: Fault) -> ItemError:
    return ItemError(code=error.code, message=error.detail, fault=fault, retryable=error.retryable)


def judged_as(bound: BoundCheck, verdict: Verdict) -> Judged:
    component = Component(
        value=verdict.value,
        weight=bound.weight,
        status=Status.SKIPPED if verdict.value is None else Status.OK,
        reason=verdict.reason,
        detail={**_no_detail(bound), **verdict.detail},
    )
    return Judged(component, verdict)


def unjudged(bound: BoundCheck, status: Status, error: ItemError) -> Judged:
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


def deadline_passed(profile: Profile, index: int, item: ScoreItem | InvalidItem) -> ScoreResult:
    message = "the deadline of the request passed before this item was judged; send it again, or allow more time"
    error = ItemError(code="deadline_exceeded", message=message, fault=Fault.SERVER, retryable=True)
    return unscored(profile, index, item.id, error)


def assembled(profile: Profile, index: int, item: ScoreItem, judged: Sequence[Judged]) -> ScoreResult:
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
