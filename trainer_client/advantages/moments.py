"""Mean and deviation over all ranks. Pure but for the `reduce` it is given.

A deviation over ranks is no mean of the ranks' deviations. It is made in two stages, each a plain sum, so that an
all-reduce of a few numbers joins the ranks: first count and total, which give the mean; then the squares around it.
Squares around the common mean lose nothing to cancellation, unlike a sum of raw squares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Reduce = Callable[[Tensor], Tensor]
"""Adds a tensor over all ranks and returns the sum; every rank calls it the same number of times."""


def alone(sums: Tensor) -> Tensor:
    """The sum over the only rank there is."""
    return sums


@dataclass(frozen=True, slots=True)
class Moments:
    """Of all values together: how many, their mean, and their standard deviation (0 where all are equal)."""

    count: float
    mean: float
    deviation: float


def first_sums(values: Tensor, mask: Tensor) -> Tensor:
    """Count and total [2] of the values where `mask` is true; those of several ranks may be added."""
    chosen = values[mask.bool()].double()
    return torch.stack([chosen.new_tensor(float(chosen.numel())), chosen.sum()])


def second_sums(values: Tensor, mask: Tensor, first: Tensor) -> Tensor:
    """Sum [1] of squares around the mean that the added `first` sums give; may be added in the same way."""
    chosen = values[mask.bool()].double()
    return (chosen - first[1] / first[0].clamp(min=1)).square().sum().reshape(1)


def moments(first: Tensor, second: Tensor, ddof: int) -> Moments:
    """The moments that the added sums give, with divisor `count - ddof` (at least 1) in the variance.

    A deviation no larger than the rounding of the mean counts as 0: equal values must not be blown up.
    """
    count, total = first.tolist()
    mean = total / max(count, 1.0)
    deviation = (float(second) / max(count - ddof, 1.0)) ** 0.5
    rounding = 8 * torch.finfo(torch.float64).eps * abs(mean)
    return Moments(count, mean, deviation if deviation > rounding else 0.0)


def global_moments(values: Tensor, mask: Tensor, ddof: int, reduce: Reduce = alone) -> Moments:
    """Moments of the values where `mask` is true, over all ranks; two calls of `reduce`, [2] and [1] in fp64."""
    first = reduce(first_sums(values, mask))
    return moments(first, reduce(second_sums(values, mask, first)), ddof)


def whiten(values: Tensor, mask: Tensor, ddof: int, eps: float, reduce: Reduce = alone) -> Tensor:
    """(x - mean) / (deviation + eps) with the moments of all masked values of all ranks; zero elsewhere.

    Fewer than two values, or all of them equal, give zeros: there is nothing to compare.
    Source: REINFORCE++ (arXiv:2501.03262), global advantage normalisation; the same stage ends PPO's GAE in
    OpenRLHF and verl.
    """
    found = global_moments(values, mask, ddof, reduce)
    if found.deviation == 0.0:
        return torch.zeros_like(values)
    return torch.where(mask.bool(), (values - found.mean) / (found.deviation + eps), torch.zeros_like(values))
