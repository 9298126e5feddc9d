"""What a person sees while a run goes on: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

SHOWN_ROWS = 14
GAP = 2  # blanks between two columns of a rich table
PLAIN_LINE_SECONDS = 2.0
COLUMNS = {  # name -> its unit, on the second line of the head
    "stage": "",
    "step": "",
    "loss": "",
    "reward": "",
    "accuracy": "",
    "held-out": "",
    "length": "tokens",
    "entropy": "nats",
    "kl": "nats",
    "clip": "",
    "dead": "groups",
    "unscored": "",
    "gap": "nats",
    "grad": "norm",
    "s": "a step",
}
DROPPED_FIRST = ("gap", "clip", "loss", "grad", "kl", "unscored", "entropy", "held-out", "length", "dead")


class Display:
    """Shows steps, evaluations and notices. Context manager; safe to call from the rewards thread."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._rows: deque[tuple[str, ...]] = deque(maxlen=SHOWN_ROWS)
        self._newest: list[str] = []
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
        """Say something that is not a step; on a terminal it stays above the table."""
        self._console.print(Text(text, style="" if self._live is None else "yellow"), soft_wrap=True)

    def step(self, record: dict[str, Any], total: int) -> None:
        """Show a step of `total`. Without a terminal SFT steps are shown every few seconds only."""
        row = step_row(record, total, self._held_out)
        self._rows.append(row)
        self._newest = [component_line(record), remaining_line(record, total)]
        if self._live is not None:
            self._live.refresh()
            return
        now = time.monotonic()
        if record["step"] in (1, total) or now - self._last_line >= PLAIN_LINE_SECONDS:
            self._last_line = now
            told = [f"{name} {cell}" for name, cell in zip(COLUMNS, row, strict=True) if cell][2:]
            words = [f"{row[0]} {row[1]}", *told, component_line(record)]
            self._console.print("  ".join(word for word in words if word), soft_wrap=True, markup=False)

    def evaluation(self, record: dict[str, Any]) -> None:
        """Show an evaluation."""
        self._held_out = _share(record["accuracy"])
        judged = f"{record['scored']} of {record['problems']} held-out problems judged"
        self.notice(f"{record['stage']} {record['step']}: held-out accuracy {self._held_out} ({judged})")

    def _render(self) -> Group:
        shown = fitting(self._rows, self._console.width)
        table = Table(box=None, pad_edge=False)
        for name in shown:
            table.add_column(f"{name}\n{COLUMNS[name]}", justify="left" if name == "stage" else "right", no_wrap=True)
        for row in self._rows:
            cells = dict(zip(COLUMNS, row, strict=True))
            table.add_row(*(cells[name] for name in shown))
        newest = dict(zip(COLUMNS, self._rows[-1], strict=True)) if self._rows else {}
        more = "  ".join(f"{name} {cell}" for name, cell in newest.items() if cell and name not in shown)
        return Group(table, *(Text(line) for line in (more, *self._newest) if line))


def fitting(rows: Iterable[tuple[str, ...]], width: int) -> list[str]:
    """The columns that have something to show and fit side by side into so many characters, in their order."""
    lengths = {name: max(len(name), len(unit)) for name, unit in COLUMNS.items()}
    filled = {"stage", "step"}
    for row in rows:
        for name, cell in zip(COLUMNS, row, strict=True):
            lengths[name] = max(lengths[name], len(cell))
            filled |= {name} if cell else set()
    shown = [name for name in COLUMNS if name in filled]
    for name in DROPPED_FIRST:
        if sum(lengths[column] + GAP for column in shown) - GAP > width and name in shown:
            shown.remove(name)
    return shown


def component_line(record: dict[str, Any]) -> str:
    """The mean of each component of the reward; empty where nothing was scored."""
    known = {name: value for name, value in record.get("components", {}).items() if value is not None}
    return f"by component: {', '.join(f'{name} {value:.3f}' for name, value in known.items())}" if known else ""


def remaining_line(record: dict[str, Any], total: int) -> str:
    """How long the stage's other steps take if they are as slow as this one, evaluations left out."""
    left = (total - record["step"]) * float(record["seconds"]["total"])
    if left < 1:
        return ""
    return f"about {left:.0f} s left" if left < 120 else f"about {left / 60:.0f} min left"


def silent_display() -> Display:
    """One that shows nothing: of several processes one speaks."""
    return Display(Console(quiet=True, force_terminal=False))


def step_row(record: dict[str, Any], total: int, held_out: str) -> tuple[str, ...]:
    """The cells of COLUMNS for a step's record; what the stage does not have is empty, and so is a divergence of 0."""
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
        _number(record.get("kl") if record.get("kl") else None, 3),
        _share(record.get("clip_share") if record.get("clip_share") else None),
        _share(record.get("dead_group_share")),
        str(missing) if missing else "",
        "" if record.get("log_prob_gap") is None else f"{record['log_prob_gap']:.0e}",
        _number(record.get("grad_norm"), 2),
        _number(record["seconds"]["total"], 2),
    )


def _number(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:.{places}f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}%"
