"""Ranks as threads: each runs the same function with a `reduce` that really adds over all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from torch import Tensor

from trainer_client.advantages import Reduce

Share = TypeVar("Share")
Result = TypeVar("Result")

PATIENCE_SECONDS = 20


def on_ranks(shares: Sequence[Share], work: Callable[[Share, Reduce], Result]) -> list[Result]:
    """What `work(share, reduce)` returned on each rank, in order."""
    meeting = threading.Barrier(len(shares))
    sent: list[Tensor | None] = [None] * len(shares)

    def reducer(rank: int) -> Reduce:
        def reduce(sums: Tensor) -> Tensor:
            sent[rank] = sums
            meeting.wait(PATIENCE_SECONDS)
            total = sum(part for part in sent if part is not None)
            meeting.wait(PATIENCE_SECONDS)
            assert isinstance(total, Tensor)
            return total

        return reduce

    with ThreadPoolExecutor(len(shares)) as pool:
        futures = [pool.submit(work, share, reducer(rank)) for rank, share in enumerate(shares)]
        return [future.result(PATIENCE_SECONDS) for future in futures]
