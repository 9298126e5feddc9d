"""Runs heavy pure functions where a hanging one can be killed: worker processes, no signals, no threads to lose.

Pebble keeps the pool: it kills the one worker whose task is over its time, starts another, and leaves the neighbours
alone. What is ours: memory limits, the translation of its faults, and asyncio in front of it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import CancelledError as FutureCancelled
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from reward_server.errors import TaskOutOfMemory, TaskTimedOut, WorkerLost

T = TypeVar("T")


class KillablePool:
    """A pool of worker processes. Open it inside the process that serves, never before a fork."""

    def __init__(self, *, workers: int, memory_bytes: int, tasks_per_worker: int) -> None:
        self.workers = workers
        self._pool = ProcessPool(
            max_workers=workers,
            max_tasks=tasks_per_worker,
            context=multiprocessing.get_context("forkserver"),
            initializer=_limit_worker,
            initargs=(memory_bytes,),
        )

    async def run(self, function: Callable[..., T], *args: Any, timeout_seconds: float) -> T:
        """What the function returns. Raises TaskTimedOut, TaskOutOfMemory, WorkerLost, or its own exception.

        The time counts from the moment a worker takes the task. Cancelling takes a waiting task out of the queue and
        kills the worker of a running one.
        """
        future = self._pool.schedule(function, args=args, timeout=timeout_seconds)
        try:
            result: T = await asyncio.wrap_future(future)
            return result
        except TimeoutError as error:
            raise TaskTimedOut(f"the check did not end within {timeout_seconds:g} s") from error
        except MemoryError as error:
            raise TaskOutOfMemory("the check needed more memory than a worker has") from error
        except (ProcessExpired, FutureCancelled) as error:
            raise WorkerLost("the worker process died while it judged the item") from error

    async def warm(self, function: Callable[[], Any]) -> None:
        """Run once in as many tasks as there are workers, so that the first request does not pay for imports."""
        await asyncio.gather(*(self.run(function, timeout_seconds=120.0) for _ in range(self.workers)))

    def close(self) -> None:
        """End at once; waiting tasks are cancelled."""
        self._pool.stop()
        self._pool.join()


def _limit_worker(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
