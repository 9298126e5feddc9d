"""Source of the self-test's hostile program: it runs inside the sandbox only, with a call added at its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable


def attack(outside: str, secret: str, port: int, unix_path: str, abstract_name: str, allowed: list[str]) -> None:
    """Try every way out; print what came of each as one JSON object."""
    parent = os.getppid()
    attempts = {
        "read_outside": lambda: _read(secret),
        "write_outside": lambda: _write(outside),
        "read_system": lambda: _read("/etc/passwd"),
        "read_parent": lambda: _read(f"/proc/{parent}/environ"),
        "read_parent_memory": lambda: _read(f"/proc/{parent}/mem"),
        "signal_parent": lambda: os.kill(parent, 0),
        "tcp": lambda: socket.create_connection(("127.0.0.1", port), 1),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port)),
        "unix_socket": lambda: socket.socket(socket.AF_UNIX).connect(unix_path),
        "abstract_socket": lambda: socket.socket(socket.AF_UNIX).connect(abstract_name),
        "become_root": lambda: os.setuid(0),
        "stat_outside": lambda: os.stat(secret),
    }
    answers = {name: _denied(attempt) for name, attempt in attempts.items()}
    strangers = sorted(set(os.environ) - set(allowed))
    answers["environment"] = f"fail: {strangers}" if strangers else "pass"
    answers["descriptors"] = _no_descriptors()
    answers["standard_library"] = _usable()
    print(json.dumps(answers))


def fork_past_limit(processes: int) -> None:
    """Start more sleeping children than allowed; print `bounded` if that was refused."""
    try:
        for _ in range(2 * processes):
            if os.fork() == 0:
                time.sleep(10)
    except OSError:
        print("bounded")
        return
    time.sleep(1)


def leave_daemon() -> None:
    """Leave a process in a session of its own behind and print its pid."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(60)
    print(pid)


def _denied(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError:
        return "pass"
    return "fail: it was allowed"


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(1)


def _write(path: str) -> None:
    with open(path, "w") as file:
        file.write("x")


def _no_descriptors() -> str:
    for fd in range(3, 1024):
        try:
            os.fstat(fd)
        except OSError:
            continue
        return f"fail: {fd} is open"
    return "pass"


def _usable() -> str:
    """The standard library can still be read, and the work folder written by its full name."""
    try:
        import colorsys  # not preloaded
        import tempfile

        with tempfile.NamedTemporaryFile("w") as file:
            file.write(colorsys.__name__)
    except Exception as error:
        return f"fail: {type(error).__name__}: {error}"
    return "pass"
