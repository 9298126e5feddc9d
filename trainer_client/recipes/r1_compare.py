"""Is a stage's model better than the one before it? Numbers in, a sentence out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, sqrt
from statistics import NormalDist
from typing import Literal

from trainer_client.statistics import Estimate

Outcome = Literal["better", "worse", "within noise", "not measured"]

NOTICEABLE = 0.02  # a change of a share that is worth naming as a cause
SMALLER = 0.9  # weights of less than this share of the other's make a smaller model


@dataclass(frozen=True, slots=True)
class Measured:
    """A model on the problems of the comparison. `rates` has the share of right answers of each judged problem, by id.

    Shares are 0..1, `mean_tokens` counts tokens of an answer, `weight_bytes` is None for a model that is not on disk.
    """

    rates: Mapping[str, float] = field(repr=False)
    accuracy: Estimate | None
    mean_tokens: float | None
    format_rate: float | None
    truncated_share: float | None
    weight_bytes: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """A stage against the one before it: the difference of accuracies on the problems that both have, and why."""

    outcome: Outcome
    difference: Estimate | None
    problems: int
    reasons: tuple[str, ...]


def paired_difference(before: Mapping[str, float], after: Mapping[str, float], confidence: float) -> Estimate:
    """Mean of `after - before` over the problems of both, with its interval, within -1..1.

    The same problems were asked, so the spread is that of the differences and not of two independent shares
    (Miller 2024, arXiv:2411.00640, 4.2). Two imagined problems are added to the interval, of which one changed, half up
    and half down: with none, equal answers would claim certainty. For one answer a problem that is the interval of
    Agresti and Min 2005, Statistics in Medicine 24, 729-740. Raises ValueError when no problem is in both.
    """
    shared = before.keys() & after.keys()
    if not shared:
        raise ValueError("expected problems that both were measured on, got none")
    changes = [after[name] - before[name] for name in sorted(shared)]
    number = len(changes) + 2
    centre = sum(changes) / number
    variance = (sum(change * change for change in changes) + 1) / number - centre * centre
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(variance / number)
    return Estimate(sum(changes) / len(changes), max(centre - reach, -1.0), min(centre + reach, 1.0))


def step_between(before: Measured, after: Measured, confidence: float, learning: tuple[str, ...] = ()) -> Step:
    """What came of a stage; the reasons say, of what was measured, why it is not better.

    `learning` is what the stage's own record says of it.
    """
    problems = len(before.rates.keys() & after.rates.keys())
    if not problems:
        return Step("not measured", None, 0, ("no problem was judged for both",))
    difference = paired_difference(before.rates, after.rates, confidence)
    if difference.low > 0:
        return Step("better", difference, problems, ())
    outcome: Outcome = "worse" if difference.high < 0 else "within noise"
    unclear = (*_noise(difference, problems), *_room(before, difference)) if outcome == "within noise" else ()
    reasons = (*unclear, *_causes(before, after), *learning)
    return Step(outcome, difference, problems, reasons or ("none of the other numbers tells why",))


def told(step: Step, against: str) -> str:
    """The outcome as a sentence."""
    if step.difference is None:
        return f"not compared with {against}: {'; '.join(step.reasons)}"
    low, high = 100 * step.difference.low, 100 * step.difference.high
    gain = f"{100 * step.difference.value:+.1f} points ({low:+.1f} .. {high:+.1f})"
    why = f": {'; '.join(step.reasons)}" if step.reasons else ""
    than = "of" if step.outcome == "within noise" else "than"
    return f"{step.outcome} {than} {against}, {gain}{why}"


def _noise(difference: Estimate, problems: int) -> tuple[str, ...]:
    """How many problems would show a difference of this size, if it is one."""
    reach = (difference.high - difference.low) / 2
    if difference.value == 0:
        return (f"{problems} problems show differences of {100 * reach:.1f} points and more, there is none",)
    needed = problems * (reach / difference.value) ** 2
    if needed > 100 * problems:
        return (f"next to no difference, {problems} problems show those of {100 * reach:.1f} points and more",)
    return (f"some {_round_up(needed)} problems would be needed to tell so small a difference, there are {problems}",)


def _room(before: Measured, difference: Estimate) -> tuple[str, ...]:
    """Whether the one before left anything to gain that this many problems could show."""
    if before.accuracy is None:
        return ()
    left = 1.0 - before.accuracy.value
    if left > (difference.high - difference.low) / 2:
        return ()
    return (f"the one before leaves only {100 * left:.1f} points to gain",)


def _causes(before: Measured, after: Measured) -> tuple[str, ...]:
    causes = []
    if (cut := _change(before.truncated_share, after.truncated_share)) > NOTICEABLE:
        causes.append(f"{100 * cut:.1f} points more of its answers run into the length limit")
    if (form := _change(before.format_rate, after.format_rate)) < -NOTICEABLE:
        causes.append(f"{-100 * form:.1f} points fewer of its answers are well formed")
    if before.weight_bytes and after.weight_bytes and after.weight_bytes < SMALLER * before.weight_bytes:
        share = 100 * after.weight_bytes / before.weight_bytes
        causes.append(f"its model is smaller, {share:.0f} % of the weights")
    return tuple(causes)


def _change(before: float | None, after: float | None) -> float:
    return 0.0 if before is None or after is None else after - before


def _round_up(number: float) -> int:
    """To two digits, so that it does not pretend to be exact."""
    whole = int(number) + 1
    unit: int = 10 ** max(len(str(whole)) - 2, 0)
    return ceil(whole / unit) * unit
