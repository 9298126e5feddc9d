"""Standard output that outlives its reader. A leaf."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

GONE = (errno.EPIPE, errno.EIO)  # `head` has read enough, `tee` was ended by the same Ctrl-C; the terminal was closed


class LastingOutput:
    """A text stream whose failures end nothing: what a run says is also in its directory.

    Once its reader is gone the stream leads nowhere, so that python's own flush at the end does not fail either.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

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


@contextmanager
def lasting_output() -> Iterator[None]:
    """While it lasts standard output and standard error are such streams; what they hold is written at the end."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", LastingOutput(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stdout, sys.stderr = before
