"""The zygote of one slot: a warm interpreter that forks a supervisor for every run and waits for it.

It is started by the server with a fixed environment and one socket. On that socket it gets, for each run, the
descriptor of a socket for this run alone; it hands it to the supervisor unread. So nothing of any program ever enters
its memory, which every later program inherits. It ends when the server closes the socket.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

from sandbox import folder, frames, tree
from sandbox.drivers import preload
from sandbox.ground import DESCRIPTOR_CEILING, SPARE_DESCRIPTORS, Ground, SlotSettings
from sandbox.layers import kernel
from sandbox.supervisor import supervise

_SUPERVISOR_FAILED: Final = 98


def main() -> None:
    """Serve until the server goes away. argv[1]: SlotSettings as JSON; descriptor 0: the control socket."""
    control = _arrange_descriptors()
    try:
        _reset_signals()
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        ground = Ground.prepare(SlotSettings.from_json(json.loads(sys.argv[1])))
        sys.argv = ["main.py"]
        preload.everything()
    except Exception as error:
        frames.write(control.fileno(), frames.pack({"fault": f"{type(error).__name__}: {error}"}))
        return
    gc.collect()
    gc.freeze()
    frames.write(control.fileno(), frames.pack(_facts(ground)))
    os.dup2(1, 2)  # from here on nobody reads what it says
    _serve(control, ground)
    with suppress(OSError):  # a server that was killed cannot remove these; one that lives makes them anew
        os.rmdir(ground.settings.work_root)
        os.rmdir(os.path.dirname(ground.settings.work_root))


def _reset_signals() -> None:
    """What the server blocks or ignores must not be so for us, who wait for children, nor for programs."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    ignored_by_python = (signal.SIGPIPE, signal.SIGXFSZ)
    for number in signal.valid_signals() - set(ignored_by_python):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _facts(ground: Ground) -> dict[str, object]:
    return {
        "landlock_abi": ground.landlock_abi,
        "seccomp": ground.filter is not None,
        "python": sys.executable,
        "python_version": ".".join(map(str, sys.version_info[:3])),
    }


def _arrange_descriptors() -> socket.socket:
    """Move the control socket up and fill everything below SPARE_DESCRIPTORS, see launch.py. Returns the socket."""
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    while (high := os.dup(control.fileno())) < SPARE_DESCRIPTORS:
        continue  # each copy fills one of the low descriptors
    control.detach()
    for low in (*range(0, 2), *range(3, SPARE_DESCRIPTORS)):
        if low != null:
            os.dup2(null, low, inheritable=False)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTOR_CEILING, DESCRIPTOR_CEILING))
    return socket.socket(fileno=high)


def _serve(control: socket.socket, ground: Ground) -> None:
    zygote = os.getpid()
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        supervisor = tree.fork()
        if supervisor == 0:
            _supervise(control, ground, descriptors[0], zygote)
        os.close(descriptors[0])
        _, status = os.waitpid(supervisor, 0)
        if status != 0:
            _clean_after_crash(ground)


def _supervise(control: socket.socket, ground: Ground, run_fd: int, zygote: int) -> None:
    try:
        os.close(control.fileno())
        supervise(ground, run_fd, zygote)
    except BaseException:
        os._exit(_SUPERVISOR_FAILED)  # the server sees its socket close without an answer
    os._exit(0)


def _clean_after_crash(ground: Ground) -> None:
    """A supervisor that was killed leaves its run to its subreaper: us."""
    tree.kill_all(ground.settings.cleanup_seconds, lambda _: None)
    for name in os.listdir(ground.settings.work_root):
        with suppress(OSError):
            folder.remove(os.path.join(ground.settings.work_root, name))
