"""What scoring needs to have things run. Executors know no reward."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from reward_server.programs import Run, RunResult
from reward_server.questions import Question, Reply

T = TypeVar("T")


class TaskPool(Protocol):
    async def run(self, function: Callable[..., T], *args: Any, timeout_seconds: float) -> T: ...

    def outage(self) -> str | None:
        """Why no task is run for the moment; None where all is well."""
        ...


class ProgramSession(Protocol):
    """The programs of one request. Requests have their turns one after the other, so that none waits for all of a
    neighbour's.
    """

    def submission(self) -> AbstractAsyncContextManager[None]:
        """Held while one submission is planned, run and judged: a request has only a few of them in work at a time."""
        ...

    async def run(self, run: Run) -> RunResult:
        """Raises SandboxUnavailable, SandboxRefused, InvalidProgram. Cancelling ends a program that waits or runs."""
        ...

    def has_room(self) -> bool:
        """Whether one more run would start at once and nobody else waits for its slot."""
        ...


class ProgramRunner(Protocol):
    def session(self) -> ProgramSession: ...

    def refusal(self) -> str | None:
        """Why no program will be run here however often it is sent; None where programs are run."""
        ...

    def known_languages(self) -> list[dict[str, Any]] | None:
        """The fields of a `LanguageInfo` for each language that can be run now; None while they are being tried."""
        ...

    async def languages(self) -> list[dict[str, Any]]:
        """The same, when all were tried."""
        ...

    def report(self) -> dict[str, Any]:
        """For /readyz: what isolates programs, and the queue."""
        ...

    def outage(self) -> str | None:
        """Why no program can be run for the moment, though programs are configured; None where all is well."""
        ...


class ExternalJudge(Protocol):
    async def ask(self, question: Question, owner: object) -> Reply:
        """Owners, the requests, have their turns one after the other. Cancelling ends what waits or runs.

        Raises JudgeUnavailable, JudgeRefused, JudgeUnreadable.
        """
        ...

    def report(self) -> dict[str, Any]:
        """For /readyz: which model, the queue, and the last fault."""
        ...


@dataclass(frozen=True)
class Executors:
    """The means of one server process; opened and closed by its lifespan."""

    pool: TaskPool
    sandbox: ProgramRunner
    judge: ExternalJudge | None = None  # None: the settings name none
