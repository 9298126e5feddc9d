"""Programs for many requests at a time: each run waits for its turn, and then runs wherever programs run here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from reward_server.executors.turns import Turns
from reward_server.programs import Run, RunResult

SUBMISSIONS_PER_SLOT = 2  # of one request: while one runs, the next is planned


class Machine(Protocol):
    """Where programs run: the embedded sandbox, or the code workers."""

    async def execute(self, run: Run) -> RunResult:
        """Ends, also when cancelled, only after the run has: then its slot is free."""
        ...

    def refusal(self) -> str | None: ...

    def outage(self) -> str | None: ...

    def known_languages(self) -> list[dict[str, Any]] | None: ...

    async def languages(self) -> list[dict[str, Any]]: ...

    def report(self) -> dict[str, Any]: ...


class FairPrograms:
    def __init__(self, machine: Machine, turns: Turns) -> None:
        self._machine = machine
        self._turns = turns

    def session(self) -> Session:
        return Session(self._machine, self._turns)

    def refusal(self) -> str | None:
        return self._machine.refusal()

    def outage(self) -> str | None:
        return self._machine.outage()

    def known_languages(self) -> list[dict[str, Any]] | None:
        return self._machine.known_languages()

    async def languages(self) -> list[dict[str, Any]]:
        return await self._machine.languages()

    def report(self) -> dict[str, Any]:
        queue = {"slots": self._turns.slots, "busy": self._turns.busy, "waiting": self._turns.waiting}
        return {**self._machine.report(), **queue}


class Session:
    """One request, the owner of its turns."""

    def __init__(self, machine: Machine, turns: Turns) -> None:
        self._machine = machine
        self._turns = turns
        self._submissions = asyncio.Semaphore(SUBMISSIONS_PER_SLOT * max(1, turns.slots))

    @asynccontextmanager
    async def submission(self) -> AsyncIterator[None]:
        async with self._submissions:
            yield

    def has_room(self) -> bool:
        return self._turns.has_room()

    async def run(self, run: Run) -> RunResult:
        await self._turns.take(self)
        try:
            return await self._machine.execute(run)
        finally:
            self._turns.give()
