"""What scoring needs to have things run. Executors know no reward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from reward_server.programs import Run, RunResult

T = TypeVar("T")


class TaskPool(Protocol):
    async def run(self, function: Callable[..., T], *args: Any, timeout_seconds: float) -> T: ...


class ProgramRunner(Protocol):
    async def run(self, run: Run) -> RunResult: ...

    def report(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Executors:
    """The means of one server process; opened and closed by its lifespan."""

    pool: TaskPool
    sandbox: ProgramRunner
