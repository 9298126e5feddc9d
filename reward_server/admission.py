"""Who is let in: a bound on waiting items, and free retries for those who send a key."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from reward_server.errors import IdempotencyConflict, Overloaded, TooManyPrograms


class Admission:
    """Counts items and submissions of code in flight. Refuses before work began, never after."""

    def __init__(self, max_pending_items: int, max_pending_programs: int) -> None:
        self._max_items = max_pending_items
        self._max_programs = max_pending_programs
        self.pending_items = 0
        self.pending_programs = 0

    @contextmanager
    def admit(self, items: int = 0, programs: int = 0) -> Iterator[None]:
        """Raises Overloaded, and TooManyPrograms for what could never be let in."""
        if programs > self._max_programs:
            raise TooManyPrograms(
                f"the request has {programs} programs, this server takes at most {self._max_programs} at a time: "
                "send smaller batches"
            )
        if self.pending_items + items > self._max_items:
            raise Overloaded(f"{self.pending_items} items are in flight, at most {self._max_items}: retry in a moment")
        if self.pending_programs + programs > self._max_programs:
            raise Overloaded(
                f"{self.pending_programs} programs are in flight, at most {self._max_programs}: retry in a moment"
            )
        self.pending_items += items
        self.pending_programs += programs
        try:
            yield
        finally:
            self.pending_items -= items
            self.pending_programs -= programs


class AnswerStore:
    """Answers by Idempotency-Key, the oldest forgotten first: a retry after a lost connection costs nothing.

    Scores are pure, so a forgotten answer is only computed again.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._answers: OrderedDict[str, tuple[bytes, bytes]] = OrderedDict()

    def find(self, key: str | None, body: bytes) -> bytes | None:
        """The answer given to this key before. Raises IdempotencyConflict when that was for another body.

        `body` is to begin with the route, or the same body sent to another one would be answered from here.
        """
        if key is None or key not in self._answers:
            return None
        digest, answer = self._answers[key]
        if digest != _digest(body):
            raise IdempotencyConflict("send a new Idempotency-Key with every new body")
        self._answers.move_to_end(key)
        return answer

    def keep(self, key: str | None, body: bytes, answer: bytes) -> None:
        if key is None or key in self._answers or len(answer) > self._limit:
            return
        self._answers[key] = (_digest(body), answer)
        self._size += len(answer)
        while self._size > self._limit:
            _, (_, dropped) = self._answers.popitem(last=False)
            self._size -= len(dropped)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
