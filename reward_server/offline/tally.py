"""Counts and means over any number of results, in constant memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.table import Table

from reward_server.wire import ScoreResult, Status


@dataclass
class Tally:
    rows: int = 0
    reward_sum: float = 0.0
    statuses: Counter[Status] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    component_sums: Counter[str] = field(default_factory=Counter)
    component_counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, results: Iterable[ScoreResult]) -> Tally:
        tally = cls()
        for result in results:
            tally.add(result)
        return tally

    def add(self, result: ScoreResult) -> None:
        self.rows += 1
        self.reward_sum += result.reward or 0.0
        self.statuses[result.status] += 1
        self.flags.update(result.flags)
        if result.error is not None:
            self.errors[result.error.code] += 1
        for name, component in result.components.items():
            if component.value is not None:
                self.component_sums[name] += component.value  # type: ignore[assignment]
                self.component_counts[name] += 1

    @property
    def mean(self) -> float:
        """Mean reward over the rows with status ok; 0 when there is none."""
        return self.reward_sum / max(1, self.statuses[Status.OK])

    def table(self) -> Table:
        table = Table(title=f"{self.rows:,} rows", title_justify="left", show_header=False)
        table.add_column()
        table.add_column(justify="right")
        for status in Status:
            table.add_row(status.value, f"{self.statuses[status]:,}")
        table.add_row("mean reward of ok", f"{self.mean:.4f}")
        for name, count in sorted(self.component_counts.items()):
            table.add_row(f"component {name}", f"{self.component_sums[name] / count:.4f}")
        for kind, counts in (("flag", self.flags), ("error", self.errors)):
            for name, count in counts.most_common():
                table.add_row(f"{kind} {name}", f"{count:,}")
        return table
