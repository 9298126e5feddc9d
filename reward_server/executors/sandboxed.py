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
from reward_server.settings import PREFIX, Settings
from sandbox import InvalidProgramError, Sandbox, SandboxConfig, SandboxError

log = logging.getLogger(__name__)

ATTEMPTS = 3


class SandboxedPrograms:
    """Where this host is below the floor it refuses every run and says why."""

    def __init__(self, sandbox: Sandbox | None, slots: int, refusal: str | None) -> None:
        self._sandbox = sandbox
        self._refusal = refusal
        self._trials: asyncio.Task[list[dict[str, Any]]] | None = None
        self._closing = False
        self._threads = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="sandbox")

    @classmethod
    async def open(cls, settings: Settings) -> SandboxedPrograms:
        """Starts the slots and tries the walls with real canaries."""
        sandbox = Sandbox(_config(settings))
        try:
            await asyncio.to_thread(sandbox.open)
        except SandboxError as error:
            log.error("programs will not be run here: %s", error)
            return cls(None, settings.sandbox_slots, f"{error} (SandboxConfig.x is the setting {PREFIX}SANDBOX_X)")
        programs = cls(sandbox, settings.sandbox_slots, None)
        if settings.sandbox_try_languages:
            programs._begin_trials(sandbox)
        return programs

    def refusal(self) -> str | None:
        return self._refusal

    def outage(self) -> str | None:
        return None

    def known_languages(self) -> list[dict[str, Any]] | None:
        if self._sandbox is None:
            return []
        if self._trials is None or not self._trials.done() or _failed(self._trials):
            return None
        return self._trials.result()

    async def languages(self) -> list[dict[str, Any]]:
        """Raises SandboxUnavailable where a fault of ours has kept a trial from its end; the next call tries again."""
        if self._sandbox is None:
            return []
        trials = self._trials
        if trials is None or _failed(trials):
            trials = self._begin_trials(self._sandbox)
        return await asyncio.shield(trials)

    def _begin_trials(self, sandbox: Sandbox) -> asyncio.Task[list[dict[str, Any]]]:
        self._trials = asyncio.create_task(asyncio.to_thread(_languages, sandbox))
        self._trials.add_done_callback(self._look_at)
        return self._trials

    def _look_at(self, trials: asyncio.Task[list[dict[str, Any]]]) -> None:
        """Whoever waits for them: a failure is said, unless they ended because the server does."""
        if _failed(trials) and not self._closing:
            log.error("%s", "the trials of languages were cancelled" if trials.cancelled() else trials.exception())

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
            await asyncio.gather(running, return_exceptions=True)
            raise

    async def close(self) -> None:
        self._closing = True
        if self._sandbox is not None:
            await asyncio.to_thread(self._sandbox.close)
        if self._trials is not None:
            await asyncio.gather(self._trials, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)


def _failed(trials: asyncio.Task[list[dict[str, Any]]]) -> bool:
    return trials.done() and (trials.cancelled() or trials.exception() is not None)


def _languages(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Raises SandboxUnavailable."""
    try:
        usable = sandbox.languages()
    except SandboxError as error:
        raise SandboxUnavailable(f"the languages of this host could not all be tried: {error}") from error
    return [{**asdict(one), "modes": [str(mode) for mode in one.modes]} for one in usable]


def _config(settings: Settings) -> SandboxConfig:
    python = settings.sandbox_python
    return SandboxConfig(
        slots=settings.sandbox_slots,
        python=None if python is None else str(python),
        languages=settings.sandbox_languages or None,
        cache_dir=None if settings.sandbox_cache_dir is None else str(settings.sandbox_cache_dir),
        cache_bytes=settings.sandbox_cache_bytes,
        toolchain_dir=None if settings.sandbox_toolchain_dir is None else str(settings.sandbox_toolchain_dir),
        namespaces=settings.sandbox_namespaces,
        runtime=settings.sandbox_runtime,
        runtime_flags=settings.sandbox_runtime_flags,
        cgroup=settings.sandbox_cgroup,
        cgroup_parent=None if settings.sandbox_cgroup_parent is None else str(settings.sandbox_cgroup_parent),
        base_uid=settings.sandbox_base_uid,
        floor=settings.sandbox_floor,
        allow_unsafe=settings.sandbox_allow_unsafe,
    )


def _run(sandbox: Sandbox, run: Run, cancelled: threading.Event) -> RunResult:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if run.compile_only:
                return RunResult(sandbox.compile(run.program, run.limits, cancelled=cancelled))
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
