"""Validates the rows of a data set without HTTP. Memory does not grow with the file, and no row stops the run."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from reward_server.errors import ConfigError
from reward_server.executors.lifecycle import opened
from reward_server.offline.mapping import to_validation_item
from reward_server.offline.output import under_its_name_when_whole
from reward_server.offline.rows import count_rows, read_rows, require_file
from reward_server.offline.validation_tally import ValidationTally
from reward_server.profiles import Profile, Profiles
from reward_server.scoring import Scorer
from reward_server.settings import Settings
from reward_server.validation import Validator
from reward_server.wire import DEFAULT_DEADLINE_MS, InvalidItem, Status
from reward_server.wire_validation import RowReport, ValidationItem

BATCH_ROWS = 64
BATCH_CHARS = 4_000_000
ATTEMPTS = 3


@dataclass(frozen=True)
class ValidationJob:
    """`profile` is None where the check of each row is told from its shape."""

    source: Path
    mapping: Mapping[str, str]
    profile: str | None = None
    out: Path | None = None
    limit: int | None = None
    self_score: bool = True


def validate_file(job: ValidationJob, settings: Settings, console: Console) -> ValidationTally:
    """A report of every row in `job.out`, and their tally. Raises ConfigError, UnknownProfile."""
    return asyncio.run(_validate_file(job, settings, console))


async def _validate_file(job: ValidationJob, settings: Settings, console: Console) -> ValidationTally:
    profile = Profiles.load(settings.profiles_dir).get(job.profile) if job.profile else None
    require_file(job.source)
    tally = ValidationTally()
    with _reports(job) as out, _progress(console) as progress:
        bar = progress.add_task("validating", total=count_rows(job.source, job.limit), rate="", bad="")
        async with opened(settings) as executors:
            validator = Validator(Scorer(executors, settings), executors.pool, settings)
            progress.reset(bar)  # the rate is that of rows, without the start of workers
            for batch in _batches(job):
                for report in await _validated(validator, profile, batch, job.self_score):
                    numbered = report.model_copy(update={"index": tally.rows})
                    tally.add(numbered)
                    if out is not None:
                        out.write(numbered.model_dump_json().encode() + b"\n")
                speed = progress.tasks[bar].speed or 0
                progress.update(
                    bar, advance=len(batch), rate=f"{speed:,.0f} rows/s", bad=f"{tally.unjudged:,} unverifiable"
                )
        if tally.rows == 0:
            raise ConfigError(f"{job.source} has no rows to validate")
    return tally


async def _validated(
    validator: Validator, profile: Profile | None, rows: Sequence[ValidationItem | InvalidItem], self_score: bool
) -> list[RowReport]:
    """The reports of a batch; rows that met a fault of ours that may pass are tried again."""
    seconds = DEFAULT_DEADLINE_MS / 1000
    reports = await validator.validate(profile, rows, seconds, self_score=self_score)
    for _ in range(ATTEMPTS - 1):
        again = [place for place, report in enumerate(reports) if _may_pass(report)]
        if not again:
            break
        retried = await validator.validate(profile, [rows[place] for place in again], seconds, self_score=self_score)
        for place, report in zip(again, retried, strict=True):
            reports[place] = report
    return reports


def _may_pass(report: RowReport) -> bool:
    return report.status is Status.ERROR and report.reason is not None and report.reason.retryable


def _batches(job: ValidationJob) -> Iterator[list[ValidationItem | InvalidItem]]:
    """Rows that are validated together: few where they are large."""
    batch: list[ValidationItem | InvalidItem] = []
    chars = 0
    for row in itertools.islice(read_rows(job.source), job.limit):
        batch.append(to_validation_item(row, job.mapping))
        chars += sum(len(value) for value in row.values() if isinstance(value, str)) if isinstance(row, dict) else 0
        if len(batch) == BATCH_ROWS or chars >= BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


@contextlib.contextmanager
def _reports(job: ValidationJob) -> Iterator[IO[bytes] | None]:
    """The file of reports, under its name only when the run is over. Raises ConfigError."""
    if job.out is None:
        yield None
        return
    with under_its_name_when_whole(job.out, job.source) as partial, partial.open("wb") as file:
        yield file


def _progress(console: Console) -> Progress:
    columns: Iterable[TextColumn | BarColumn | MofNCompleteColumn | TimeElapsedColumn] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[bad]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)
