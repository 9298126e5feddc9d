"""How the process was started. A leaf without torch: the command line asks before anything is loaded."""

from __future__ import annotations

import os


def process_count() -> int:
    """How many processes torchrun started for this run; 1 where it did not start this one."""
    launched = "RANK" in os.environ and "MASTER_ADDR" in os.environ
    return int(os.environ.get("WORLD_SIZE", "1")) if launched else 1


def process_name() -> str:
    """What a message of this process begins with."""
    return "trainer-client" if process_count() == 1 else f"trainer-client, rank {os.environ['RANK']}"
