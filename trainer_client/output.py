"""Standard output that outlives its reader. A leaf."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TextIO, cast

GONE = (errno.EPIPE, errno.EIO)  # `head` has read enough, `tee` was ended by the same Ctrl-C; the terminal was closed


class LastingOutput:
    """A text stream that ends nothing when its reader is gone: it leads nowhere then, for python's own flush as well.

    Where it `only_talks`, because what a run says is also in its directory, a full disk ends nothing either.
    """

    def __init__(self, stream: TextIO, only_talks: bool) -> None:
        self._stream = stream
        self._only_talks = only_talks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what can be written; the length of the text all the same."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """Flush, where that is possible."""
        try:
            self._stream.flush()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        if error.errno in GONE:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        elif not self._only_talks:
            raise error


@contextmanager
def lasting_output(only_talks: bool = True) -> Iterator[None]:
    """While it lasts standard output and standard error are such streams; what they hold is written at the end.

    One that was closed before the process began leads nowhere.
    """
    before = sys.stdout, sys.stderr
    with ExitStack() as opened:
        streams = [stream or opened.enter_context(open(os.devnull, "w", encoding="utf-8")) for stream in before]
        sys.stdout, sys.stderr = (cast("TextIO", LastingOutput(stream, only_talks)) for stream in streams)
        try:
            yield
        finally:
            with suppress(OSError):
                sys.stdout.flush()
            sys.stdout, sys.stderr = before
