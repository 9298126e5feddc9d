"""Running programs: the pool of slots, and the way of a run from its values to its result.

Processes. The server never forks itself. For each slot it starts a keeper (keeper.py), which forks the supervisor
(supervisor.py), which forks the zygote (zygote.py). For a run the server sends the supervisor one end of a new socket
with the request in it. The supervisor has the zygote fork the program, or the solution and its tester (launch.py), as
children of the supervisor, and only then hands them their source. The zygote sees nothing of any program.

Waiting. The calling thread waits on the socket. The supervisor waits for pipes, for the ends of processes (pidfd) and
for its next look at the trees (watch.py). Nothing waits on SIGCHLD or on the end of a stream alone.

Ends. A run ends when its program ends, when a limit breaks, or when the caller cancels or dies: that closes the
socket. Then the supervisor kills its whole tree, collects it to the last process, removes the folders, and only then
answers. If a supervisor dies, the keeper cleans up after it; if a keeper dies, its supervisor ends the run; both times
the caller gets a SandboxCrashedError and the slot new processes. A verdict never comes from a fault of ours.

Not defended. The kernel is shared: who breaks it, breaks out. Memory is measured every few milliseconds, so a tree can
exceed its limit for as long. Programs can see that files outside exist (stat), and what time it is, and can time their
neighbours through the shared caches. The full list is in docs/sandbox.md.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any, Final, Self

from sandbox import frames, interpreter, preflight
from sandbox.builder import Builder, Ready
from sandbox.command import Command
from sandbox.config import Level, SandboxConfig
from sandbox.errors import InvalidProgramError, SandboxClosedError, SandboxFloorError
from sandbox.pool import Pool
from sandbox.slot import Slot
from sandbox.types import ExecutionResult, LanguageStatus, Limits, Mode, Program, RunStatus

_OUTPUTS_PER_SIDE: Final = 3  # stdout, stderr, channel
_MOST_NAME_BYTES: Final = 255  # NAME_MAX of every file system that holds work folders


class Sandbox:
    """A pool of slots. `open`, then `run` and `run_pair` from any number of threads, then `close`."""

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config or SandboxConfig()
        self.report: preflight.Report | None = None  # what the self-test found; None before `open`
        self._slots: list[Slot] = []
        self._pool = Pool()
        self._root: str | None = None
        self._isolation = Level.NONE
        self._builder: Builder | None = None

    def open(self) -> Self:
        """Start the zygotes and test the walls. Raises SandboxFloorError where they are too low."""
        try:
            self._start_slots()
            self.report = preflight.examine(self._run_on_first_slot, self._slots[0].facts, self._uids(0) is not None)
            self._isolation = self.report.level
            floor = self._floor()
            if self.report.level.rank < floor.rank and not self.config.allow_unsafe:
                raise SandboxFloorError(self.report.refusal(floor))
        except BaseException:
            self.close()
            raise
        for slot in self._slots:
            self._pool.give(slot)
        if self.config.try_languages_at_open:
            self._live_builder().begin_trials()
        return self

    def _floor(self) -> Level:
        """What was asked for by name is a floor too."""
        if self.config.runtime is not None:
            return Level.GVISOR
        return Level.NAMESPACES if self.config.namespaces else self.config.floor

    def _start_slots(self) -> None:
        separate = preflight.can_separate_uids()
        python = interpreter.choose(self.config.python, separate)
        self._root = tempfile.mkdtemp(prefix="assay-sandbox-", dir=self.config.work_root)
        self._builder = Builder(self.config, separate, self._root, lambda: str(self._isolation), self._run_command)
        cache_folders = self._builder.folders() if self.config.runtime else ()
        for index in range(self.config.slots):
            slot = Slot(self.config, index, python, self._root, self._uids(index), cache_folders)
            self._slots.append(slot)
            slot.start()
        for slot in self._slots:
            slot.ready()

    def _uids(self, index: int) -> tuple[int, int] | None:
        if not preflight.can_separate_uids():
            return None
        first = self.config.base_uid + 2 * index
        return first, first + 1

    def close(self) -> None:
        """End everything that still runs; waiting callers get SandboxClosedError."""
        self._pool.close()
        for slot in self._slots:
            slot.close()
        if self._builder is not None:
            self._builder.close()
        for slot in self._slots:
            slot.drop()
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(
        self, program: Program, limits: Limits | None = None, cancelled: threading.Event | None = None
    ) -> ExecutionResult:
        """Run one program, compiling it first where its language asks for that. Blocks until all it started is gone.

        `cancelled` ends the run early when it is set: SandboxCancelledError. Other SandboxErrors are faults of ours.
        """
        if program.mode is Mode.TESTS:
            raise InvalidProgramError("a tester needs a partner: use run_pair")
        return self._run([program], [limits or Limits()], cancelled)[0]

    def compile(
        self, program: Program, limits: Limits | None = None, cancelled: threading.Event | None = None
    ) -> ExecutionResult:
        """Only compile a program, or parse it where its language has no compiler: EXITED with 0, or NOT_COMPILED.

        Raises what `run` raises.
        """
        _check(program, limits or Limits())
        result = self._live_builder().compile(program, limits or Limits(), cancelled)
        return replace(result, isolation=str(self._isolation))

    def languages(self) -> tuple[LanguageStatus, ...]:
        """The languages that programs can be in here. Waits until each has passed its trial or failed it.

        Raises SandboxError where a fault of ours has kept a trial from its end.
        """
        return tuple(status for status in self.language_statuses() if status.missing is None)

    def language_statuses(self) -> tuple[LanguageStatus, ...]:
        """Every language there is, with the reason where one cannot be used here. Waits and raises as `languages`."""
        statuses = self._live_builder().statuses()
        python = self.report.python_version if self.report else ""  # known of the slots, not of a tool chain
        return tuple(replace(one, version=python) if one.name == "python" else one for one in statuses)

    def run_pair(
        self,
        program: Program,
        tester: Program,
        limits: Limits | None = None,
        tester_limits: Limits | None = None,
        cancelled: threading.Event | None = None,
    ) -> tuple[ExecutionResult, ExecutionResult]:
        """Run a solution (mode CALLS) and the test code that calls it (mode TESTS), each behind its own walls.

        The run is over when the tester has ended, or when either has broken a limit. Only the tester has a report.
        """
        if (program.mode, tester.mode) != (Mode.CALLS, Mode.TESTS):
            raise InvalidProgramError(f"expected modes calls and tests, got {program.mode} and {tester.mode}")
        own = limits or Limits()
        solution, tests = self._run([program, tester], [own, tester_limits or own], cancelled)
        return solution, tests

    def _run(
        self, programs: Sequence[Program], limits: Sequence[Limits], cancelled: threading.Event | None
    ) -> list[ExecutionResult]:
        for program, limit in zip(programs, limits, strict=True):
            _check(program, limit)
        builder = self._live_builder()
        with ExitStack() as held:
            ready = [
                held.enter_context(builder.ready(program, limit, cancelled))
                for program, limit in zip(programs, limits, strict=True)
            ]
            for one in ready:
                if one.failure is not None:
                    return [replace(one.failure, isolation=str(self._isolation))] * len(ready)
            done = self._run_ready(ready, cancelled)
        return [one.finished(result) for one, (result, _) in zip(ready, done, strict=True)]

    def _run_command(
        self, program: Program, command: Command | None, limits: Limits, cancelled: threading.Event | None
    ) -> tuple[ExecutionResult, dict[str, bytes]]:
        """For the builder: runs of compilers, and trials."""
        return self._run_ready([Ready(program, limits, command)], cancelled)[0]

    def _run_ready(
        self, programs: Sequence[Ready], cancelled: threading.Event | None
    ) -> list[tuple[ExecutionResult, dict[str, bytes]]]:
        slot = self._pool.take(cancelled)
        try:
            return self._run_on(slot, programs, cancelled)
        finally:
            self._pool.give(slot)

    def _live_builder(self) -> Builder:
        if self._builder is None:
            raise SandboxClosedError("the sandbox is not open")
        return self._builder

    def _run_on_first_slot(self, program: Program, limits: Limits) -> ExecutionResult:
        """For the self-test, before the slots are in the pool."""
        return self._run_on(self._slots[0], [Ready(program, limits)], None)[0][0]

    def _run_on(
        self, slot: Slot, programs: Sequence[Ready], cancelled: threading.Event | None
    ) -> list[tuple[ExecutionResult, dict[str, bytes]]]:
        longest_seconds = max(one.limits.wall_seconds for one in programs)
        header, blobs = slot.exchange(_request(programs), longest_seconds, cancelled)
        outputs = iter(blobs)
        return [self._result(side, outputs) for side in header["sides"]]

    def _result(self, side: dict[str, Any], outputs: Iterator[bytes]) -> tuple[ExecutionResult, dict[str, bytes]]:
        """What came of one side, and the files it made. `outputs` continue with those of the next side."""
        status = RunStatus(side.pop("status"))
        names = side.pop("files")
        stdout, stderr, channel = (next(outputs) for _ in range(_OUTPUTS_PER_SIDE))
        files = {name: next(outputs) for name in names}
        isolation = str(self._isolation)
        result = ExecutionResult(status, stdout=stdout, stderr=stderr, channel=channel, isolation=isolation, **side)
        return result, files


def _request(programs: Sequence[Ready]) -> bytes:
    sides = []
    blobs = []
    for ready in programs:
        program = ready.program
        command = asdict(ready.command) if ready.command is not None else None
        sides.append({"mode": program.mode, "limits": asdict(ready.limits), "command": command})
        contents = list(program.files.values())
        source = program.source.encode("utf-8", "surrogatepass")
        header = {"names": list(program.files), "arguments": program.arguments}
        blobs += [frames.pack(header, [source, *contents]), program.stdin, program.channel]
    return frames.pack({"sides": sides}, blobs)


def _check(program: Program, limits: Limits) -> None:
    for name in program.files:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise InvalidProgramError(f"expected a file name without a folder, got {name!r}")
        if len(name.encode("utf-8", "surrogatepass")) > _MOST_NAME_BYTES:
            raise InvalidProgramError(f"expected a file name of at most {_MOST_NAME_BYTES} bytes, got {name!r:.80}")
    for name, value in asdict(limits).items():
        if not value > 0:
            raise InvalidProgramError(f"limit {name} must be above zero, not {value}")


_default: Sandbox | None = None
_default_lock = threading.Lock()


def default_sandbox() -> Sandbox:
    """One sandbox for the whole process with the default configuration, opened at first use, closed at exit."""
    global _default
    with _default_lock:
        if _default is None:
            _default = Sandbox().open()
            atexit.register(_default.close)
        return _default


def run(program: Program, limits: Limits | None = None) -> ExecutionResult:
    """`Sandbox.run` in the default sandbox."""
    return default_sandbox().run(program, limits)


def run_pair(
    program: Program, tester: Program, limits: Limits | None = None, tester_limits: Limits | None = None
) -> tuple[ExecutionResult, ExecutionResult]:
    """`Sandbox.run_pair` in the default sandbox."""
    return default_sandbox().run_pair(program, tester, limits, tester_limits)
