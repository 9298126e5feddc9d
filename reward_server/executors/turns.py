"""The queue for program slots: a fixed number of turns, handed out to one owner after the other.

An owner is a request. However many runs a request has waiting, a run of another waits for at most one of them a slot.
Belongs to one event loop; nothing here blocks.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque


class Turns:
    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.busy = 0
        self._waiting: OrderedDict[object, deque[asyncio.Future[None]]] = OrderedDict()  # who is next, first

    @property
    def waiting(self) -> int:
        return sum(len(line) for line in self._waiting.values())

    def has_room(self) -> bool:
        return self.busy < self.slots and not self._waiting

    async def take(self, owner: object) -> None:
        """Return when it is the owner's turn; every turn is to be given back. Cancelling leaves the queue."""
        if self.has_room():
            self.busy += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()  # it was served in the moment it was cancelled
            else:
                self._withdraw(owner, turn)
            raise

    def give(self) -> None:
        self.busy -= 1
        self._serve()

    def resize(self, slots: int) -> None:
        """From now on so many. Turns over the new number end by themselves."""
        self.slots = slots
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self.busy < self.slots:
            owner, line = self._waiting.popitem(last=False)
            turn = line.popleft()
            if line:
                self._waiting[owner] = line  # behind all others
            if not turn.done():
                self.busy += 1
                turn.set_result(None)

    def _withdraw(self, owner: object, turn: asyncio.Future[None]) -> None:
        line = self._waiting.get(owner)
        if line is not None and turn in line:
            line.remove(turn)
            if not line:
                del self._waiting[owner]
