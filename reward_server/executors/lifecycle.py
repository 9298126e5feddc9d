"""Opens the executors of one process and closes them again, whatever happened between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reward_server.executors.base import Executors
from reward_server.executors.fair import FairPrograms
from reward_server.executors.process_pool import KillablePool
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
        sandbox = await SandboxedPrograms.open(settings)
        try:
            yield Executors(pool=pool, sandbox=FairPrograms(sandbox, Turns(settings.sandbox_slots)))
        finally:
            await sandbox.close()
    finally:
        pool.close()
