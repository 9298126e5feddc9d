"""Counts of validated rows, with the ids of a few that cannot be judged, in constant memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rich.table import Table

from reward_server.wire import Status
from reward_server.wire_validation import RowReport

EXAMPLES = 5


@dataclass
class ValidationTally:
    rows: int = 0
    statuses: Counter[Status] = field(default_factory=Counter)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)  # of verifiable rows, with their check
    stated: Counter[tuple[str, str]] = field(default_factory=Counter)  # those whose reference was judged by itself
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)  # of each reason: row ids, or row numbers from 0
    messages: dict[str, str] = field(default_factory=dict)

    def add(self, report: RowReport) -> None:
        self.rows += 1
        self.statuses[report.status] += 1
        if report.reason is None:
            kind = (report.gold_kind.value if report.gold_kind else "none", report.check or "none")
            self.kinds[kind] += 1
            self.stated[kind] += report.self_score is not None
            return
        code = report.reason.code
        self.reasons[code] += 1
        self.messages.setdefault(code, report.reason.message)
        known = self.examples.setdefault(code, [])
        if len(known) < EXAMPLES:
            known.append(report.id if report.id is not None else f"#{report.index}")

    @property
    def unjudged(self) -> int:
        """Rows that are not verifiable, and those of which nothing is known."""
        return self.rows - self.statuses[Status.OK]

    def table(self) -> Table:
        table = Table(title=f"{self.rows:,} rows", title_justify="left")
        table.add_column("what")
        table.add_column("rows", justify="right")
        table.add_column("of these")
        table.add_row("verifiable", f"{self.statuses[Status.OK]:,}", "")
        for (kind, check), count in self.kinds.most_common():
            stated = f"{self.stated[kind, check]:,} references judged, each 1.0"
            table.add_row(f"  {kind} by {check}", f"{count:,}", stated)
        table.add_row("unverifiable", f"{self.statuses[Status.SKIPPED]:,}", "")
        if self.statuses[Status.ERROR]:
            table.add_row("unknown, by our fault", f"{self.statuses[Status.ERROR]:,}", "")
        for code, count in self.reasons.most_common():
            first = f"{', '.join(self.examples[code])}; the first: {self.messages[code][:160]}"
            table.add_row(f"  {code}", f"{count:,}", first)
        return table
