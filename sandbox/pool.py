"""The queue for slots: who has waited longest gets the next free one."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from sandbox.errors import SandboxCancelledError, SandboxClosedError
from sandbox.slot import Slot

_CANCEL_LOOK_SECONDS: Final = 0.05


class Ticket:
    """One waiting caller."""

    def __init__(self) -> None:
        self.served = threading.Event()
        self.slot: Slot | None = None


class Pool:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: deque[Slot] = deque()
        self._waiting: deque[Ticket] = deque()
        self._closed = False

    def take(self, cancelled: threading.Event | None) -> Slot:
        """The next free slot. Raises SandboxClosedError, and SandboxCancelledError once `cancelled` is set."""
        ticket = self._join()
        while not ticket.served.wait(None if cancelled is None else _CANCEL_LOOK_SECONDS):
            if cancelled is not None and cancelled.is_set():
                self._withdraw(ticket)
                raise SandboxCancelledError("the run was cancelled before it began")
        if ticket.slot is None:
            raise SandboxClosedError("the sandbox is closed")
        return ticket.slot

    def give(self, slot: Slot) -> None:
        with self._lock:
            self._idle.append(slot)
            self._serve()

    def close(self) -> None:
        """Turn everybody away."""
        with self._lock:
            self._closed = True
            self._serve()

    def _join(self) -> Ticket:
        ticket = Ticket()
        with self._lock:
            self._waiting.append(ticket)
            self._serve()
        return ticket

    def _serve(self) -> None:
        while self._waiting and (self._idle or self._closed):
            ticket = self._waiting.popleft()
            ticket.slot = None if self._closed else self._idle.popleft()
            ticket.served.set()

    def _withdraw(self, ticket: Ticket) -> None:
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            elif ticket.slot is not None:
                self._idle.append(ticket.slot)
                self._serve()
