"""Rows of the JSONL files that the commands write: streamed, or found by their place, never all in memory."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from trainer_client.errors import DataError

Row = dict[str, Any]


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Number of the line, from 1, and row; blank lines are passed over. Raises DataError naming file and line."""
    for number, _, row in _numbered(path):
        yield number, row


class RowFile(Sequence[Row]):
    """The rows of a JSONL file by their place; only where each begins is in memory, eight bytes a row."""

    def __init__(self, path: Path, offsets: Sequence[int]) -> None:
        self._path = path
        self._offsets = array("q", offsets)

    @classmethod
    def of(cls, path: Path) -> RowFile:
        """All rows of the file. Raises DataError."""
        return cls(path, array("q", (offset for _, offset, _ in _numbered(path))))

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return RowFile(self._path, self._offsets[place])
        with self._path.open("rb") as file:
            file.seek(self._offsets[place])
            return parsed(file.readline(), f"{self._path}: row {place}")


def offsets_by(path: Path, name: Callable[[Row, str], str]) -> dict[str, list[int]]:
    """Where the rows of one name begin, in the order of the file; `name` is told the row and its place."""
    places: dict[str, list[int]] = {}
    for number, offset, row in _numbered(path):
        places.setdefault(name(row, f"{path}:{number}"), []).append(offset)
    return places


def parsed(line: bytes, place: str) -> Row:
    """The object of one line. Raises DataError."""
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{place}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f"{place}: expected an object, got {type(row).__name__}")
    return row


def _numbered(path: Path) -> Iterator[tuple[int, int, Row]]:
    try:
        with path.open("rb") as file:
            offset = 0
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, offset, parsed(line, f"{path}:{number}")
                offset += len(line)
    except OSError as error:
        raise DataError(f"cannot read the data file {path}: {error}") from error
