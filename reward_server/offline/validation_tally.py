"""Counts of validated rows, with the ids of a few that cannot be judged, in constant memory."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from rich.table import Table

from reward_server.wire import ItemError, Status
from reward_server.wire_validation import RowReport

EXAMPLES = 5
MAX_REASONS = 24  # kept apart; what comes after them is counted by its code alone
_VARYING = re.compile(r"[:;'\"(]|\d|, got\b")  # from here on a message is about its row


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
        reason = self._reason(report.reason)
        self.reasons[reason] += 1
        self.messages.setdefault(reason, report.reason.message)
        known = self.examples.setdefault(reason, [])
        if len(known) < EXAMPLES:
            known.append(report.id if report.id is not None else f"#{report.index}")

    def _reason(self, error: ItemError) -> str:
        """The code, with the part of the message that rows with the same fault share."""
        shared = _VARYING.split(error.message, maxsplit=1)[0].strip()[:100]
        reason = f"{error.code}: {shared}" if shared else error.code
        return reason if reason in self.reasons or len(self.reasons) < MAX_REASONS else error.code

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
            stated = f"references judged, each 1.0: {self.stated[kind, check]:,}"
            table.add_row(f"  {kind} by {check}", f"{count:,}", stated)
        table.add_row("unverifiable", f"{self.statuses[Status.SKIPPED]:,}", "")
        if self.statuses[Status.ERROR]:
            table.add_row("unknown, by our fault", f"{self.statuses[Status.ERROR]:,}", "")
        for reason, count in self.reasons.most_common():
            first = f"{', '.join(self.examples[reason])}; the first: {self.messages[reason][:160]}"
            table.add_row(f"  {reason}", f"{count:,}", first)
        return table
