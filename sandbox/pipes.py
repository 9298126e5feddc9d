"""Our ends of a run's pipes: filling its inputs and draining its outputs, neither ever blocking."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

_CHUNK_BYTES = 1 << 16


@dataclass
class Drain:
    """What comes out of one pipe, up to a cap."""

    fd: int
    cap_bytes: int
    data: bytearray = field(default_factory=bytearray)
    over: bool = False  # more came than the cap allows
    ended: bool = False  # every writer has closed its end

    def __post_init__(self) -> None:
        os.set_blocking(self.fd, False)

    def pump(self) -> bool:
        """Take what is there; False at the end of the stream."""
        try:
            part = os.read(self.fd, _CHUNK_BYTES)
        except BlockingIOError:
            return True
        room = self.cap_bytes - len(self.data)
        self.data += part[:room]
        self.over = self.over or len(part) > room
        self.ended = not part
        return not self.ended

    def pump_out(self) -> None:
        """Take everything that is left. Only when no writer is: it ends at the cap all the same."""
        before = -1
        while not self.over and not self.ended and before != len(self.data):
            before = len(self.data)
            self.pump()


@dataclass
class Feed:
    """What goes into one pipe."""

    fd: int
    rest: memoryview

    def __post_init__(self) -> None:
        os.set_blocking(self.fd, False)

    def pump(self) -> bool:
        """Give what fits; False when all is given or nobody reads any more."""
        try:
            self.rest = self.rest[os.write(self.fd, self.rest[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return bool(self.rest)
