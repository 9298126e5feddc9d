"""Mean and deviation of what a mask chooses, and whitening by them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Moments:
    """Of all values together: how many, their mean, and their standard deviation (0 where all are equal)."""

    count: int
    mean: float
    deviation: float


def masked_moments(values: Tensor, mask: Tensor, ddof: int) -> Moments:
    """Moments in fp64 of the values where `mask` is true, with divisor `count - ddof` (at least 1) in the variance.

    Squares around the mean lose nothing to cancellation, unlike a sum of raw squares. A deviation no larger than the
    rounding of the mean counts as 0: equal values must not be blown up.
    """
    chosen = values[mask.bool()].double()
    count = chosen.numel()
    mean = float(chosen.sum()) / max(count, 1)
    deviation = (float((chosen - mean).square().sum()) / max(count - ddof, 1)) ** 0.5
    rounding = 8 * torch.finfo(torch.float64).eps * abs(mean)
    return Moments(count, mean, deviation if deviation > rounding else 0.0)


def whiten(values: Tensor, mask: Tensor, ddof: int, eps: float) -> Tensor:
    """(x - mean) / (deviation + eps) with the moments of all masked values; zero elsewhere.

    Fewer than two values, or all of them equal, give zeros: there is nothing to compare.
    Source: REINFORCE++ (arXiv:2501.03262), global advantage normalisation; the same stage ends PPO's GAE in
    OpenRLHF and verl.
    """
    found = masked_moments(values, mask, ddof)
    if found.deviation == 0.0:
        return torch.zeros_like(values)
    return torch.where(mask.bool(), (values - found.mean) / (found.deviation + eps), torch.zeros_like(values))
