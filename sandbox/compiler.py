"""Compiling a program once: out of the cache, or in a run of its own behind the same walls as every program."""

from __future__ import annotations

import hashlib
import logging
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final

from sandbox import commands
from sandbox.command import Command
from sandbox.commands import Installed
from sandbox.errors import SandboxCrashedError
from sandbox.program_cache import Entry, ProgramCache
from sandbox.types import Compilation, ExecutionResult, Limits, Program, RunStatus

TEXT_BYTES: Final = 16 << 10
_REMEMBERED_FAILURES: Final = 512
_OUR_FAULT: Final = (126, 127)  # of a shell: what it was to execute is not there, or cannot be
_FROM_OUTSIDE: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # no compiler does it to itself
_BROKEN: Final = {
    RunStatus.CPU_LIMIT: "CPU time",
    RunStatus.WALL_LIMIT: "time",
    RunStatus.MEMORY_LIMIT: "memory",
    RunStatus.OUTPUT_LIMIT: "output",
    RunStatus.DISK_LIMIT: "disk space",
    RunStatus.PROCESS_LIMIT: "processes",
}
_log = logging.getLogger("sandbox")

RunCommand = Callable[
    [Program, Command | None, Limits, threading.Event | None], tuple[ExecutionResult, dict[str, bytes]]
]
"""Carries out one run behind the walls: its result and the files that it made. Raises SandboxError."""


@dataclass(frozen=True)
class Compiled:
    """What came of compiling: an entry of the cache, held while this is used, or the result to hand out instead."""

    compilation: Compilation
    entry: Entry | None = None
    failure: ExecutionResult | None = None


class Compiler:
    """Thread-safe. `spare`: where programs are kept when the cache cannot be written to."""

    def __init__(self, cache: ProgramCache, spare: Callable[[], ProgramCache], run: RunCommand) -> None:
        self._cache = cache
        self._spare = spare
        self._run = run
        self._lock = threading.Lock()
        self._failures: OrderedDict[tuple[str, float], ExecutionResult] = OrderedDict()

    @contextmanager
    def compiled(
        self, installed: Installed, program: Program, limits: Limits, cancelled: threading.Event | None
    ) -> Iterator[Compiled]:
        """Compile unless that was done before. Raises SandboxError for faults of ours; those are not remembered."""
        start = time.monotonic()
        key = _key(installed, program)
        with ExitStack() as held:
            found = self._found(key, limits, held, start)
            if found is None:
                with self._alone(key, cancelled):
                    found = self._found(key, limits, held, start)
                    if found is None:
                        found = self._compile(key, installed, program, limits, cancelled)
                        if found.failure is None:
                            found = replace(found, entry=self._entry(key, held))
            yield found

    def _alone(self, key: str, cancelled: threading.Event | None) -> ExitStack:
        """Wait for whoever compiles the same; then be the one who does, until the stack is closed."""
        with ExitStack() as stack:
            try:
                stack.enter_context(self._cache.alone(key, cancelled))
            except OSError as error:
                self._use_spare(error)
                stack.enter_context(self._cache.alone(key, cancelled))
            return stack.pop_all()

    def _found(self, key: str, limits: Limits, held: ExitStack, start: float) -> Compiled | None:
        entry = held.enter_context(self._cache.hold(key))
        if entry is not None:
            return Compiled(Compilation(True, True, time.monotonic() - start, ""), entry)
        with self._lock:
            failure = self._failures.get((key, limits.compile_seconds))
        if failure is None or failure.compilation is None:
            return None
        known = replace(failure.compilation, cached=True, seconds=time.monotonic() - start)
        return Compiled(known, failure=replace(failure, compilation=known, cpu_seconds=0.0, wall_seconds=0.0))

    def _entry(self, key: str, held: ExitStack) -> Entry:
        entry = held.enter_context(self._cache.hold(key))
        if entry is None:
            raise SandboxCrashedError("the compiled program vanished from the cache")
        return entry

    def _compile(
        self, key: str, installed: Installed, program: Program, limits: Limits, cancelled: threading.Event | None
    ) -> Compiled:
        command = commands.to_compile(installed, program, limits)
        parts = {name: content for name, content in program.files.items() if _is_part(installed, name)}
        own_limits = commands.compiler_limits(limits)
        result, files = self._run(Program(program.source, files=parts), command, own_limits, cancelled)
        verdict = judged(result, own_limits, made_something=bool(files))
        if verdict.failure is not None:
            self._remember((key, limits.compile_seconds), result, verdict.failure)
            return verdict
        self._store(key, files, installed.language.main_of(files))
        return verdict

    def _remember(self, key: tuple[str, float], result: ExecutionResult, failure: ExecutionResult) -> None:
        """A busy host can make a compiler late; everything else would happen again."""
        if result.status is RunStatus.WALL_LIMIT:
            return
        with self._lock:
            self._failures[key] = failure
            if len(self._failures) > _REMEMBERED_FAILURES:
                self._failures.popitem(last=False)

    def _store(self, key: str, files: Mapping[str, bytes], main: str) -> None:
        try:
            self._cache.store(key, files, main)
        except OSError as error:
            self._use_spare(error)
            try:
                self._cache.store(key, files, main)
            except OSError as again:
                raise SandboxCrashedError(f"a compiled program could not be kept: {again}") from again

    def _use_spare(self, why: OSError) -> None:
        _log.warning("compiled programs are kept for this sandbox alone: the cache cannot be used (%s)", why)
        try:
            self._cache = self._spare()
        except OSError as error:
            raise SandboxCrashedError(f"a compiled program cannot be kept: {error}") from error


def judged(result: ExecutionResult, limits: Limits, made_something: bool = True) -> Compiled:
    """What the run of a compiler says about the program: not compiled, whatever ended the compiler."""
    said = (result.stderr + result.stdout)[:TEXT_BYTES].decode("utf-8", "replace")
    if result.exit_code in _OUR_FAULT:
        raise SandboxCrashedError(f"the compiler could not be started, or could not work: {said[:500]}")
    if result.signal in _FROM_OUTSIDE:
        raise SandboxCrashedError(f"the compiler was ended from outside, by signal {result.signal}")
    if result.status is RunStatus.EXITED and result.exit_code == 0 and made_something:
        return Compiled(Compilation(True, False, result.wall_seconds, said))
    text = "\n".join(part for part in (_why(result, limits, made_something), said.strip()) if part)
    compilation = Compilation(False, False, result.wall_seconds, text[:TEXT_BYTES])
    failure = replace(
        result,
        status=RunStatus.NOT_COMPILED,
        exit_code=None,
        signal=None,
        stdout=b"",
        stderr=b"",
        compilation=compilation,
    )
    return Compiled(compilation, failure=failure)


def _why(result: ExecutionResult, limits: Limits, made_something: bool) -> str:
    if result.status in _BROKEN:
        allowed = {
            RunStatus.CPU_LIMIT: f": {limits.cpu_seconds:g} s",
            RunStatus.WALL_LIMIT: f": {limits.wall_seconds:g} s",
            RunStatus.MEMORY_LIMIT: f": {limits.memory_bytes >> 20} MiB",
        }.get(result.status, "")
        return f"the compiler needed more {_BROKEN[result.status]} than is allowed{allowed}"
    if result.status is RunStatus.SIGNALED:
        return f"the compiler was ended by signal {result.signal}"
    if result.status is not RunStatus.EXITED:
        return f"the compiler was ended: {result.status}"
    if b"File size limit exceeded" in result.stderr:
        return f"the compiler needed larger files than are allowed: {limits.file_bytes >> 20} MiB"
    return "" if result.exit_code or made_something else "the compiler made no program"


def _is_part(installed: Installed, name: str) -> bool:
    return name.lower().endswith(installed.language.part_suffixes)


def _key(installed: Installed, program: Program) -> str:
    """Names a compilation by all that goes into it."""
    digest = hashlib.sha256(installed.fingerprint.encode())
    parts = {name: content for name, content in program.files.items() if _is_part(installed, name)}
    source = program.source.encode("utf-8", "surrogatepass")
    for name, content in [("", source), *sorted(parts.items())]:
        digest.update(f"{len(name)} {len(content)} {name}".encode("utf-8", "surrogatepass"))
        digest.update(content)
    return digest.hexdigest()
