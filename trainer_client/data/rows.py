"""Files of rows as lines of JSON that are read when they are asked for: only where each begins is held in memory.

JSON lines are read in place. Everything else (.gz, .json, Parquet, data sets saved by Hugging Face
`datasets`) is written out as JSON lines once, into a temporary file that goes away with the process.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import weakref
import zlib
from array import array
from collections.abc import Iterable, Iterator
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import IO
from uuid import UUID

from trainer_client.data.arrow import table_rows
from trainer_client.errors import DataError


class Lines:
    """The lines of a file of bytes, by number from 0; the file may be closed then. Blank ones count, empty."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._name = name
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._starts = array("Q", [0])
        end = 0
        for line in file:
            end += len(line)
            self._starts.append(end)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> bytes:
        start, end = self._starts[number], self._starts[number + 1]
        line = os.pread(self._descriptor, end - start, start)  # no place in the file that threads would share
        if len(line) < end - start:
            raise DataError(f"{self._name} became shorter while it was in use; it must stay as it is during a run")
        return line.strip()


def open_lines(path: Path, columns: frozenset[str] | None = None) -> Lines:
    """The rows of a file or directory. Of tables only `columns` are read, None: all. Raises DataError."""
    try:
        if path.is_dir() or path.suffix in (".parquet", ".arrow"):
            return _spooled(_encoded(table_rows(path, columns)), path)
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                return _spooled(packed, path)
        if path.suffix == ".json":
            return _spooled(_encoded(_listed(path)), path)
        with path.open("rb") as file:
            return Lines(file, str(path))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"cannot read the data file {path}: {error}") from error


def _spooled(lines: Iterable[bytes], path: Path) -> Lines:
    with tempfile.TemporaryFile(prefix="trainer-data-") as file:
        file.writelines(lines)
        file.flush()
        file.seek(0)
        return Lines(file, str(path))


def _encoded(rows: Iterator[object]) -> Iterator[bytes]:
    """One line for each row. One that JSON cannot say becomes a text that tells so, and is named when it is read."""
    for row in rows:
        try:
            yield json.dumps(row, ensure_ascii=False, default=_plain).encode() + b"\n"
        except (TypeError, ValueError) as error:
            yield json.dumps(str(error)).encode() + b"\n"


def _plain(value: object) -> str:
    if isinstance(value, (date, time, Decimal, UUID)):
        return str(value)
    raise TypeError(f"JSON has no {type(value).__name__}")


def _listed(path: Path) -> Iterator[object]:
    """The rows of a JSON array, or of an object of columns as pandas writes it."""
    whole = json.loads(path.read_bytes())
    if isinstance(whole, dict) and whole and all(isinstance(column, dict) for column in whole.values()):
        names = list(whole)
        return iter(
            [dict(zip(names, row, strict=True)) for row in zip(*(c.values() for c in whole.values()), strict=True)]
        )
    if not isinstance(whole, list):
        raise DataError(
            f"{path}: expected a JSON array of rows, got {type(whole).__name__}; rows line by line are .jsonl"
        )
    return iter(whole)
