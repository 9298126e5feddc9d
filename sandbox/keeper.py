"""The keeper of one slot: the process that the server starts. It forks the supervisor and cleans up after it.

It does nothing else, so that whatever happens to the supervisor there is a parent left for what its run has started.
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
from dataclasses import replace
from typing import Final, NoReturn

from sandbox import folder, frames, tree, zygote
from sandbox.ground import DESCRIPTOR_CEILING, SPARE_DESCRIPTORS, SYSTEM_LINKS, SlotSettings, visible_paths
from sandbox.layers import cgroup, kernel
from sandbox.layers.namespaces import NamespaceError, PrivateRoot
from sandbox.supervisor import serve

_SUPERVISOR_FAILED: Final = 98
_NO_NAMESPACES: Final = 96
_SIDES: Final = 2  # a program and its tester
_SHARED_FOLDERS: Final = ("/tmp", "/dev/shm")  # noqa: S108 - gVisor makes them, open to all


def main() -> None:
    """Keep the slot until the server goes away. argv[1]: SlotSettings as JSON; descriptor 0: the control socket."""
    control = _arrange_descriptors()
    try:
        os.umask(0o022)  # whatever the server's own: programs pass through our folders as other users
        _reset_signals()
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        _limit_descriptors()
        settings = SlotSettings.from_json(json.loads(sys.argv[1]))
        if settings.gvisor:
            _serve_inside_gvisor(control, settings)
        groups = cgroup.make(settings.cgroup, _SIDES, settings.cgroup_parent) if settings.cgroup else None
        settings = replace(settings, cgroup=settings.cgroup if groups else None)
        gc.freeze()
        if _keep(control, settings, groups) == _NO_NAMESPACES:
            _keep(control, replace(settings, namespaces=False), groups)
        _clean_up(settings, groups)
    except Exception as error:
        _report_fault(control, error)


def _keep(control: socket.socket, settings: SlotSettings, groups: cgroup.Groups | None) -> int:
    """Fork the supervisor and wait for it; its exit code.

    We keep the control socket too, which only matters once it has ended: then the server sees us end.
    """
    supervisor = tree.fork()
    if supervisor == 0:
        _supervise(control, settings, groups)
    return os.waitstatus_to_exitcode(os.waitpid(supervisor, 0)[1])


def _serve_inside_gvisor(control: socket.socket, settings: SlotSettings) -> NoReturn:
    """The first process is the supervisor itself: to it come all orphans, and with it all processes end.

    Raises RuntimeError where the kernel is another one after all.
    """
    if not kernel.is_gvisor():
        raise RuntimeError("the kernel is not gVisor's: `runtime` must be runsc")
    for path in _SHARED_FOLDERS:
        with suppress(OSError):
            os.chmod(path, 0o700)
    gc.freeze()
    _supervise(control, settings, None)


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
    return socket.socket(fileno=high)


def _limit_descriptors() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < DESCRIPTOR_CEILING:
        raise OSError(f"the limit on open files is {most}: expected {DESCRIPTOR_CEILING} or more (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTOR_CEILING, DESCRIPTOR_CEILING))


def _reset_signals() -> None:
    """What the server blocks or ignores must not be so for us, who wait for children, nor for programs."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    ignored_by_python = (signal.SIGPIPE, signal.SIGXFSZ)
    for number in signal.valid_signals() - set(ignored_by_python):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _supervise(control: socket.socket, settings: SlotSettings, groups: cgroup.Groups | None) -> NoReturn:
    keeper = os.getppid()
    try:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        root = PrivateRoot(settings.work_root) if settings.namespaces else None
        if root is not None:
            root.link(SYSTEM_LINKS)
            root.show(visible_paths())
        own_zygote = zygote.start(settings, control, root)
        own = {"processes": [keeper, os.getpid(), own_zygote.pid], "cgroup": f"v{groups.version}" if groups else "none"}
        frames.write(control.fileno(), frames.pack({**own_zygote.facts, **own}))
    except NamespaceError:
        os._exit(_NO_NAMESPACES)
    except Exception as error:
        _report_fault(control, error)
        os._exit(_SUPERVISOR_FAILED)
    try:
        os.dup2(1, 2)  # from here on nobody reads what it says
        serve(settings, control, own_zygote, keeper, groups.groups if groups else ())
    except BaseException:
        os._exit(_SUPERVISOR_FAILED)  # the server sees its socket close without an answer
    os._exit(0)


def _report_fault(control: socket.socket, error: Exception) -> None:
    frames.write(control.fileno(), frames.pack({"fault": f"{type(error).__name__}: {error}"}))


def _clean_up(settings: SlotSettings, groups: cgroup.Groups | None) -> None:
    """End what is left, after a supervisor that was killed, and remove the folders: a killed server cannot do it."""
    tree.kill_all(settings.cleanup_seconds, lambda _: None)
    if groups is not None:
        groups.remove()
    with suppress(OSError):
        for name in os.listdir(settings.work_root):
            with suppress(OSError):
                folder.remove(os.path.join(settings.work_root, name))
        os.rmdir(settings.work_root)
        os.rmdir(os.path.dirname(settings.work_root))
