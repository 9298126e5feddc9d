"""What runs inside a program's own process: loads its source and is its other end of stdin or the channel.

All of it is imported by the zygote, before any program is. It holds nothing worth stealing: a program can read and
change every line of it, and all it gains is to answer with other values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from sandbox.drivers import calls, script, tests
from sandbox.types import Mode

DRIVERS: dict[Mode, Callable[[str], NoReturn]] = {
    Mode.SCRIPT: script.run,
    Mode.CALLS: calls.run,
    Mode.TESTS: tests.run,
}
