"""A progress bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_LINE_SECONDS = 5.0

Item = TypeVar("Item")
Notice = Callable[[str], None]


class Bar:
    """Shows how far the work is. Context manager; `notice` is safe to call from other threads."""

    def __init__(self, title: str, total: int, done: int = 0, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._title, self._total = title, total
        self._last_line = float("-inf")
        self._progress: Progress | None = None
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            more = (TimeRemainingColumn(), TextColumn("{task.fields[told]}"))
            self._progress = Progress(*columns, *more, console=self._console)
            self._task = self._progress.add_task(title, total=total, completed=done, told="")

    def __enter__(self) -> Bar:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def notice(self, text: str) -> None:
        """Say something beside the bar."""
        self._console.print(text, soft_wrap=True, markup=False)

    def show(self, done: int, told: str) -> None:
        """`done` of the total are done; `told` is what there is to say of them."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, told=told)
            return
        now = time.monotonic()
        if done == self._total or now - self._last_line >= PLAIN_LINE_SECONDS:
            self._last_line = now
            self.notice(f"{self._title} {done}/{self._total}  {told}")


class Throttled:
    """Says how far some work is beside a display, every few seconds."""

    def __init__(self, title: str, total: int, notice: Notice) -> None:
        self._title, self._total, self._notice = title, total, notice
        self._told = time.monotonic()

    def show(self, done: int) -> None:
        """`done` of the total are done."""
        if time.monotonic() - self._told >= PLAIN_LINE_SECONDS:
            self._told = time.monotonic()
            self._notice(f"{self._title} {done}/{self._total}")


def watched(items: Iterable[Item], title: str, total: int, notice: Notice) -> Iterator[Item]:
    """The items; `notice` is told every few seconds how many of them came."""
    throttled = Throttled(title, total, notice)
    for number, item in enumerate(items):
        throttled.show(number)
        yield item
