"""One of the one or two programs of a run, as the supervisor sees it: its process, its pipes, what it used, its end."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox import folder, frames, launch, tree
from sandbox.command import Command
from sandbox.layers.cgroup import Group
from sandbox.pipes import Drain, Feed
from sandbox.types import Limits, Mode, RunStatus
from sandbox.zygote import Zygote

_SETUP_SECONDS: Final = 10.0
_EXEC_MARGIN_BYTES: Final = 6 << 20  # what a process grows by between telling its size and executing its command
_OUTPUTS: Final = ("stdout", "stderr", "channel")
_BY_SIGNAL: Final[dict[int, RunStatus]] = {
    signal.SIGSYS: RunStatus.SECURITY_VIOLATION,
    signal.SIGXCPU: RunStatus.CPU_LIMIT,
    signal.SIGXFSZ: RunStatus.DISK_LIMIT,
}


class SetupFault(Exception):
    """A program could not be started, by no fault of its own. Becomes a SandboxCrashedError in the server."""


@dataclass
class Side:
    index: int
    mode: Mode
    limits: Limits
    folder: str
    uid: int | None  # its own user, None for ours
    command: Command | None = None  # what is executed; None: Python, without an exec
    pid: int = 0
    pidfd: int = -1
    setup_fd: int = -1
    feeds: list[Feed] = field(default_factory=list)
    drains: dict[str, Drain] = field(default_factory=dict)
    started_at: float = 0.0
    ended_at: float = 0.0
    wait_status: int | None = None  # None while the program's first process lives
    broken: RunStatus | None = None  # the first limit it broke
    stopped: bool = False  # it was still alive when we ended the run
    reaped_cpu_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    input_fds: dict[str, int] = field(default_factory=dict)
    inherited_memory_bytes: int = 0  # the peak of the process before it executed its command: not the program's doing
    files: dict[str, bytes] = field(default_factory=dict)  # what it left in Command.outputs
    group: Group | None = None  # its control group
    shared_bytes: int = 0  # that each fork has in common with its parent, where /proc does not tell it

    def start(self, zygote: Zygote, channel: tuple[int, int] | None) -> None:
        """Have the process forked. `channel`: the pipe ends to its partner, None for pipes to us. Raises SetupFault."""
        compiles = self.command is not None and self.command.outputs is not None
        stdin = _nothing_to_read() if compiles else self._input("stdin")
        theirs = [stdin, self._output("stdout"), self._output("stderr")]
        if channel is not None:
            theirs += channel
        elif self.mode is not Mode.SCRIPT:
            theirs += [self._input("channel"), self._output("channel")]
        if self.mode is Mode.TESTS:
            theirs.append(self._output("channel"))
        ours, setup = socket.socketpair()
        self.setup_fd = ours.detach()
        theirs.append(setup.detach())
        try:
            order = launch.Order(self.index, self.mode, self.limits, self.folder, self.command)
            if self.command is not None and self.command.copied:
                theirs.append(launch.copied(self.command.copied))
            if self.group is not None:
                self.group.begin(self._charged_bytes(zygote), self.limits.processes + self._runtime_tasks())
            self.pid = zygote.spawn(order, theirs)
            if self.group is not None:
                self.group.admit(self.pid)  # none of the program's own code runs before this
        except OSError as error:
            raise SetupFault(str(error)) from error
        if zygote.facts["gvisor"] and self.command is None:
            usage = tree.usage_of(zygote.pid)
            self.shared_bytes = usage.memory_bytes if usage is not None else 0
        with suppress(OSError):  # gVisor may have none: then its end shows at the next look
            self.pidfd = os.pidfd_open(self.pid)
        for fd in theirs:
            os.close(fd)

    def _charged_bytes(self, zygote: Zygote) -> int:
        """What its control group may hold: its memory, and its files where these are in memory too."""
        return self.limits.memory_bytes + (self.limits.disk_bytes if zygote.root is not None else 0)

    def _runtime_tasks(self) -> int:
        return self.command.tasks if self.command is not None else 0

    def look_at_group(self) -> None:
        """Take over what the control group knows better: CPU time of children nobody waited for, memory at its end."""
        if self.group is not None:
            self.cpu_seconds = max(self.cpu_seconds, self.group.cpu_seconds())
            if self.group.out_of_memory():
                self.breaks(RunStatus.MEMORY_LIMIT)

    def _input(self, name: str) -> int:
        theirs, ours = os.pipe()
        self.input_fds[name] = ours
        return theirs

    def _output(self, name: str) -> int:
        ours, theirs = os.pipe()
        self.drains[name] = Drain(ours, self.limits.output_bytes)
        return theirs

    def send_program(self, program: bytes, stdin: bytes, channel: bytes) -> None:
        """Hand the program its source; what is for its pipes waits until it reads them."""
        with suppress(BrokenPipeError, ConnectionResetError):  # await_ready says why
            frames.write(self.setup_fd, program)
        inputs = {"stdin": stdin, "channel": channel}
        for name, fd in self.input_fds.items():
            self.feeds.append(Feed(fd, memoryview(inputs[name])))

    def await_ready(self) -> None:
        """Wait until the program starts; its clock runs from here. Raises SetupFault."""
        answer = _read_to_end(self.setup_fd, time.monotonic() + _SETUP_SECONDS)
        os.close(self.setup_fd)
        own_kib = answer.removeprefix(launch.READY)
        if own_kib == answer or not own_kib.isdigit():
            raise SetupFault(answer.decode(errors="replace") or "the process ended while it was set up")
        if self.command is not None:
            self.inherited_memory_bytes = (int(own_kib) << 10) + _EXEC_MARGIN_BYTES
            usage = tree.usage_of(self.pid)  # it may have ended before the first look at it
            self.peak_memory_bytes = usage.memory_bytes if usage is not None else 0
        self.started_at = time.monotonic()

    def record(self, one: tree.Exit) -> None:
        """Note the end of a process of this side's tree."""
        pid, status, cpu_seconds, peak_bytes = one
        self.reaped_cpu_seconds += cpu_seconds
        self.cpu_seconds = max(self.cpu_seconds, self.reaped_cpu_seconds)
        if pid == self.pid:
            self.wait_status = status
            self.ended_at = time.monotonic()
            if peak_bytes > self.inherited_memory_bytes:
                self.peak_memory_bytes = max(self.peak_memory_bytes, peak_bytes)

    @property
    def failed(self) -> bool:
        """Whether its program has ended by itself, badly, and within its limits."""
        return self.broken is None and not self.stopped and bool(self.wait_status)

    def breaks(self, status: RunStatus) -> None:
        self.broken = self.broken or status

    def finish(self) -> None:
        """Empty the pipes and check what only shows at the end. Its processes are gone."""
        for drain in self.drains.values():
            drain.pump_out()
        if any(drain.over for drain in self.drains.values()):
            self.breaks(RunStatus.OUTPUT_LIMIT)
        self.look_at_group()
        if folder.used_bytes(self.folder, enough=self.limits.disk_bytes) > self.limits.disk_bytes:
            self.breaks(RunStatus.DISK_LIMIT)
        if self.cpu_seconds > self.limits.cpu_seconds:
            self.breaks(RunStatus.CPU_LIMIT)
        if self.peak_memory_bytes > self.limits.memory_bytes:
            self.breaks(RunStatus.MEMORY_LIMIT)
        if self.group is not None and self.peak_memory_bytes == 0:
            self.peak_memory_bytes = self.group.peak_bytes()  # it was over before the first look
        if self.command is not None and self.command.outputs is not None:
            self._collect(self.command, self.command.outputs)
        folder.remove(self.folder)

    def _collect(self, command: Command, outputs: str) -> None:
        """Take what a compiler made, and our paths out of what it said."""
        for name in ("stdout", "stderr"):
            said = self.drains[name].data
            said[:] = said.replace(f"{self.folder}/".encode(), b"")
        try:
            path = os.path.join(self.folder, outputs)
            self.files = folder.collect(path, command.output_files, command.outputs_bytes)
        except ValueError:
            self.breaks(RunStatus.DISK_LIMIT)
        except OSError:
            self.files = {}  # it has removed the folder, or made something strange of it: then nothing was compiled

    def result(self) -> tuple[dict[str, Any], list[bytes]]:
        """Header and blobs for the server."""
        status, exit_code, signal_number = self._end()
        header = {
            "status": status,
            "exit_code": exit_code,
            "signal": signal_number,
            "cpu_seconds": self.cpu_seconds,
            "wall_seconds": (self.ended_at or time.monotonic()) - self.started_at,
            "peak_memory_bytes": self.peak_memory_bytes,
            "files": list(self.files),
        }
        outputs = [bytes(self.drains[name].data) if name in self.drains else b"" for name in _OUTPUTS]
        return header, [*outputs, *self.files.values()]

    def _end(self) -> tuple[RunStatus, int | None, int | None]:
        if self.broken is not None:
            return self.broken, None, None
        if self.stopped or self.wait_status is None:
            return RunStatus.STOPPED, None, None
        code = os.waitstatus_to_exitcode(self.wait_status)
        if code >= 0:
            return RunStatus.EXITED, code, None
        known = _BY_SIGNAL.get(-code)
        return (known, None, None) if known else (RunStatus.SIGNALED, None, -code)


def _nothing_to_read() -> int:
    """A socket whose other end is closed: reading it gives the end, and unlike a pipe it cannot be opened by a name."""
    ours, theirs = socket.socketpair()
    ours.close()
    return theirs.detach()


def _read_to_end(fd: int, deadline: float) -> bytes:
    """All that comes until the other end closes, or a text that says that it was too late."""
    waiter = select.poll()
    waiter.register(fd, select.POLLIN)
    said = b""
    while waiter.poll(max(0.0, deadline - time.monotonic()) * 1000):
        try:
            part = os.read(fd, 4096)
        except ConnectionResetError:  # the end of a stream whose other end has not read all that was sent to it
            part = b""
        if not part:
            return said
        said += part
    return b"it did not start in time"
