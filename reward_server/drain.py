"""Whether this process is about to end. A leaf."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Drain:
    """Begun by the first SIGTERM: from then on the process is not ready, and answers what it has."""

    begun: bool = False
