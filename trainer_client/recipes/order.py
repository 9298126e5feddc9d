"""In which order the rows of a file are learnt from."""

from __future__ import annotations

import random


class Order:
    """An endless order of `count` places: every epoch a new permutation, known from the seed and the place alone."""

    def __init__(self, count: int, key: str) -> None:
        self._count, self._key = count, key
        self._epoch = -1
        self._places: list[int] = []

    def batch(self, step: int, size: int) -> list[int]:
        """The places of optimizer step `step`, from 1."""
        return [self._at(position) for position in range((step - 1) * size, step * size)]

    def _at(self, position: int) -> int:
        epoch, place = divmod(position, self._count)
        if epoch != self._epoch:
            self._places = list(range(self._count))
            random.Random(f"{self._key}:{epoch}").shuffle(self._places)  # noqa: S311 -- an order, not a secret
            self._epoch = epoch
        return self._places[place]
