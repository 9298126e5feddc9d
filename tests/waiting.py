"""Waiting for a condition: as long as a slow and busy machine may need, and no longer than it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_SECONDS = 200.0


def wait_until(condition: Callable[[], Found], pause_seconds: float = 0.01) -> Found:
    """What the condition gave as soon as it was true; fails when it is not after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(pause_seconds)
    return found
