"""The processes that share a run, each a rank: what is whose, and what they tell each other.

Every rank holds the whole batch of a step and the same weights; what costs time, the passes through the networks, is
shared out by rows, and the results are added. So normalisers, advantages and decisions are those of one process, by
the same arithmetic on the same numbers, and only sums over rows cross the ranks.

Ranks call the methods that exchange something in the same order. A process alone exchanges nothing: it never touches
torch.distributed.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as distributed
from torch import Tensor
from torch.nn import Parameter

from trainer_client.errors import RankLost, TrainerError
from trainer_client.launch import process_count

BUCKET_BYTES = 64 * 2**20  # gradients are added so many at a time: few calls, and little memory beside them

Value = TypeVar("Value")


class Ranks:
    """Rank `rank` of `size`, in the default group of torch.distributed where there are several.

    `local_rank` counts on this machine alone. What exchanges something raises RankLost when another rank has ended, or
    did not answer in time.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0) -> None:
        self.rank = rank
        self.size = size
        self.local_rank = local_rank

    @property
    def alone(self) -> bool:
        """Whether there is no other rank."""
        return self.size == 1

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes and speaks."""
        return self.rank == 0

    def own_rows(self, index: Tensor) -> Tensor:
        """This rank's share of the rows [N]: every `size`-th, so that neighbours of like length are shared out."""
        return index[self.rank :: self.size]

    def own(self, items: Sequence[Value]) -> Sequence[Value]:
        """This rank's share of the items, every `size`-th; `joined` puts the shares together again."""
        return items[self.rank :: self.size]

    def seed(self, seed: int) -> int:
        """The seed of this rank's own random numbers; that of the first is `seed`."""
        return seed if self.is_first else random.Random(f"{seed}:rank {self.rank}").getrandbits(32)  # noqa: S311

    def label(self, text: str) -> str:
        """The text, with the rank in it where there are several."""
        return text if self.alone else f"{text}-rank{self.rank}"

    def add(self, sums: Tensor) -> Tensor:
        """The sum over all ranks."""
        if self.alone:
            return sums
        total = sums.clone()
        with _exchange():
            distributed.all_reduce(total)
        return total

    def any(self, flag: bool) -> bool:
        """Whether the flag is up on any rank."""
        return bool(self.add(torch.tensor(int(flag))))

    def gathered(self, value: Value) -> list[Value]:
        """The value of every rank, in the order of the ranks, the same on each; the values are pickled."""
        if self.alone:
            return [value]
        values: list[Value | None] = [None] * self.size
        with _exchange():
            distributed.all_gather_object(values, value)
        return values  # type: ignore[return-value]  # every place has been filled

    def each(self, work: Callable[[], Value]) -> list[Value]:
        """What every rank's work gave; where one failed in a way that can be told, all raise what the first raised.

        The work exchanges nothing by itself.
        """
        if self.alone:
            return [work()]
        done: Value | TrainerError | OSError
        try:
            done = work()
        except (TrainerError, OSError) as error:
            done = error
        results = self.gathered(done)
        for result in results:
            if isinstance(result, (TrainerError, OSError)):
                raise result
        return cast("list[Value]", results)

    def first(self, work: Callable[[], Value]) -> Value:
        """What the work gave on the first rank; the others wait for it, and raise what it raised."""
        return cast("Value", self.each(lambda: work() if self.is_first else None)[0])

    def add_gradients(self, parameters: Iterable[Parameter]) -> None:
        """Replace each gradient by the sum over all ranks; one that no rank has stays None, as in one process.

        Added, not averaged: the divisors are those of the whole step.
        """
        if self.alone:
            return
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        having = self.add(torch.tensor([float(parameter.grad is not None) for parameter in trained]))
        used = [parameter for parameter, count in zip(trained, having.tolist(), strict=True) if count]
        for bucket in _buckets([_gradient(parameter) for parameter in used]):
            flat = self.add(torch.cat([gradient.flatten() for gradient in bucket]))
            totals = torch.split(flat, [gradient.numel() for gradient in bucket])
            for gradient, total in zip(bucket, totals, strict=True):
                gradient.copy_(total.view_as(gradient))


ALONE = Ranks()


@contextmanager
def open_ranks(seconds: float) -> Iterator[Ranks]:
    """The ranks that torchrun started, joined; one process alone where it did not.

    `seconds` is how long one rank waits for the others.
    """
    if process_count() == 1:
        yield ALONE
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=timedelta(seconds=seconds))
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size(), int(os.environ.get("LOCAL_RANK", "0")))
    finally:
        distributed.destroy_process_group()


def joined(shares: Sequence[Sequence[Value]]) -> list[Value]:
    """The items of which `Ranks.own` gave the shares, in their order."""
    longest = max((len(share) for share in shares), default=0)
    return [share[place] for place in range(longest) for share in shares if place < len(share)]


@contextmanager
def _exchange() -> Iterator[None]:
    """Says what torch's plain RuntimeError means: the connection is gone, or the time is up."""
    try:
        yield
    except RuntimeError as error:
        told = str(error).partition("\n")[0]
        reason = re.sub(r"^\[[^\]]*\] ", "", told).partition(". ")[0]  # without gloo's source line and advice
        raise RankLost(
            f"another process of this run ended or does not answer; what it printed tells why ({reason}). "
            "Go on with --resume and as many processes"
        ) from error


def _gradient(parameter: Parameter) -> Tensor:
    """The gradient, zeros where this rank had no row that gives one."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The gradients in order, cut where the type changes or a bucket is full."""
    bucket: list[Tensor] = []
    for gradient in gradients:
        full = sum(one.nbytes for one in bucket) + gradient.nbytes > BUCKET_BYTES
        if bucket and (full or gradient.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket
