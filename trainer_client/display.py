"""What a person sees while a run goes on: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

SHOWN_ROWS = 14
PLAIN_LINE_SECONDS = 2.0
COLUMNS = (
    "stage",
    "step",
    "loss",
    "reward",
    "accuracy",
    "held-out",
    "length",
    "entropy",
    "dead",
    "unscored",
    "gap",
    "s",
)


class Display:
    """Shows steps, evaluations and notices. Context manager; safe to call from the rewards thread."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._rows: deque[tuple[str, ...]] = deque(maxlen=SHOWN_ROWS)
        self._notices: deque[str] = deque(maxlen=3)
        self._held_out = ""
        self._last_line = 0.0
        self._live: Live | None = None
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, get_renderable=self._render)

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.refresh()
            self._live.stop()

    def notice(self, text: str) -> None:
        """Say something that is not a step."""
        if self._live is None:
            self._console.print(text, soft_wrap=True, markup=False)
            return
        self._notices.append(text)
        self._live.refresh()

    def step(self, record: dict[str, Any], total: int) -> None:
        """Show a step of `total`. Without a terminal SFT steps are shown every few seconds only."""
        row = step_row(record, total, self._held_out)
        self._rows.append(row)
        if self._live is not None:
            self._live.refresh()
            return
        now = time.monotonic()
        if record["step"] in (1, total) or now - self._last_line >= PLAIN_LINE_SECONDS:
            self._last_line = now
            told = "  ".join(f"{name} {cell}" for name, cell in zip(COLUMNS[2:], row[2:], strict=True) if cell)
            self._console.print(f"{row[0]} {row[1]}  {told}", soft_wrap=True, markup=False)

    def evaluation(self, record: dict[str, Any]) -> None:
        """Show an evaluation."""
        self._held_out = _share(record["accuracy"])
        judged = f"{record['scored']} of {record['problems']} held-out problems judged"
        self.notice(f"{record['stage']} {record['step']}: held-out accuracy {self._held_out} ({judged})")

    def _render(self) -> Group:
        table = Table(box=None, pad_edge=False)
        for name in COLUMNS:
            table.add_column(name, justify="left" if name == "stage" else "right")
        for row in self._rows:
            table.add_row(*row)
        return Group(table, *(Text(notice, style="yellow") for notice in self._notices))


def silent_display() -> Display:
    """One that shows nothing: of several processes one speaks."""
    return Display(Console(quiet=True, force_terminal=False))


def step_row(record: dict[str, Any], total: int, held_out: str) -> tuple[str, ...]:
    """The cells of COLUMNS for a step's record; what the stage does not have is empty."""
    missing = record.get("unscored", 0) + record.get("skipped", 0)
    return (
        record["stage"],
        f"{record['step']}/{total}",
        _number(record.get("loss"), 3),
        _number(record.get("reward"), 3),
        _share(record.get("accuracy")),
        held_out,
        _number(record.get("length"), 1),
        _number(record.get("entropy"), 3),
        _share(record.get("dead_group_share")),
        str(missing) if missing else "",
        "" if record.get("log_prob_gap") is None else f"{record['log_prob_gap']:.0e}",
        _number(record["seconds"]["total"], 2),
    )


def _number(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:.{places}f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}%"
