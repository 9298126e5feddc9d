"""The server's side of one slot: starts its processes, replaces them when one dies, and exchanges runs with them."""

from __future__ import annotations

import json
import math
import os
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from sandbox import frames, gvisor
from sandbox.config import SandboxConfig
from sandbox.errors import SandboxCancelledError, SandboxClosedError, SandboxCrashedError
from sandbox.ground import WALL_STRETCH, SlotSettings

ENVIRONMENT: Final = {  # all that a program finds in its environment, besides its own HOME, TMPDIR and PWD
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "HOME": "/",
    "TMPDIR": "/",
    "PWD": "/",
}
_BOOT: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(2)); from sandbox.keeper import main; sys.path.pop(0); main()"
)
_CANCEL_LOOK_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 5.0
_MARGIN_SECONDS: Final = 30.0  # beyond a run's own limits: then a supervisor is taken for stuck


class Slot:
    """Not thread-safe except for `close`: the pool gives a slot to one thread at a time."""

    def __init__(
        self,
        config: SandboxConfig,
        index: int,
        python: str,
        root: str,
        uids: tuple[int, int] | None,
        cache_folders: Sequence[str] = (),
    ) -> None:
        """`cache_folders`: what is compiled and prepared, for a slot that must be told of it before it starts."""
        self._config = config
        self._cache_folders = cache_folders
        self._python = python
        self._settings = SlotSettings(
            work_root=os.path.join(root, f"slot-{index}"),
            uids=uids,
            cgroup=f"{os.path.basename(root)}-{index}" if config.cgroup and not config.runtime else None,
            cgroup_parent=config.cgroup_parent,
            namespaces=config.namespaces is not False and not config.runtime,
            gvisor=config.runtime is not None,
            slots=config.slots,
            poll_seconds=config.poll_seconds,
            partner_grace_seconds=config.partner_grace_seconds,
            cleanup_seconds=config.cleanup_seconds,
        )
        self._keeper: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = threading.Event()
        self.facts: dict[str, Any] = {}

    def start(self) -> None:
        """Start the keeper without waiting for it: `ready` does."""
        os.makedirs(self._settings.work_root, exist_ok=True)
        for path in (os.path.dirname(self._settings.work_root), self._settings.work_root):
            os.chmod(path, 0o711)  # noqa: S103 - programs pass through it on the way to their folders
        command = self._command()
        ours, theirs = socket.socketpair()
        with theirs:
            self._keeper = subprocess.Popen(  # noqa: S603
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT if self._config.runtime is None else gvisor.ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        self._control = ours

    def _command(self) -> list[str]:
        """What starts the keeper, or, inside gVisor, the supervisor."""
        package = Path(__file__).parent
        settings = json.dumps(asdict(self._settings))
        argv = [self._python, "-I", "-S", "-B", "-c", _BOOT, settings, str(package.parent)]
        if self._config.runtime is None:
            return argv
        prefix = Path(self._python).parent.parent
        shown = [str(package), f"{prefix}/lib", f"{prefix}/bin", *self._cache_folders]
        folder = f"{os.path.dirname(self._settings.work_root)}/gvisor-{os.path.basename(self._settings.work_root)}"
        launcher = (self._config.runtime, self._config.runtime_flags, folder)
        return gvisor.launch_command(*launcher, argv, ENVIRONMENT, shown, self._settings.work_root)

    def ready(self) -> None:
        """Wait until the keeper can take runs, starting it first where there is none. Raises SandboxCrashedError."""
        if self._closed.is_set():
            raise SandboxClosedError("the sandbox is closed")
        if self._keeper is not None and self._keeper.poll() is not None:
            self.drop()
        if self._keeper is None:
            self.start()
            self.facts = {}
        if not self.facts:
            self.facts = self._greeting()

    def _greeting(self) -> dict[str, Any]:
        keeper, control = self._keeper, self._control
        if keeper is None or control is None:
            raise SandboxClosedError("the sandbox was closed while it started")
        said = ""
        try:
            if _readable(control.fileno(), self._config.start_seconds):
                facts, _ = frames.read(control.fileno())
                if "fault" not in facts:
                    return facts
                said = facts["fault"]
        except (EOFError, OSError):
            keeper.kill()
            said = (keeper.stderr.read() if keeper.stderr else b"").decode(errors="replace")[-500:].strip()
        self.drop()
        raise SandboxCrashedError(f"the slot did not start: {said or 'no answer in time'}")

    def exchange(
        self, request: bytes, wall_seconds: float, cancelled: threading.Event | None
    ) -> tuple[dict[str, Any], list[bytes]]:
        """The supervisor's answer to one request. Raises SandboxCrashedError, after which the slot starts anew."""
        self.ready()
        ours, theirs = socket.socketpair()
        with ours:
            try:
                with theirs:
                    socket.send_fds(self._live_control(), [b"r"], [theirs.fileno()])
                longest_seconds = WALL_STRETCH * wall_seconds + self._config.cleanup_seconds + _MARGIN_SECONDS
                _bound_blocking(ours, longest_seconds)
                frames.write(ours.fileno(), request)
                self._await_answer(ours.fileno(), time.monotonic() + longest_seconds, cancelled)
                header, blobs = frames.read(ours.fileno())
            except (EOFError, OSError, ValueError) as error:
                self.drop()
                if self._closed.is_set():
                    raise SandboxClosedError("the sandbox was closed during the run") from error
                raise SandboxCrashedError("a process of the sandbox ended during the run") from error
        if "fault" in header:
            raise SandboxCrashedError(f"the run could not be carried out: {header['fault']}")
        return header, blobs

    def _live_control(self) -> socket.socket:
        if self._control is None:
            raise EOFError("no control socket")
        return self._control

    def _await_answer(self, fd: int, deadline: float, cancelled: threading.Event | None) -> None:
        """Return when there is something to read. Closing our end is what makes a supervisor end its run."""
        while not _readable(fd, _CANCEL_LOOK_SECONDS if cancelled is not None else 1.0):
            if cancelled is not None and cancelled.is_set():
                raise SandboxCancelledError("the run was cancelled by its caller")
            if self._closed.is_set() or time.monotonic() > deadline:
                raise EOFError("closed, or no answer in time")

    def close(self) -> None:
        """End the keeper and any run in it. May be called from any thread, more than once."""
        self._closed.set()
        control = self._control
        if control is not None:
            with suppress(OSError):
                control.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Forget the keeper. Closing its socket ends it, but it first cleans up after a supervisor that died."""
        keeper, self._keeper = self._keeper, None
        control, self._control = self._control, None
        if control is not None:
            control.close()
        if keeper is not None:
            with suppress(subprocess.TimeoutExpired):
                keeper.wait(self._config.cleanup_seconds + _STOP_SECONDS)
            keeper.kill()
            keeper.wait()
            if keeper.stderr is not None:
                keeper.stderr.close()


def _bound_blocking(connection: socket.socket, seconds: float) -> None:
    """Let reads and writes that get no further fail at last: a keeper may have been stopped by somebody."""
    period = struct.pack("@ll", math.ceil(seconds), 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, period)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, period)


def _readable(fd: int, seconds: float) -> bool:
    waiter = select.poll()
    waiter.register(fd, select.POLLIN)
    return bool(waiter.poll(seconds * 1000))
