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
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Final, Self

from sandbox import frames, interpreter, preflight
from sandbox.config import Level, SandboxConfig
from sandbox.errors import InvalidProgramError, SandboxFloorError
from sandbox.pool import Pool
from sandbox.slot import Slot
from sandbox.types import ExecutionResult, Limits, Mode, Program, RunStatus

_OUTPUTS_PER_SIDE: Final = 3  # stdout, stderr, channel


class Sandbox:
    """A pool of slots. `open`, then `run` and `run_pair` from any number of threads, then `close`."""

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config or SandboxConfig()
        self.report: preflight.Report | None = None  # what the self-test found; None before `open`
        self._slots: list[Slot] = []
        self._pool = Pool()
        self._root: str | None = None
        self._isolation = Level.NONE

    def open(self) -> Self:
        """Start the zygotes and test the walls. Raises SandboxFloorError where they are too low."""
        try:
            self._start_slots()
            self.report = preflight.examine(self._run_on_first_slot, self._slots[0].facts, self._uids(0) is not None)
            self._isolation = self.report.level
            if self.report.level.rank < self.config.floor.rank and not self.config.allow_unsafe:
                raise SandboxFloorError(self.report.refusal(self.config.floor))
        except BaseException:
            self.close()
            raise
        for slot in self._slots:
            self._pool.give(slot)
        return self

    def _start_slots(self) -> None:
        separate = preflight.can_separate_uids()
        python = interpreter.choose(self.config.python, separate)
        self._root = tempfile.mkdtemp(prefix="assay-sandbox-", dir=self.config.work_root)
        for index in range(self.config.slots):
            slot = Slot(self.config, index, python, self._root, self._uids(index))
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
        """Run one program. Blocks until it and all it started are gone.

        `cancelled` ends the run early when it is set: SandboxCancelledError. Other SandboxErrors are faults of ours.
        """
        if program.mode is Mode.TESTS:
            raise InvalidProgramError("a tester needs a partner: use run_pair")
        return self._run([program], [limits or Limits()], cancelled)[0]

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
        request = _request(programs, limits)
        slot = self._pool.take(cancelled)
        try:
            return self._run_on(slot, request, limits, cancelled)
        finally:
            self._pool.give(slot)

    def _run_on_first_slot(self, program: Program, limits: Limits) -> ExecutionResult:
        """For the self-test, before the slots are in the pool."""
        return self._run_on(self._slots[0], _request([program], [limits]), [limits], None)[0]

    def _run_on(
        self, slot: Slot, request: bytes, limits: Sequence[Limits], cancelled: threading.Event | None
    ) -> list[ExecutionResult]:
        header, outputs = slot.exchange(request, max(one.wall_seconds for one in limits), cancelled)
        return [self._result(side, outputs[_OUTPUTS_PER_SIDE * n :]) for n, side in enumerate(header["sides"])]

    def _result(self, side: dict[str, Any], outputs: Sequence[bytes]) -> ExecutionResult:
        status = RunStatus(side.pop("status"))
        side.pop("files")
        stdout, stderr, channel = outputs[:_OUTPUTS_PER_SIDE]
        isolation = str(self._isolation)
        return ExecutionResult(status, stdout=stdout, stderr=stderr, channel=channel, isolation=isolation, **side)


def _request(programs: Sequence[Program], limits: Sequence[Limits]) -> bytes:
    sides = []
    blobs = []
    for program, limit in zip(programs, limits, strict=True):
        _check(program, limit)
        sides.append({"mode": program.mode, "limits": asdict(limit), "command": None})
        contents = list(program.files.values())
        source = program.source.encode("utf-8", "surrogatepass")
        header = {"names": list(program.files), "arguments": program.arguments}
        blobs += [frames.pack(header, [source, *contents]), program.stdin, program.channel]
    return frames.pack({"sides": sides}, blobs)


def _check(program: Program, limits: Limits) -> None:
    if program.language != "python":
        raise InvalidProgramError(f"expected language python, got {program.language!r}")
    for name in program.files:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise InvalidProgramError(f"expected a file name without a folder, got {name!r}")
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
