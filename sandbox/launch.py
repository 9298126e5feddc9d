"""The way of a freshly forked process into a program: descriptors, walls, source, and then its driver.

Everything of the zygote and the supervisor that the program must not have is given up here, in this order: session,
descriptors, uid, environment, limits, privileges, files, system calls. The source arrives only after that.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NoReturn

from sandbox import frames
from sandbox.drivers import DRIVERS
from sandbox.ground import DESCRIPTOR_CEILING, Ground
from sandbox.layers import identity, kernel, landlock, rlimits
from sandbox.types import Limits, Mode

READY: Final = b"R"  # the process stands behind its walls and starts the program next
_FAILED_EXIT_CODE: Final = 97
_MESSAGE_BYTES: Final = 500


def become_program(
    ground: Ground, side: int, mode: Mode, limits: Limits, folder: str, ends: Sequence[int], setup_fd: int
) -> NoReturn:
    """Turn this forked child into the program. `ends` become descriptors 0, 1, 2 ...; the setup socket follows them.

    The supervisor sends the program over the setup socket and gets READY or the text of what went wrong: our fault.
    """
    setup = len(ends)
    try:
        supervisor = os.getppid()
        _place_descriptors([*ends, setup_fd])
        _enter(ground, side, limits, folder, supervisor, keep=setup + 1)
        header, (source, *files) = frames.read(setup)
        _write_files(dict(zip(header["names"], files, strict=True)))
        os.write(setup, READY)
        os.close(setup)
    except BaseException as error:
        with suppress(OSError):
            os.write(setup, f"{type(error).__name__}: {error}".encode(errors="replace")[:_MESSAGE_BYTES])
        os._exit(_FAILED_EXIT_CODE)
    DRIVERS[mode](source.decode("utf-8", "surrogatepass"))


def _place_descriptors(wanted: Sequence[int]) -> None:
    """All are above SPARE_DESCRIPTORS, so none is overwritten before it is copied. Only 0 to 2 outlive an exec."""
    for target, fd in enumerate(wanted):
        os.dup2(fd, target, inheritable=target <= 2)


def _enter(ground: Ground, side: int, limits: Limits, folder: str, supervisor: int, keep: int) -> None:
    os.setsid()
    with suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(b"1000")  # if the machine runs out of memory, this goes before the server does
    os.chdir(folder)
    os.umask(0o077)
    os.environ.update(HOME=folder, TMPDIR=folder, PWD=folder)
    uid = ground.uid(side)
    if uid is not None:
        identity.become(uid)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        raise ProcessLookupError("the supervisor is gone")
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # lets its supervisor read its memory use
    rlimits.apply(limits, ground.process_limit(limits))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if ground.landlock_abi:
        own = landlock.open_rule(folder, landlock.work_folder_access(ground.landlock_abi))
        landlock.restrict(ground.landlock_abi, [*ground.rules, own])
    os.closerange(keep, DESCRIPTOR_CEILING)
    if ground.filter is not None:
        ground.filter.install()


def _write_files(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            frames.write(fd, content)
        finally:
            os.close(fd)
