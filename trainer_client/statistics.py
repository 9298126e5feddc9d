"""What an evaluation says, and how sure it is: pass@k, maj@k, avg@k with intervals. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb, prod, sqrt
from statistics import NormalDist

import numpy as np


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the bounds of its confidence interval."""

    value: float
    low: float
    high: float


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Probability that k of `samples` samples, drawn without replacement, hold at least one of the `right` ones.

    Unbiased for the chance that k fresh samples hold a right one. A product, because the binomials overflow.
    Raises ValueError unless 0 <= right <= samples and 1 <= k <= samples.
    Source: Chen et al. 2021 (arXiv:2107.03374), eq. 1: 1 - C(n-c, k) / C(n, k).
    """
    _check_draw(samples, k)
    if not 0 <= right <= samples:
        raise ValueError(f"expected 0..{samples} right samples, got {right}")
    if samples - right < k:
        return 1.0
    return 1.0 - prod(1.0 - k / drawn for drawn in range(samples - right + 1, samples + 1))


def maj_at_k(answers: Sequence[Hashable | None], right: Sequence[bool], k: int) -> float:
    """Expected accuracy of the majority vote among k of the samples drawn without replacement: exact, no resampling.

    `answers` are the extracted answers, None for a sample without one, which has no vote; `right` says which samples
    were judged right. The most frequent answer among the k wins; of answers equally frequent each wins with equal
    chance; with no votes the outcome is wrong. An answer judged differently in different samples is right with the
    share of its samples that are. Raises ValueError for k out of range or lists of different length.
    Source: Wang et al. 2022, self-consistency (arXiv:2203.11171), averaged over all C(n, k) draws.
    """
    if len(answers) != len(right):
        raise ValueError(f"expected as many judgements as answers ({len(answers)}), got {len(right)}")
    _check_draw(len(answers), k)
    counts, wins = _votes(answers, right)
    silent = len(answers) - sum(counts.values())
    draws = comb(len(answers), k)
    return sum(
        wins[answer] / counts[answer] * _ways_to_win(answer, counts, silent, k) / draws
        for answer in counts
        if wins[answer]
    )


def _votes(
    answers: Sequence[Hashable | None], right: Sequence[bool]
) -> tuple[dict[Hashable, int], dict[Hashable, int]]:
    counts: dict[Hashable, int] = {}
    wins: dict[Hashable, int] = {}
    for answer, is_right in zip(answers, right, strict=True):
        if answer is not None:
            counts[answer] = counts.get(answer, 0) + 1
            wins[answer] = wins.get(answer, 0) + is_right
    return counts, wins


def _ways_to_win(answer: Hashable, counts: Mapping[Hashable, int], silent: int, k: int) -> float:
    """Number of k-draws in which `answer` wins; one with m equally frequent answers counts 1/m.

    For each number of votes that the winner may have, the others are added one by one: how many draws there are with
    so many votes used and so many ties.
    """
    others = sorted(count for name, count in counts.items() if name != answer)
    total = 0.0
    for votes in range(1, min(counts[answer], k) + 1):
        ways = {(used, 0): comb(silent, used) for used in range(min(silent, k - votes) + 1)}
        for count in others:
            ways = _with_one_more(ways, count, votes, k - votes)
        tied = (number / (ties + 1) for (used, ties), number in ways.items() if used == k - votes)
        total += comb(counts[answer], votes) * sum(tied)
    return total


def _with_one_more(ways: dict[tuple[int, int], int], count: int, votes: int, room: int) -> dict[tuple[int, int], int]:
    """The ways after one more answer with `count` samples took part, none with more than `votes` of them drawn."""
    after: dict[tuple[int, int], int] = {}
    choices = [(drawn, comb(count, drawn)) for drawn in range(min(count, votes) + 1)]
    for (used, ties), number in ways.items():
        for drawn, chances in choices:
            if used + drawn <= room:
                key = (used + drawn, ties + (drawn == votes))
                after[key] = after.get(key, 0) + number * chances
    return after


def wilson_interval(right: int, trials: int, confidence: float = 0.95) -> Estimate:
    """Share of `right` in independent `trials`, with Wilson's interval.

    Sound near 0 and 1, where the normal one is not. For one sample a problem: with several, use `cluster_interval` or
    `bootstrap_interval`, because samples of one problem are not independent. Raises ValueError unless
    0 <= right <= trials and trials > 0.
    Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209-212.
    """
    if trials < 1 or not 0 <= right <= trials:
        raise ValueError(f"expected 0 <= right <= trials and at least one trial, got {right} of {trials}")
    z = _normal_quantile(confidence)
    share = right / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z / (1 + z * z / trials) * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low = 0.0 if right == 0 else max(centre - reach, 0.0)
    high = 1.0 if right == trials else min(centre + reach, 1.0)
    return Estimate(share, low, high)


def avg_at_k(right: Sequence[Sequence[bool]]) -> list[float]:
    """Share of right samples of each problem; their mean is avg@k. Raises ValueError for a problem without samples."""
    if not all(right):
        raise ValueError("expected at least one sample for each problem")
    return [sum(samples) / len(samples) for samples in right]


def cluster_interval(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Mean over problems, with a normal interval from the spread between problems; one value for each problem.

    The problem is the cluster: however many samples a problem has, it counts once. One problem has no spread and
    gives an interval of all of [-inf, inf].
    Source: Miller 2024 (arXiv:2411.00640), the central limit theorem with clustered standard errors.
    """
    _some(values)
    mean = sum(values) / len(values)
    if len(values) == 1:
        return Estimate(mean, float("-inf"), float("inf"))
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    reach = _normal_quantile(confidence) * sqrt(variance / len(values))
    return Estimate(mean, mean - reach, mean + reach)


def bootstrap_interval(
    values: Sequence[float], seed: int, confidence: float = 0.95, resamples: int = 10_000
) -> Estimate:
    """Mean over problems, with the percentile interval of means of problems drawn with replacement.

    One value for each problem: the samples of a problem stay together. It needs no assumption on the spread and never
    leaves the range of the values. The same seed gives the same bounds.
    Source: Efron 1979, Ann. Stat. 7, 1-26, resampling whole problems.
    """
    _some(values)
    known = np.asarray(values, dtype=np.float64)
    generator = np.random.Generator(np.random.PCG64(seed))
    means = np.array([known[generator.integers(0, len(known), len(known))].mean() for _ in range(resamples)])
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(known.mean()), float(low), float(high))


def mean_over_problems(problems: Iterable[Sequence[bool]], metric: Callable[[int, int], float]) -> float:
    """Mean over problems of `metric(samples, right)`, such as `lambda n, c: pass_at_k(n, c, 8)`."""
    values = [metric(len(samples), sum(samples)) for samples in problems]
    _some(values)
    return sum(values) / len(values)


def _check_draw(samples: int, k: int) -> None:
    if not 1 <= k <= samples:
        raise ValueError(f"expected 1 <= k <= {samples} samples, got k = {k}: draw more samples or ask for a smaller k")


def _some(values: Sequence[float]) -> None:
    if not values:
        raise ValueError("expected at least one problem, got none")


def _normal_quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, got {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)
