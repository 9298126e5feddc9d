"""Judged answers to numbers: pass@k, maj@k, avg@k with their intervals. Pure; formulas in `statistics`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from trainer_client.statistics import Estimate, cluster_interval, maj_at_k, pass_at_k, wilson_interval

Row = dict[str, Any]


@dataclass(slots=True)
class Scorecard:
    """Sums over problems. `passes` and `majorities` hold for each k one value of every problem with k judged answers.

    An answer without a score counts nowhere but in `unscored` or `skipped`; a problem with fewer than k judged answers
    is in no mean over k. `majorities` are told only where an answer of some problem could be read: code has none.
    """

    ks: tuple[int, ...]
    problems: int = 0
    answers: int = 0
    judged: int = 0
    right: int = 0
    unscored: int = 0
    skipped: int = 0
    truncated: int = 0
    tokens: int = 0
    rates: list[float] = field(default_factory=list)
    passes: dict[int, list[float]] = field(default_factory=dict)
    majorities: dict[int, list[float]] = field(default_factory=dict)
    readable: int = 0

    def add(self, samples: Sequence[Row]) -> None:
        """The answers to one problem, as they are in `answers.jsonl`."""
        scored = [one for one in samples if one["right"] is not None]
        right = [bool(one["right"]) for one in scored]
        answers = [one["answer"] for one in scored]
        self.problems += 1
        self.answers += len(samples)
        self.judged += len(scored)
        self.right += sum(right)
        self.unscored += sum(one["judged"] == "unscored" for one in samples)
        self.skipped += sum(one["judged"] == "skipped" for one in samples)
        self.truncated += sum(one["truncated"] for one in samples)
        self.tokens += sum(one["tokens"] for one in samples)
        self.readable += sum(answer is not None for answer in answers)
        if scored:
            self.rates.append(sum(right) / len(right))
        for k in self.ks:
            if k <= len(scored):
                self.passes.setdefault(k, []).append(pass_at_k(len(right), sum(right), k))
                self.majorities.setdefault(k, []).append(maj_at_k(answers, right, k))

    def results(self, confidence: float) -> Row:
        """All numbers; an estimate is None where no problem had enough judged answers."""
        single = self.answers == self.problems
        shares = {
            "pass@k": {k: self._estimate(self.passes.get(k, []), confidence, k, single) for k in self.ks},
            "maj@k": {k: self._estimate(self.majorities.get(k, []), confidence, k, single) for k in self.ks},
        }
        if not self.readable:  # such as code, which has no answer to vote on
            shares["maj@k"] = dict.fromkeys(self.ks)
        average = self._estimate(self.rates, confidence, 1, single)
        return {
            "problems": self.problems,
            "answers": self.answers,
            "judged": self.judged,
            "right": self.right,
            "unscored": self.unscored,
            "skipped": self.skipped,
            "avg@n": average,
            **{name: {str(k): value for k, value in by_k.items()} for name, by_k in shares.items()},
            "confidence": confidence,
            "interval": "Wilson" if single else "normal over problems; Wilson where all are 0 or all are 1",
            "never_solved": sum(rate == 0 for rate in self.rates),
            "always_solved": sum(rate == 1 for rate in self.rates),
            "truncated_share": self.truncated / self.answers if self.answers else None,
            "mean_tokens": self.tokens / self.answers if self.answers else None,
        }

    def _estimate(self, values: Sequence[float], confidence: float, k: int, single: bool) -> Row | None:
        if not values:
            return None
        estimate = interval(values, confidence, single)
        told = {"value": estimate.value, "low": _finite(estimate.low), "high": _finite(estimate.high)}
        return told | {"problems": len(values), "left_out": self.problems - len(values)}


def interval(values: Sequence[float], confidence: float, single: bool) -> Estimate:
    """Mean over problems with its interval, within 0..1.

    Wilson's where every problem has a `single` answer, and where all problems are wholly right or all wholly wrong:
    without any spread the normal interval would claim certainty.
    """
    if (single and all(value in (0.0, 1.0) for value in values)) or set(values) in ({0.0}, {1.0}):
        return wilson_interval(round(sum(values)), len(values), confidence)
    estimate = cluster_interval(values, confidence)
    if math.isinf(estimate.low):
        return estimate
    return Estimate(estimate.value, max(estimate.low, 0.0), min(estimate.high, 1.0))


def pass_rate(row: Row) -> Row:
    """One line of `problems.jsonl`: the share of judged answers that are right, None where none was judged."""
    right = [bool(one["right"]) for one in row["samples"] if one["right"] is not None]
    return {"id": row["id"], "pass_rate": sum(right) / len(right) if right else None, "samples": len(right)}


def results_table(results: Row) -> Table:
    """The numbers as a person reads them, in per cent."""
    table = Table()
    for name in ("metric", "value", "interval", "problems"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for name, estimate in _estimates(results):
        if estimate is not None:
            table.add_row(name, _percent(estimate["value"]), _bounds(estimate), str(estimate["problems"]))
    for name in ("judged", "unscored", "skipped", "never_solved", "always_solved", "mean_tokens"):
        value = results[name]
        table.add_row(name.replace("_", " "), f"{value:.1f}" if isinstance(value, float) else str(value), "", "")
    return table


def _estimates(results: Row) -> Iterable[tuple[str, Row | None]]:
    yield "avg@n", results["avg@n"]
    for kind in ("pass", "maj"):
        for k, estimate in results[f"{kind}@k"].items():
            yield f"{kind}@{k}", estimate


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _bounds(estimate: Row) -> str:
    if estimate["low"] is None or estimate["high"] is None:
        return "unknown"
    return f"{_percent(estimate['low'])} .. {_percent(estimate['high'])}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
