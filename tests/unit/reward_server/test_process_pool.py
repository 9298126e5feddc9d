"""The pool on its own: what hangs, dies or eats memory costs itself alone."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from reward_server.errors import GroundTruthInvalid, TaskOutOfMemory, TaskTimedOut, WorkerLost
from reward_server.executors.process_pool import KillablePool


@asynccontextmanager
async def pool(workers: int = 2) -> AsyncIterator[KillablePool]:
    opened = KillablePool(workers=workers, memory_bytes=1 << 30, tasks_per_worker=100)
    try:
        await opened.ready()
        yield opened
    finally:
        opened.close()


def hang_uninterruptibly(seconds: float) -> str:
    """As a hanging regular expression or big-integer power does: no signal handler of Python ever runs."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGALRM})
    time.sleep(seconds)
    return "survived"


def eat_memory() -> int:
    return len(bytearray(4 << 30))


def refuse() -> None:
    raise GroundTruthInvalid("expected a gold", errors=[{"a": 1}])


def slowly(value: int) -> int:
    time.sleep(0.3)
    return value


def test_a_hanging_task_is_killed_at_its_deadline_and_its_neighbours_live() -> None:
    async def scenario() -> None:
        async with pool() as p:
            hanging = asyncio.create_task(p.run(hang_uninterruptibly, 60.0, timeout_seconds=0.5))
            neighbours = [p.run(slowly, n, timeout_seconds=60.0) for n in range(8)]
            assert await asyncio.gather(*neighbours) == list(range(8))
            with pytest.raises(TaskTimedOut):
                await asyncio.wait_for(hanging, 30)
            assert await p.run(slowly, 9, timeout_seconds=60.0) == 9

    asyncio.run(scenario())


def spin(seconds: float) -> str:
    """Busy on the processor that the neighbours below are busy on."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        pass
    return "done"


def test_waiting_for_a_processor_is_not_counted_and_sleeping_is() -> None:
    async def scenario() -> None:
        async with pool(workers=6) as p:
            # All have loaded this file then.
            await asyncio.gather(*(p.run(slowly, n, timeout_seconds=60.0) for n in range(6)))
            crowd = [p.run(spin, 0.4, timeout_seconds=1.2) for _ in range(5)]
            late = p.run(hang_uninterruptibly, 60.0, timeout_seconds=1.2)
            *results, timed_out = await asyncio.gather(*crowd, late, return_exceptions=True)
            assert results == ["done"] * 5
            assert isinstance(timed_out, TaskTimedOut)

    asyncio.run(scenario())


def test_a_worker_killed_by_hand_costs_only_the_task_it_had() -> None:
    async def scenario() -> None:
        async with pool(workers=1) as p:
            victim = await p.run(os.getpid, timeout_seconds=60.0)
            tasks = [asyncio.create_task(p.run(hang_uninterruptibly, 60.0, timeout_seconds=60.0))]
            tasks += [asyncio.create_task(p.run(slowly, n, timeout_seconds=60.0)) for n in range(1, 4)]
            await asyncio.sleep(0.1)
            os.kill(victim, signal.SIGKILL)
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(results[0], WorkerLost)
            assert results[1:] == [1, 2, 3]

    asyncio.run(scenario())


def test_memory_has_a_limit() -> None:
    async def scenario() -> None:
        async with pool(workers=1) as p:
            with pytest.raises(TaskOutOfMemory):
                await p.run(eat_memory, timeout_seconds=60.0)

    asyncio.run(scenario())


def test_a_refusal_crosses_the_process_border_whole() -> None:
    async def scenario() -> None:
        async with pool(workers=1) as p:
            with pytest.raises(GroundTruthInvalid) as caught:
                await p.run(refuse, timeout_seconds=60.0)
            assert (caught.value.detail, caught.value.errors) == ("expected a gold", [{"a": 1}])

    asyncio.run(scenario())


def test_cancelling_frees_the_worker_at_once() -> None:
    async def scenario() -> None:
        async with pool(workers=1) as p:
            hanging = asyncio.create_task(p.run(hang_uninterruptibly, 60.0, timeout_seconds=60.0))
            await asyncio.sleep(0.2)
            hanging.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hanging
            assert await p.run(slowly, 1, timeout_seconds=60.0) == 1

    asyncio.run(scenario())
