"""Ports for servers that are killed and come back at the same address."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


def lasting_port() -> int:
    """A port of 127.0.0.1 that nobody uses and that the kernel hands to no connection while its server is away.

    One that `bind` chooses for port 0 can meanwhile become the near end of anybody's outgoing connection.
    """
    first_of_kernel = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    for port in random.SystemRandom().sample(range(_LOWEST, max(first_of_kernel, _LOWEST + 1_000)), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError(f"none of 100 ports from {_LOWEST} on is free")
