"""The way of a freshly forked process into a program: descriptors, walls, source, and then its driver.

Everything of the zygote that the program must not have is given up here, in this order: session, uid, environment,
limits, files, descriptors; new privileges and system calls the zygote has given up for all. The source comes only after
that. A program in another language than Python, and a compiler, goes the same way and is then executed in place of this
process.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NoReturn

from sandbox import frames
from sandbox.command import PROGRAM_IN_MEMORY, Command
from sandbox.drivers import DRIVERS
from sandbox.ground import DESCRIPTOR_CEILING, Ground
from sandbox.layers import identity, kernel, landlock, rlimits
from sandbox.types import Limits, Mode

READY: Final = b"ready "  # the process stands behind its walls; what follows is its own peak memory in KiB
_FAILED_EXIT_CODE: Final = 97
_MESSAGE_BYTES: Final = 500
_COPY_BYTES: Final = 16 << 20


@dataclass(frozen=True)
class Order:
    """What a zygote is told of a program before it forks it: where it will live, not what it is."""

    side: int  # 0, or 1 for a tester
    mode: Mode
    limits: Limits
    folder: str
    command: Command | None = None


def become_program(ground: Ground, order: Order, ends: Sequence[int]) -> NoReturn:
    """Turn this forked child into the program. `ends` become its descriptors 0, 1, 2 ...

    The last of them is its setup socket, or the file in memory that its command executes, after that socket.

    The supervisor sends the program over the setup socket and gets READY, and then the end of the stream: the program
    runs. Anything else is the text of what went wrong, our fault.
    """
    command = order.command
    in_memory = command is not None and command.copied != ""
    setup = len(ends) - 1 - in_memory
    try:
        supervisor = os.getppid()
        _place_descriptors(ends, inherited=3 if command is None else setup)
        _enter(ground, order, supervisor, keep=len(ends))
        header, (source, *files) = frames.read(setup)
        _write_files(dict(zip(header["names"], files, strict=True)))
        if command is not None and command.source_name is not None:
            _write_files({command.source_name: source})
        rlimits.apply_to_files(order.limits)
        os.write(setup, READY + b"%d" % resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        if command is not None:
            _execute(command, header["arguments"], setup + 1)
        os.close(setup)
        sys.argv[1:] = header["arguments"]
    except BaseException as error:
        with suppress(OSError):
            os.write(setup, f"{type(error).__name__}: {error}".encode(errors="replace")[:_MESSAGE_BYTES])
        os._exit(_FAILED_EXIT_CODE)
    DRIVERS[order.mode](source.decode("utf-8", "surrogatepass"))


def _place_descriptors(wanted: Sequence[int], inherited: int) -> None:
    """All are above SPARE_DESCRIPTORS, so none is overwritten before it is copied. The first ones outlive an exec."""
    for target, fd in enumerate(wanted):
        os.dup2(fd, target, inheritable=target < inherited)


def copied(path: str) -> int:
    """A descriptor of a file in memory with the content of this one."""
    memory = os.memfd_create("program")
    with open(path, "rb") as file:
        while os.sendfile(memory, file.fileno(), None, _COPY_BYTES):
            continue
    return memory


def _execute(command: Command, arguments: Sequence[str], memory: int) -> NoReturn:
    """Execute the command in place of this process. What was not inheritable closes, the setup socket with it."""
    if command.outputs is not None:
        os.mkdir(command.outputs)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored outlives an exec
    file = memory if command.executable == PROGRAM_IN_MEMORY else command.executable
    os.execve(file, [*command.argv, *arguments], {**os.environ, **command.environment})  # noqa: S606


def _enter(ground: Ground, order: Order, supervisor: int, keep: int) -> None:
    folder, limits, command = order.folder, order.limits, order.command
    os.setsid()
    os.chdir(folder)
    os.umask(0o077)
    for name in ("HOME", "TMPDIR", "PWD"):
        os.environ[name] = folder
    uid = ground.settings.uid(order.side)
    if uid is not None:
        identity.become(uid)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        raise ProcessLookupError("the supervisor is gone")
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # lets its supervisor read its memory use
    rlimits.apply(limits, ground.process_limit(limits, command.tasks if command else 0), command)
    if ground.landlock_abi:
        own = landlock.open_rule(folder, landlock.work_folder_access(ground.landlock_abi))
        rules = [landlock.open_rule(path, landlock.READ) for path in (command.readable if command else ())]
        landlock.restrict(ground.landlock_abi, [*ground.rules, *(rules if command else ground.python_rules), own])
    os.closerange(keep, DESCRIPTOR_CEILING)


def _write_files(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            frames.write(fd, content)
        finally:
            os.close(fd)
