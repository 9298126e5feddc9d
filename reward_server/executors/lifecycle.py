"""Opens the executors of one process and closes them again, whatever happened between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reward_server.executors.base import Executors
from reward_server.executors.fair import FairPrograms
from reward_server.executors.judge_endpoint import JudgeEndpoint
from reward_server.executors.process_pool import KillablePool
from reward_server.executors.remote import RemotePrograms
from reward_server.executors.sandboxed import SandboxedPrograms
from reward_server.executors.turns import Turns
from reward_server.settings import Settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Executors]:
    pool = KillablePool(
        workers=settings.check_workers,
        memory_bytes=settings.check_memory_bytes,
        tasks_per_worker=settings.check_worker_tasks,
    )
    try:
        await pool.ready()
        async with _programs(settings) as programs, _judge(settings) as judge:
            yield Executors(pool=pool, sandbox=programs, judge=judge)
    finally:
        pool.close()


@asynccontextmanager
async def _programs(settings: Settings) -> AsyncIterator[FairPrograms]:
    turns = Turns(settings.sandbox_slots)
    machine: SandboxedPrograms | RemotePrograms
    if settings.code_workers:
        machine = await RemotePrograms.open(settings, turns)
    else:
        machine = await SandboxedPrograms.open(settings)
    try:
        yield FairPrograms(machine, turns)
    finally:
        await machine.close()


@asynccontextmanager
async def _judge(settings: Settings) -> AsyncIterator[JudgeEndpoint | None]:
    if settings.judge_url is None:
        yield None
        return
    judge = JudgeEndpoint(settings)
    try:
        yield judge
    finally:
        await judge.close()
