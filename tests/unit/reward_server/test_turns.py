"""Whose turn it is, by the order in which runs begin: no clock, no real programs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from reward_server.executors.fair import FairPrograms, Session
from reward_server.executors.turns import Turns
from reward_server.programs import Plan, Run, RunResult
from reward_server.rounds import judged
from sandbox.types import ExecutionResult, Limits, Program, RunStatus

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def run(name: str) -> Run:
    return Run(Program(name), Limits())


class Stage:
    """A machine on which a run ends when the test says so. `begun` and `ended` hold their names in order."""

    def __init__(self, isolations: tuple[str, ...] = ("uid",)) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._isolations = itertools.cycle(isolations)

    async def execute(self, run: Run) -> RunResult:
        name = run.program.source
        self.begun.append(name)
        end = self._ends.setdefault(name, asyncio.Event())
        isolation = next(self._isolations)
        try:
            await end.wait()
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        output = name.encode()
        return RunResult(ExecutionResult(RunStatus.EXITED, 0, None, output, b"", b"", 0.0, 0.0, 0, isolation))

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
        await settle()

    def refusal(self) -> str | None:
        return None

    def outage(self) -> str | None:
        return None

    def known_languages(self) -> list[dict[str, Any]] | None:
        return []

    async def languages(self) -> list[dict[str, Any]]:
        return []

    def report(self) -> dict[str, Any]:
        return {}


async def settle() -> None:
    """Let everything go on that can without a thread."""
    for _ in range(50):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Judges work in threads: wait for what must come, and then for what must not."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)
    await settle()


def start(session: Session, *names: str) -> list[asyncio.Task[RunResult]]:
    return [asyncio.create_task(session.run(run(name))) for name in names]


async def test_a_request_with_many_runs_waiting_does_not_delay_one_with_few() -> None:
    stage = Stage()
    programs = FairPrograms(stage, Turns(1))
    many, few, other = (programs.session() for _ in range(3))
    tasks = start(many, *(f"many-{n}" for n in range(6)))
    await settle()
    tasks += start(few, "few-0") + start(other, "other-0", "other-1")
    await settle()
    assert (programs.report()["busy"], programs.report()["waiting"]) == (1, 8)
    while len(stage.begun) < 9:
        await stage.end(stage.begun[-1])
    assert stage.begun[:6] == ["many-0", "many-1", "few-0", "other-0", "many-2", "other-1"]
    assert stage.begun[6:] == ["many-3", "many-4", "many-5"]
    await stage.end(stage.begun[-1])
    assert (await asyncio.gather(*tasks))[6].program.stdout == b"few-0"
    assert programs.report() == {"slots": 1, "busy": 0, "waiting": 0}


async def test_cancelled_runs_leave_the_queue_and_their_slots() -> None:
    stage = Stage()
    programs = FairPrograms(stage, Turns(2))
    tasks = start(programs.session(), "a", "b", "c", "d")
    last = start(programs.session(), "last")
    await settle()
    for task in tasks:
        task.cancel()
    await settle()
    assert stage.begun == ["a", "b", "last"]
    assert stage.cancelled == ["a", "b"]
    await stage.end("last")
    assert (await last[0]).program.stdout == b"last"
    assert programs.report() == {"slots": 2, "busy": 0, "waiting": 0}


async def test_a_turn_that_arrives_with_its_cancellation_is_passed_on() -> None:
    turns = Turns(1)
    await turns.take("first")
    second = asyncio.create_task(turns.take("second"))
    third = asyncio.create_task(turns.take("third"))
    await settle()
    turns.give()
    second.cancel()
    await asyncio.wait_for(third, 5)
    assert second.cancelled()
    assert (turns.busy, turns.waiting) == (1, 0)


async def test_more_slots_serve_those_who_wait() -> None:
    turns = Turns(1)
    await turns.take("first")
    waiting = [asyncio.create_task(turns.take(name)) for name in "abc"]
    await settle()
    turns.resize(3)
    await settle()
    assert [task.done() for task in waiting] == [True, True, False]
    waiting[-1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


class Reader:
    """A judge whose verdict is what was printed, with the isolation; settled by a run named in `settles`."""

    def __init__(self, *settles: str) -> None:
        self._settles = settles
        self.seen: list[str] = []

    def settled(self, plan: Plan, results: Any) -> bool:
        self.seen.append(results[-1].program.stdout.decode())
        return self.seen[-1] in self._settles

    def judge(self, plan: Plan, results: Any) -> Plan | list[tuple[str, str]]:
        return [(result.program.stdout.decode(), result.program.isolation) for result in results]


PLAN = Plan([run(name) for name in "abcd"])


async def test_runs_of_a_submission_use_idle_slots_and_are_judged_in_order() -> None:
    stage, reader = Stage(("uid", "base", "uid")), Reader()
    verdict = asyncio.create_task(judged(reader, PLAN, FairPrograms(stage, Turns(2)).session()))
    await until(lambda: stage.begun == ["a"])  # alone: it compiles
    await stage.end("a")
    await until(lambda: stage.begun == ["a", "b", "c"])
    await stage.end("c")
    assert reader.seen == ["a"], "c waits for b to be judged"
    await until(lambda: stage.begun == list("abcd"))
    await stage.end("b", "d")
    assert await verdict == [(name, "base") for name in "abcd"], "the weakest isolation holds for all"
    assert reader.seen == list("abcd")


async def test_runs_after_the_one_that_settles_are_ended_and_ignored() -> None:
    stage, reader = Stage(), Reader("b")
    programs = FairPrograms(stage, Turns(3))
    verdict = asyncio.create_task(judged(reader, PLAN, programs.session()))
    await until(lambda: stage.begun == ["a"])
    await stage.end("a")
    await until(lambda: stage.begun == list("abcd"))
    await stage.end("d", "b")
    assert await verdict == [("a", "uid"), ("b", "uid")]
    assert stage.cancelled == ["c"]
    assert programs.report()["busy"] == 0


async def test_a_submission_uses_one_slot_where_others_wait() -> None:
    stage, reader = Stage(), Reader()
    programs = FairPrograms(stage, Turns(2))
    verdict = asyncio.create_task(judged(reader, PLAN, programs.session()))
    await until(lambda: stage.begun == ["a"])
    others = start(programs.session(), "x", "y", "z")
    await until(lambda: stage.begun == ["a", "x"])
    for end, then in [("a", "y"), ("x", "z"), ("y", "b"), ("b", "c")]:
        await stage.end(end)
        await until(lambda then=then: stage.begun[-1] == then)  # type: ignore[misc]
    assert stage.begun == ["a", "x", "y", "z", "b", "c"]
    for task in (verdict, *others):
        task.cancel()
    await asyncio.gather(verdict, *others, return_exceptions=True)
