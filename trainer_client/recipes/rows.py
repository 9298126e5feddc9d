"""Rows of the JSONL files that the commands write: streamed, by their place, or by groups, never all in memory."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer_client.data.rows import Lines, open_lines
from trainer_client.errors import DataError

Row = dict[str, Any]


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Number of the line, from 1, and row; blank lines are passed over. Raises DataError naming file and line."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, parsed(line, f"{path}:{number}")
    except OSError as error:
        raise DataError(f"cannot read the data file {path}: {error}") from error


class RowFile(Sequence[Row]):
    """The rows of a JSONL file by their place; only where each begins is in memory. Raises DataError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = _json_lines(path)
        self._numbers = _filled(self._lines)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return _row(self._lines, self._numbers[place], self.path)


class RowGroups:
    """The rows of a JSONL file by groups: those of one name, wherever they lie, in the order of the file.

    `name` is told a row and its place. In memory is where each row begins, and eight bytes of its name's hash.
    """

    def __init__(self, path: Path, name: Callable[[Row, str], str]) -> None:
        self._path, self._name = path, name
        self._lines = _json_lines(path)
        numbers = np.array(_filled(self._lines), dtype=np.int64)
        hashes = np.fromiter((self._hash(int(number)) for number in numbers), dtype=np.uint64, count=len(numbers))
        _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
        order = np.lexsort((numbers, first[group]))
        self._numbers = numbers[order]
        self._ends = np.flatnonzero(np.diff(first[group][order], append=-1)) + 1

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[tuple[str, list[Row]]]:
        """Name and rows of each group. Two names that share a hash are still two groups."""
        start = 0
        for end in self._ends:
            by_name: dict[str, list[Row]] = {}
            for number in self._numbers[start:end]:
                row = _row(self._lines, int(number), self._path)
                by_name.setdefault(self._name(row, self._place(int(number))), []).append(row)
            yield from by_name.items()
            start = int(end)

    def _hash(self, number: int) -> int:
        name = self._name(_row(self._lines, number, self._path), self._place(number))
        return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())

    def _place(self, number: int) -> str:
        return f"{self._path}:{number + 1}"


def parsed(line: bytes, place: str) -> Row:
    """The object of one line. Raises DataError."""
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{place}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f"{place}: expected an object, got {type(row).__name__}")
    return row


def _json_lines(path: Path) -> Lines:
    if path.suffix != ".jsonl":
        raise DataError(f"{path}: expected a .jsonl file, as `trainer-client sample --keep_all` writes it")
    return open_lines(path)


def _filled(lines: Lines) -> array[int]:
    """The numbers of the lines that are not blank."""
    return array("Q", (number for number in range(len(lines)) if lines[number]))


def _row(lines: Lines, number: int, path: Path) -> Row:
    return parsed(lines[number], f"{path}:{number + 1}")
