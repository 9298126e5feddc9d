"""What of a data set can be judged, row by row, before GPU time is spent on it.

For each row: the check that judges it (named by the caller, or told from its shape), the ground truth as that check
reads it, and the value that the reference gets when it is judged as a completion: anything but the best means that the
row would punish right answers. A fault of ours leaves a row unknown, never unverifiable.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from reward_server.checks.base import CheckInput, ChoosingCheck, GoldView, HeavyCheck, ProgramCheck
from reward_server.errors import CheckUnavailable, GroundTruthInvalid, RewardServerError
from reward_server.executors.base import TaskPool
from reward_server.ground_truth.detect import kind_of
from reward_server.profiles import BoundCheck, Profile, bind
from reward_server.scoring import Scorer
from reward_server.settings import Settings
from reward_server.wire import CheckSpec, Combine, Fault, InvalidItem, ItemError, ScoreItem, ScoreResult, Status
from reward_server.wire_validation import SHOWN_CHARS, RowReport, ValidateSummary, ValidationItem

log = logging.getLogger(__name__)

Row = ValidationItem | InvalidItem

ROWS_PER_TURN = 16  # read before other requests have their turn
CHECKS_KEPT = 256
BELOW_1 = "self_score_below_1"
_TELLING = ("verdict", "message", "decision", "failed", "why")  # what checks say in their detail about a bad end
_UNUSED = ItemError(
    code="no_check_for_gold",
    message="no check of the profile uses a ground truth",
    fault=Fault.DATA,
    retryable=False,
)
_LATE = ItemError(
    code="deadline_exceeded",
    message="the deadline of the request passed before this row was read; send it again, or allow more time",
    fault=Fault.SERVER,
    retryable=True,
)


@dataclass(frozen=True)
class Reading:
    """A row as one check reads it: with `view`, or with the `reason` why it cannot be."""

    bound: BoundCheck | None
    view: GoldView | None = None
    reason: ItemError | None = None


class Validator:
    """Reads rows, and has their references judged by the scorer, at most until the deadline."""

    def __init__(self, scorer: Scorer, pool: TaskPool, settings: Settings) -> None:
        self._scorer = scorer
        self._pool = pool
        self._settings = settings

    async def validate(
        self, profile: Profile | None, rows: Sequence[Row], deadline_seconds: float, *, self_score: bool = True
    ) -> list[RowReport]:
        """One report per row, in order. Without a profile each row is judged by the check that its shape asks for.

        Raises CheckUnavailable where a check of the profile cannot be used here.
        """
        ends_at = time.monotonic() + deadline_seconds
        read = [reading async for reading in self._read_all(profile, rows, ends_at)]
        scores = await self._self_scores(rows, read, ends_at, named=profile is not None) if self_score else {}
        return [
            _report(index, row, readings, [scores.get((index, place)) for place in range(len(readings))])
            for index, (row, readings) in enumerate(zip(rows, read, strict=True))
        ]

    async def _read_all(
        self, profile: Profile | None, rows: Sequence[Row], ends_at: float
    ) -> AsyncIterator[list[Reading]]:
        for index, row in enumerate(rows):
            if time.monotonic() > ends_at:
                yield [Reading(None, reason=_LATE)]
                continue
            if index % ROWS_PER_TURN == ROWS_PER_TURN - 1:
                await asyncio.sleep(0)
            yield (
                [Reading(None, reason=_invalid(row))]
                if isinstance(row, InvalidItem)
                else await self._read(profile, row)
            )

    async def _read(self, profile: Profile | None, row: ValidationItem) -> list[Reading]:
        """Of each check that uses a ground truth; at least one."""
        item = CheckInput("", row.ground_truth, prompt=row.prompt)
        try:
            checks = (detected(row),) if profile is None else profile.checks
        except RewardServerError as error:
            return [Reading(None, reason=_reason(error))]
        readings = [await self._reading(bound, item) for bound in checks]
        return [one for one in readings if one.view or one.reason] or [Reading(None, reason=_UNUSED)]

    async def _reading(self, bound: BoundCheck, item: CheckInput) -> Reading:
        try:
            if isinstance(bound.check, ChoosingCheck):
                bound = bound.choices[bound.check.choose(item, bound.params)]
            return Reading(bound, await self._view(bound, item))
        except RewardServerError as error:
            return Reading(bound, reason=_reason(error))
        except Exception as error:
            log.exception("check %s failed to read a ground truth", bound.check.name)
            message = f"check {bound.check.name!r} failed with {type(error).__name__}; the server's log has the trace"
            failed = ItemError(code="check_failed", message=message, fault=Fault.SERVER, retryable=False)
            return Reading(bound, reason=failed)

    async def _view(self, bound: BoundCheck, item: CheckInput) -> GoldView | None:
        """Read in a worker where judging nothing at all by this reference would already take long."""
        check = bound.check
        if isinstance(check, HeavyCheck) and check.judge_in_place(item, bound.params) is None:
            seconds = self._settings.check_timeout_seconds
            return await self._pool.run(check.read_gold, item, bound.params, timeout_seconds=seconds)
        if isinstance(check, ProgramCheck):  # tests of many megabytes
            return await asyncio.to_thread(check.read_gold, item, bound.params)
        return check.read_gold(item, bound.params)

    async def _self_scores(
        self, rows: Sequence[Row], read: Sequence[Sequence[Reading]], ends_at: float, *, named: bool
    ) -> dict[tuple[int, int], ScoreResult | ItemError]:
        """What references get as completions, by row and place of the reading; one check after the other."""
        stated: dict[int, list[tuple[int, int]]] = {}
        bounds: dict[int, BoundCheck] = {}
        for index, readings in enumerate(read):
            for place, reading in enumerate(readings):
                if reading.bound is not None and reading.view is not None and reading.view.answer is not None:
                    bounds[id(reading.bound)] = reading.bound
                    stated.setdefault(id(reading.bound), []).append((index, place))
        found: dict[tuple[int, int], ScoreResult | ItemError] = {}
        for identity, places in stated.items():
            items = [_completed(rows[index], read[index][place]) for index, place in places]
            try:
                seconds = max(0.0, ends_at - time.monotonic())
                found.update(
                    zip(places, await self._scorer.score(_alone(bounds[identity]), items, seconds), strict=True)
                )
            except CheckUnavailable as error:
                if named:
                    raise
                found.update(dict.fromkeys(places, _reason(error)))
        return found


def _completed(row: Row, reading: Reading) -> ScoreItem:
    """The reference as a completion, in the place of one."""
    answer = reading.view.answer if reading.view else None
    if isinstance(row, InvalidItem) or answer is None:
        raise TypeError("only a row that was read has a completion of its own")
    return ScoreItem(id=row.id, prompt=row.prompt, completion=answer, ground_truth=row.ground_truth)


def _alone(bound: BoundCheck) -> Profile:
    return Profile(None, (replace(bound, weight=1.0),), Combine(), "")


def detected(row: ValidationItem) -> BoundCheck:
    """The check that the shape of a row asks for. Raises GroundTruthInvalid, UnknownCheck."""
    found = kind_of(row.ground_truth, row.prompt)
    return _bound(found.check, json.dumps(dict(found.params)))


@lru_cache(maxsize=CHECKS_KEPT)
def _bound(check: str, params: str) -> BoundCheck:
    return bind([CheckSpec(check=check, params=json.loads(params))]).checks[0]


def _report(
    index: int, row: Row, readings: Sequence[Reading], scores: Sequence[ScoreResult | ItemError | None]
) -> RowReport:
    """Of the check by which the row fares worst."""
    reports = [_of_one(index, row.id, *pair) for pair in zip(readings, scores, strict=True)]
    return max(reports, key=lambda report: _WORSE[report.status])


_WORSE = {Status.OK: 0, Status.SKIPPED: 1, Status.ERROR: 2}


def _of_one(index: int, row_id: str | None, reading: Reading, scored: ScoreResult | ItemError | None) -> RowReport:
    value, reason = _self_score(reading, scored)
    reason = reading.reason or reason
    view = reading.view
    return RowReport(
        index=index,
        id=row_id,
        status=Status.OK if reason is None else _STATUS[reason.fault],
        check=reading.bound.check.name if reading.bound else None,
        gold_kind=view.kind if view else None,
        normalised=view.normalised[:SHOWN_CHARS] if view else None,
        self_score=value,
        reason=reason,
    )


_STATUS = {Fault.DATA: Status.SKIPPED, Fault.SERVER: Status.ERROR}


def _self_score(reading: Reading, scored: ScoreResult | ItemError | None) -> tuple[float | None, ItemError | None]:
    if not isinstance(scored, ScoreResult) or reading.bound is None:
        return None, None if isinstance(scored, ScoreResult) else scored
    if scored.error is not None:
        return None, scored.error
    component = scored.components[reading.bound.component]
    if component.value is None or component.value >= 1.0:
        return component.value, None
    said = [str(component.detail[name])[:200] for name in _TELLING if component.detail.get(name)]
    why = "; ".join([*([component.reason] if component.reason else []), *said, *scored.flags])
    message = f"the reference, judged as a completion, gets {component.value:g}" + (f" ({why})" if why else "")
    return component.value, ItemError(code=BELOW_1, message=message, fault=Fault.DATA, retryable=False)


def _invalid(row: InvalidItem) -> ItemError:
    return ItemError(code="invalid_item", message=row.reason, fault=Fault.DATA, retryable=False)


def _reason(error: RewardServerError) -> ItemError:
    fault = Fault.DATA if isinstance(error, GroundTruthInvalid) else Fault.SERVER
    return ItemError(code=error.code, message=error.detail, fault=fault, retryable=error.retryable)


def summarise(reports: Sequence[RowReport]) -> ValidateSummary:
    statuses = Counter(report.status for report in reports)
    reasons = Counter(report.reason.code for report in reports if report.reason is not None)
    kinds = Counter(report.gold_kind.value for report in reports if report.status is Status.OK and report.gold_kind)
    return ValidateSummary(
        rows=len(reports),
        verifiable=statuses[Status.OK],
        unverifiable=statuses[Status.SKIPPED],
        errors=statuses[Status.ERROR],
        self_score_below_1=reasons[BELOW_1],
        by_kind=dict(kinds),
        by_reason=dict(reasons),
    )
