"""Waiting for a condition: as long as a slow and busy machine may need, and no longer than it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 100.0


def wait_until(condition: Callable[[], bool], pause_seconds: float = 0.01) -> None:
    """Return as soon as the condition holds; fail when it does not after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(pause_seconds)
