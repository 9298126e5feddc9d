"""In which order examples come: it depends on the seed and on what was taken so far, on nothing else. Pure."""

from __future__ import annotations

import random
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from trainer_client.data.examples import Mixture
from trainer_client.types import Example, ScoredGroup

BLOCK = 1000  # draws in which the parts of a mixture have their shares exactly, as far as whole draws can


class Stream(Protocol):
    """An endless stream of examples. `cursor` counts what was taken; `state` are plain values for a checkpoint."""

    cursor: int

    def take(self, count: int) -> list[Example]:
        """The next `count` examples."""

    def observe(self, groups: Sequence[ScoredGroup]) -> None:
        """Learn from how the policy did on what was taken."""

    def state(self) -> dict[str, Any]:
        """What `restore` goes on from."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was told. Raises KeyError, TypeError or ValueError for anything else."""


class Shuffled:
    """Every epoch a new permutation. The parts of a mixture are shuffled apart and drawn by their weights.

    Every BLOCK draws hold each part as often as its weight says, to a whole draw and at least once, in an order of
    their own; so any cursor is found without counting from the start.
    """

    def __init__(self, examples: Sequence[Example], seed: int, name: str, cursor: int = 0) -> None:
        parts = examples.parts if isinstance(examples, Mixture) else ((examples, 1.0),)
        self._key = f"{seed}:{name}"
        self._weights = [weight for _, weight in parts]
        self._parts = [part for part, _ in parts]
        self._orders = [
            Permuted(len(part), self._key if len(parts) == 1 else f"{self._key}:part {number}")
            for number, part in enumerate(self._parts)
        ]
        self._shares = block_shares(self._weights)
        self._block = -1
        self._plan: list[tuple[int, int]] = []
        self.cursor = cursor

    def take(self, count: int) -> list[Example]:
        """The next `count` examples; the cursor moves on by as many."""
        taken = [self._at(self.cursor + offset) for offset in range(count)]
        self.cursor += count
        return taken

    def observe(self, groups: Sequence[ScoredGroup]) -> None:
        """Nothing: this order does not depend on the policy."""

    def state(self) -> dict[str, Any]:
        """The cursor."""
        return {"cursor": self.cursor}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on at the cursor."""
        self.cursor = int(state["cursor"])

    def _at(self, position: int) -> Example:
        if len(self._parts) == 1:
            return self._drawn(0, position)
        block, place = divmod(position, BLOCK)
        if block != self._block:
            self._plan = _block_plan(self._shares, f"{self._key}:mix:{block}")
            self._block = block
        part, drawn = self._plan[place]
        return self._drawn(part, block * self._shares[part] + drawn)

    def _drawn(self, part: int, position: int) -> Example:
        return self._parts[part][self._orders[part].at(position)]


class Permuted:
    """Endless permutations of `count` places, by position: every epoch a new one, known from the key and the position
    alone.
    """

    def __init__(self, count: int, key: str) -> None:
        self._count = count
        self._key = key
        self._epoch = -1
        self._order = array("Q")

    def at(self, position: int) -> int:
        """The place that comes at this position."""
        epoch, place = divmod(position, self._count)
        if epoch != self._epoch:
            self._order = array("Q", range(self._count))
            random.Random(f"{self._key}:{epoch}").shuffle(self._order)  # noqa: S311 -- an order, not a secret
            self._epoch = epoch
        return self._order[place]

    def batch(self, step: int, size: int) -> list[int]:
        """The places of optimizer step `step`, from 1."""
        return [self.at(position) for position in range((step - 1) * size, step * size)]


def block_shares(weights: Sequence[float]) -> list[int]:
    """How many of BLOCK draws each part gets: in proportion by largest remainders, none without a draw."""
    total = sum(weights)
    free = BLOCK - len(weights)
    exact = [max(weight / total * BLOCK - 1, 0.0) for weight in weights]
    scale = free / sum(exact) if sum(exact) else 0.0
    shares = [1 + int(share * scale) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda part: (int(exact[part] * scale) - exact[part] * scale, part))
    for part in by_remainder[: BLOCK - sum(shares)]:
        shares[part] += 1
    return shares


def _block_plan(shares: Sequence[int], key: str) -> list[tuple[int, int]]:
    """For each draw of a block its part, and how many of the block's draws this part had before."""
    parts = [part for part, share in enumerate(shares) for _ in range(share)]
    random.Random(key).shuffle(parts)  # noqa: S311 -- an order, not a secret
    drawn = [0] * len(shares)
    plan = []
    for part in parts:
        plan.append((part, drawn[part]))
        drawn[part] += 1
    return plan
