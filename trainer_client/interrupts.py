"""Ctrl-C, SIGTERM, SIGHUP at a moment that suits: the work at hand is finished and written, a second one ends it now.

Of a terminal that is closed SIGHUP often comes twice, from the kernel and from the shell: after another signal it
counts for nothing. Where it is ignored, as under nohup, it stays so.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """The first signal, obeyed where nothing is half done. A plain KeyboardInterrupt may come from anywhere."""


class Interrupts:
    """Notes the first signal in `asked`; the second raises KeyboardInterrupt where it comes. Context manager.

    Inside of `at_once` the first raises Stopped without waiting. Outside the main thread, where no handler can be
    set, signals act as they always do.
    """

    def __init__(self, notice: Callable[[str], None]) -> None:
        self._notice = notice
        self._old: dict[signal.Signals, Any] = {}
        self._at_once = False
        self.asked = False

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._old = {number: signal.signal(number, self._note) for number in _heeded(SIGNALS)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def obey(self) -> None:
        """Raise Stopped when a signal came: all that was done is on disk here, or whole."""
        if self.asked:
            raise Stopped

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """For work that can be given up anywhere, since nothing is kept of it before its end."""
        self._at_once = True
        try:
            self.obey()
            yield
        finally:
            self._at_once = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGHUP:
            return
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self._at_once:
            raise Stopped
        self._notice("finishing what is at hand, then stopping; once more stops now")


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """While it lasts, and no Interrupts does, SIGTERM and SIGHUP raise KeyboardInterrupt in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ending = _heeded((signal.SIGTERM, signal.SIGHUP))
    old = {number: signal.signal(number, signal.default_int_handler) for number in ending}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _heeded(signals: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Without a SIGHUP that whoever started this process has it ignore."""
    return [number for number in signals if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
