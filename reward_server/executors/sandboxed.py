"""The sandbox of this process tree behind asyncio: the only caller of `sandbox`. One thread waits for each slot."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from reward_server.errors import InvalidProgram, SandboxRefused, SandboxUnavailable
from reward_server.programs import Run, RunResult
from reward_server.settings import Settings
from sandbox import InvalidProgramError, Sandbox, SandboxConfig, SandboxError

log = logging.getLogger(__name__)

ATTEMPTS = 3


class SandboxedPrograms:
    """Where this host is below the floor it refuses every run and says why."""

    def __init__(self, sandbox: Sandbox | None, slots: int, refusal: str | None) -> None:
        self._sandbox = sandbox
        self._refusal = refusal
        self._threads = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="sandbox")

    @classmethod
    async def open(cls, settings: Settings) -> SandboxedPrograms:
        """Starts the slots and tries the walls with real canaries."""
        sandbox = Sandbox(_config(settings))
        try:
            await asyncio.to_thread(sandbox.open)
        except SandboxError as error:
            log.error("programs will not be run here: %s", error)
            return cls(None, settings.sandbox_slots, str(error))
        return cls(sandbox, settings.sandbox_slots, None)

    def refusal(self) -> str | None:
        return self._refusal

    def outage(self) -> str | None:
        return None

    def languages(self) -> list[dict[str, Any]]:
        if self._sandbox is None or self._sandbox.report is None:
            return []
        version = self._sandbox.report.python_version
        modes = ["script", "calls", "tests"]
        return [{"name": "python", "version": version, "compiled": False, "modes": modes, "extensions": [".py"]}]

    def report(self) -> dict[str, Any]:
        if self._sandbox is None or self._sandbox.report is None:
            return {"available": False, "level": "none", "reason": self._refusal}
        return {"available": True, **asdict(self._sandbox.report)}

    async def execute(self, run: Run) -> RunResult:
        """Raises SandboxRefused, SandboxUnavailable, InvalidProgram. Cancelling ends a program that runs."""
        if self._sandbox is None:
            raise SandboxRefused(f"this server does not run programs: {self._refusal}")
        cancelled = threading.Event()
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, _run, self._sandbox, run, cancelled)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            cancelled.set()
            await asyncio.wait([running])
            raise

    async def close(self) -> None:
        if self._sandbox is not None:
            await asyncio.to_thread(self._sandbox.close)
        self._threads.shutdown(wait=False, cancel_futures=True)


def _config(settings: Settings) -> SandboxConfig:
    python = settings.sandbox_python
    return SandboxConfig(
        slots=settings.sandbox_slots,
        python=None if python is None else str(python),
        base_uid=settings.sandbox_base_uid,
        floor=settings.sandbox_floor,
        allow_unsafe=settings.sandbox_allow_unsafe,
    )


def _run(sandbox: Sandbox, run: Run, cancelled: threading.Event) -> RunResult:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if run.tester is None:
                return RunResult(sandbox.run(run.program, run.limits, cancelled=cancelled))
            return RunResult(*sandbox.run_pair(run.program, run.tester, run.limits, cancelled=cancelled))
        except InvalidProgramError as error:
            raise InvalidProgram(str(error)) from error
        except SandboxError as error:
            if not error.retryable or attempt == ATTEMPTS:
                raise SandboxUnavailable(f"the program could not be run: {error}") from error
            log.warning("a sandbox process was lost; the program is run again")
    raise AssertionError("the loop returns or raises")
