"""Ports for servers that are killed and come back at the same address."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000
_PROCESSES = 16  # of `pytest -n`: each chooses among ports of its own
_GIVEN: set[int] = set()  # also those whose server is away just now


def lasting_port() -> int:
    """A port of 127.0.0.1 that nobody uses and that the kernel hands to no connection while its server is away.

    One that `bind` chooses for port 0 can meanwhile become the near end of anybody's outgoing connection.
    """
    first_of_kernel = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES
    ours = range(_LOWEST + process, max(first_of_kernel, _LOWEST + 1_000 * _PROCESSES), _PROCESSES)
    for port in random.SystemRandom().sample([port for port in ours if port not in _GIVEN], 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            _GIVEN.add(port)
            return port
    raise RuntimeError(f"none of 100 ports from {_LOWEST} on is free")
