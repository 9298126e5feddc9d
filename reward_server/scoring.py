"""The way of an item: check by check to a value, then to a score, many items at a time.

Nothing here lets a fault of ours become a number: an exception of a check, a lost worker or a passed deadline ends as
an error of that one item, and its neighbours go on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat, zip_longest

from reward_server.assembly import Judged, assembled, deadline_passed, item_error, judged_as, unjudged, unscored
from reward_server.checks.base import AskingCheck, CheckInput, Group, ShapedParams, Verdict
from reward_server.errors import GroundTruthInvalid, RewardServerError
from reward_server.executors.base import Executors, ProgramSession
from reward_server.profiles import BoundCheck, Profile
from reward_server.settings import Settings
from reward_server.verdicts import Verdicts
from reward_server.wire import Fault, InvalidItem, ItemError, ScoreItem, ScoreResult, Status

log = logging.getLogger(__name__)

# Started before other requests have their turn: in place, an item takes up to some milliseconds, a long one more.
ITEMS_PER_TURN = 16
CHARS_PER_TURN = 100_000
GATE_CLOSED = Verdict(None, reason="the gate is closed, so the external judge was not asked")


class Scorer:
    """Judges items by a profile, many at a time; results come back in the order of the items."""

    def __init__(self, executors: Executors, settings: Settings) -> None:
        self._executors = executors
        self._settings = settings
        self._verdicts = Verdicts(executors, settings)

    async def score(
        self, profile: Profile, items: Sequence[ScoreItem | InvalidItem], deadline_seconds: float
    ) -> list[ScoreResult]:
        """One result per item, at the latest when the deadline has passed.

        Cancelling cancels what has not been judged yet. Raises CheckUnavailable before any work.
        """
        ends_at = time.monotonic() + deadline_seconds
        await self._verdicts.prepare(profile)
        groups = _groups(items) if profile.needs_group else {}
        session = self._executors.sandbox.session()
        tasks: list[asyncio.Task[ScoreResult]] = []
        try:
            for last_of_turn, index, item in _in_turns(items):
                if time.monotonic() > ends_at:
                    break
                tasks.append(asyncio.create_task(self._score_item(profile, index, item, groups, session)))
                if last_of_turn:
                    await asyncio.sleep(0)
            if tasks:
                await asyncio.wait(tasks, timeout=max(0.0, ends_at - time.monotonic()))
        finally:
            late = [task for task in tasks if not task.done()]
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return [
            deadline_passed(profile, index, item) if task is None or task.cancelled() else task.result()
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
        judged: dict[str, Judged] = {}
        for together in profile.rounds:
            open_ones = [bound for bound in together if not _shut_out(bound, profile, judged)]
            inputs = [replace(seen, right=_right(bound, judged)) if bound.correct_by else seen for bound in open_ones]
            verdicts = await asyncio.gather(*map(self._judge, open_ones, inputs, repeat(session)))
            judged |= {bound.component: one for bound, one in zip(open_ones, verdicts, strict=True)}
            judged |= {b.component: judged_as(b, GATE_CLOSED) for b in together if b.component not in judged}
        return assembled(profile, index, item, [judged[bound.component] for bound in profile.checks])

    def _too_long(self, profile: Profile, index: int, item: ScoreItem) -> ScoreResult:
        limit = self._settings.max_completion_chars
        reason = f"the completion has {len(item.completion)} characters, at most {limit} are judged"
        verdicts = [
            Verdict(b.check.worst(b.params), flags=("completion_too_long",), reason=reason) for b in profile.checks
        ]
        return assembled(profile, index, item, list(map(judged_as, profile.checks, verdicts)))

    async def _judge(self, bound: BoundCheck, item: CheckInput, session: ProgramSession) -> Judged:
        try:
            return judged_as(bound, await self._verdicts.of(bound, item, session))
        except GroundTruthInvalid as error:
            return unjudged(bound, Status.SKIPPED, item_error(error, Fault.DATA))
        except RewardServerError as error:
            return unjudged(bound, Status.ERROR, item_error(error, Fault.SERVER))
        except Exception as error:
            log.exception("check %s failed", bound.check.name)
            message = f"check {bound.check.name!r} failed with {type(error).__name__}; the server's log has the trace"
            failed = ItemError(code="check_failed", message=message, fault=Fault.SERVER, retryable=False)
            return unjudged(bound, Status.ERROR, failed)


def _in_turns(items: Sequence[ScoreItem | InvalidItem]) -> Iterator[tuple[bool, int, ScoreItem | InvalidItem]]:
    """Each item with its index, and whether others should have their turn behind it."""
    count = chars = 0
    for index, item in enumerate(items):
        count, chars = count + 1, chars + (len(item.completion) if isinstance(item, ScoreItem) else 0)
        full = count >= ITEMS_PER_TURN or chars >= CHARS_PER_TURN
        count, chars = (0, 0) if full else (count, chars)
        yield full, index, item


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


def _shut_out(bound: BoundCheck, profile: Profile, judged: Mapping[str, Judged]) -> bool:
    """Whether the external judge need not be asked, because the gate stays closed whatever it says."""
    gate = profile.combine.gate
    if gate is None or gate not in judged or not isinstance(bound.check, AskingCheck):
        return False
    value = judged[gate].component.value
    return value is None or value < profile.combine.threshold


def _right(bound: BoundCheck, judged: Mapping[str, Judged]) -> bool | None:
    if not isinstance(bound.params, ShapedParams):
        return None
    value = judged[bound.params.correct_by].component.value
    return None if value is None else value >= bound.params.correct_from
