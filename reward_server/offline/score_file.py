"""Scores a file with the engine of the server, without HTTP. Memory does not grow with the file."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from reward_server.errors import ConfigError
from reward_server.executors.lifecycle import opened
from reward_server.offline.groups import Batch, batches, require_whole_groups
from reward_server.offline.mapping import to_item
from reward_server.offline.output import ResultFile, open_results, read_results
from reward_server.offline.rows import count_rows, read_rows, require_file
from reward_server.offline.tally import Tally
from reward_server.profiles import Profile, Profiles
from reward_server.scoring import Scorer
from reward_server.settings import Settings
from reward_server.version import VERSION
from reward_server.wire import DEFAULT_DEADLINE_MS, InvalidItem, ScoreItem, ScoreResult, Status

log = logging.getLogger(__name__)

FINGERPRINT_BYTES = 1 << 20
ATTEMPTS = 3


@dataclass(frozen=True)
class Job:
    source: Path
    out: Path
    profile: str
    mapping: Mapping[str, str]
    overwrite: bool = False
    limit: int | None = None


def score_file(job: Job, settings: Settings, console: Console) -> Tally:
    """Score every row, resume where a killed run stopped, and return the tally over the whole result file."""
    return asyncio.run(_score_file(job, settings, console))


async def _score_file(job: Job, settings: Settings, console: Console) -> Tally:
    profile = Profiles.load(settings.profiles_dir).get(job.profile)
    require_file(job.source)
    _refuse_same_file(job)
    if profile.needs_group:
        require_whole_groups(_items(job))
    with open_results(job.out, _meta(job, profile), overwrite=job.overwrite) as results, _progress(console) as progress:
        tally = Tally.of(read_results(job.out))
        bar = progress.add_task(
            "scoring", total=count_rows(job.source, job.limit), completed=results.done, rate="", mean=""
        )
        if results.done:
            console.print(f"resuming behind {results.done:,} rows that are in {job.out}")
        waiting = batches(_items(job), results.done, together=profile.needs_group)
        async with opened(settings) as executors:
            scorer = Scorer(executors, settings)
            async for result in _in_order(scorer, profile, waiting, window=64 * settings.check_workers):
                _take(result, results, tally, progress, bar)
    return tally


def _take(result: ScoreResult, results: ResultFile, tally: Tally, progress: Progress, bar: TaskID) -> None:
    numbered = result.model_copy(update={"index": tally.rows})
    results.write(numbered)
    tally.add(numbered)
    task = progress.tasks[bar]
    progress.update(bar, advance=1, rate=f"{task.speed or 0:,.0f}/s", mean=f"mean {tally.mean:.4f}")


async def _in_order(
    scorer: Scorer, profile: Profile, batches: Iterator[Batch], window: int
) -> AsyncIterator[ScoreResult]:
    """Results in the order of the items, at most `window` batches of them under way."""
    under_way: list[asyncio.Task[list[ScoreResult]]] = []
    try:
        for batch in batches:
            under_way.append(asyncio.create_task(_score_batch(scorer, profile, batch)))
            if len(under_way) >= window:
                for result in await under_way.pop(0):
                    yield result
        while under_way:
            for result in await under_way.pop(0):
                yield result
    finally:
        for task in under_way:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*under_way, return_exceptions=True)


async def _score_batch(scorer: Scorer, profile: Profile, batch: Batch) -> list[ScoreResult]:
    for attempt in range(1, ATTEMPTS + 1):
        results = await scorer.score(profile, batch.items, DEFAULT_DEADLINE_MS / 1000)
        if attempt == ATTEMPTS or not any(_worth_another_try(result) for result in results):
            break
    return results[batch.done :]


def _worth_another_try(result: ScoreResult) -> bool:
    return result.status is Status.ERROR and result.error is not None and result.error.retryable


def _items(job: Job) -> Iterator[ScoreItem | InvalidItem]:
    return (to_item(row, job.mapping) for row in itertools.islice(read_rows(job.source), job.limit))


def _refuse_same_file(job: Job) -> None:
    if job.out.resolve() == job.source.resolve():
        raise ConfigError(f"--in and --out are the same file, {job.source}: name another --out")


def _meta(job: Job, profile: Profile) -> dict[str, object]:
    """What the results are made from. A changed file is known by its size, its time of change, or its two ends."""
    stat = job.source.stat()
    with job.source.open("rb") as file:
        ends = hashlib.sha256(file.read(FINGERPRINT_BYTES))
        file.seek(max(0, stat.st_size - FINGERPRINT_BYTES))
        ends.update(file.read(FINGERPRINT_BYTES))
    return {
        "source": job.source.name,
        "source_bytes": stat.st_size,
        "source_changed_ns": stat.st_mtime_ns,
        "source_ends_sha256": ends.hexdigest(),
        "mapping": dict(job.mapping),
        "profile": job.profile,
        "profile_hash": profile.hash,
        "version": VERSION,
    }


def _progress(console: Console) -> Progress:
    columns: Iterable[TextColumn | BarColumn | MofNCompleteColumn | TimeElapsedColumn] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[mean]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)
