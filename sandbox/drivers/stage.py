"""What the drivers share: a process that looks to its program as if Python had just started on it."""

from __future__ import annotations

import os
import sys
import types
from contextlib import suppress
from typing import NoReturn

from sandbox import frames

_own_modules: list[str] = []


def set_up() -> None:
    """What all programs of a zygote share, done once in it: every page it writes is one that no fork has to copy."""
    _open_streams()
    _own_modules[:] = [name for name in sys.modules if name == "sandbox" or name.startswith("sandbox.")]


def _open_streams() -> None:
    """Streams as Python opens them on pipes, which a program's descriptors 0 to 2 are."""
    saved = [os.dup(fd) for fd in range(3)]
    ends = os.pipe()
    for fd, end in enumerate((ends[0], ends[1], ends[1])):
        os.dup2(end, fd)
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, f"__{name}__", getattr(sys, name))
    for fd, copy in enumerate(saved):
        os.dup2(copy, fd)
    for fd in (*saved, *ends):
        os.close(fd)


def prepare(module_name: str, file_name: str, source: str) -> types.ModuleType:
    """A sys.path that starts at the work folder, and an empty module for the source in `file_name`."""
    folder = os.getcwd()
    with suppress(OSError):  # it is for tracebacks, inspect and programs that start themselves again
        fd = os.open(file_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        frames.write(fd, source.encode("utf-8", "replace"))
        os.close(fd)
    sys.path.insert(0, folder)
    for name in _own_modules:
        del sys.modules[name]  # a program may have a module of that name
    module = types.ModuleType(module_name)
    module.__file__ = file_name
    sys.modules[module_name] = module
    return module


def leave(code: int) -> NoReturn:
    """End the process at once, with what was printed flushed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code & 0xFF)


def show(error: BaseException, driver_file: str) -> None:
    """Print the traceback, without the frames of the driver, the way an uncaught exception is printed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == driver_file:
        trace = trace.tb_next
    error.__traceback__ = trace  # the standard hook prints this one, whatever it is given
    try:
        sys.excepthook(type(error), error, trace)
    except BaseException:
        sys.__excepthook__(type(error), error, trace)
