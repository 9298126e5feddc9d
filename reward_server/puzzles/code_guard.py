"""Holds other people's verifiers off from running text as code, whatever they call it with.

An audit hook sees every `eval`, `exec` and `compile`, every new process, connection and file to be written, before it
happens, and stops it while a verifier runs. No text is ever compiled, so nothing gets as far as taking the hook apart.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_FORBIDDEN = frozenset(
    (
        "exec",
        "compile",
        "os.system",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.kill",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.truncate",
        "subprocess.Popen",
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.getaddrinfo",
        "pickle.find_class",
        "ctypes.dlopen",
        "shutil.rmtree",
    )
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass
class Guard:
    """What was stopped, by the name of the event."""

    stopped: str | None = None


class Stopped(RuntimeError):
    """A verifier tried what it must not."""


class _Active(threading.local):
    """The guards of a thread: others go on with what they do."""

    def __init__(self) -> None:
        self.guards: list[Guard] = []


_active = _Active()
_hooked: list[bool] = []


@contextmanager
def guarded() -> Iterator[Guard]:
    """Nothing is run as code inside; what a verifier swallows is told by the guard afterwards."""
    if not _hooked:
        sys.addaudithook(_hook)  # for the life of the process: it cannot be taken back
        _hooked.append(True)
    guard = Guard()
    _active.guards.append(guard)
    try:
        yield guard
    finally:
        _active.guards.remove(guard)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event not in _FORBIDDEN and not (event == "open" and _writes(args)):
        return
    guards = _active.guards
    if not guards:
        return
    guards[-1].stopped = event
    raise Stopped(f"a verifier may not do this: {event}")


def _writes(args: tuple[Any, ...]) -> bool:
    flags = args[2] if len(args) > 2 else 0
    return isinstance(flags, int) and bool(flags & _WRITING)
