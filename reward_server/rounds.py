"""A judge's plan run to its verdict, round by round. The only loop over programs, whoever asked for them.

Plans are made and judged in threads, since what a program wrote can be long. One that wrote little is looked at in
place: handing it to a thread costs more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from reward_server.executors.base import ProgramSession
from reward_server.programs import Judge, Plan, RunResult
from sandbox.config import Level

V = TypeVar("V")

LITTLE_BYTES = 4096


async def judged(judge: Judge[V], step: Plan | V, session: ProgramSession) -> V:
    """The verdict. Cancelling ends what still runs. Raises what the session and the judge raise."""
    isolation: set[str] = set()
    while isinstance(step, Plan):
        results = await _results(judge, step, session)
        isolation.update(result.program.isolation for result in results)
        step = await asyncio.to_thread(judge.judge, step, _at_the_weakest(results, isolation))
    return step


async def _results(judge: Judge[V], plan: Plan, session: ProgramSession) -> list[RunResult]:
    """In the order of the runs, up to the one that settled the verdict.

    The first run is alone: it compiles what has to be compiled, and often settles. Then the runs go side by side,
    but only into slots that nobody else wants: an item with many tests cannot hold all slots against its neighbours.
    """
    left = deque(plan.runs)
    started: deque[asyncio.Task[RunResult]] = deque()
    results: list[RunResult] = []
    try:
        while left or started:
            while left and (not started or (results and session.has_room())):
                started.append(asyncio.create_task(session.run(left.popleft())))
                await asyncio.sleep(0)  # it takes its slot
            if not started[0].done():  # the others that are done wait to be judged
                running = [task for task in started if not task.done()]
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            while started and started[0].done():
                results.append(started.popleft().result())
                if await _settled(judge, plan, results):
                    return results
        return results
    finally:
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)


async def _settled(judge: Judge[V], plan: Plan, results: Sequence[RunResult]) -> bool:
    if _wrote_little(plan, results):
        return judge.settled(plan, results)
    return await asyncio.to_thread(judge.settled, plan, results)


def _wrote_little(plan: Plan, results: Sequence[RunResult]) -> bool:
    """Also what it read is a measure: what is expected of it, and held against what it wrote, is often as long."""
    last, asked = results[-1], plan.runs[len(results) - 1].program
    sides = [side for side in (last.program, last.tester) if side is not None]
    wrote = sum(len(side.stdout) + len(side.channel) for side in sides)
    return wrote + len(asked.stdin) + len(asked.channel) <= LITTLE_BYTES


def _at_the_weakest(results: Sequence[RunResult], isolation: set[str]) -> list[RunResult]:
    """Every result with the weakest level under which any run of the submission stood."""
    if len(isolation) < 2:
        return list(results)
    weakest = min(isolation, key=lambda level: Level(level).rank)
    return [replace(result, program=replace(result.program, isolation=weakest)) for result in results]
