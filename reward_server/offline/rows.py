"""Data set files as rows: JSONL (plain or gzip, streamed), or JSON (a list, or columns keyed by row number)."""

from __future__ import annotations

import gzip
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from reward_server import lenient_json
from reward_server.errors import ConfigError

Row = dict[str, Any]


@dataclass(frozen=True)
class BrokenRow:
    """A line that is no row. It is counted and skipped, so that one line cannot stop a long run."""

    reason: str


def require_file(path: Path) -> None:
    """Raises ConfigError where there is none."""
    if not path.is_file():
        raise ConfigError(f"no file {path}: give --in a .jsonl, .jsonl.gz or .json file")


def read_rows(path: Path) -> Iterator[Row | BrokenRow]:
    """Rows in the order of the file. JSONL needs memory for one line, JSON for the file. Raises ConfigError."""
    require_file(path)
    try:
        with _open(path) as file:
            if path.name.removesuffix(".gz").endswith(".json"):
                yield from _from_json(_whole(file.read(), path), path)
            else:
                yield from _from_lines(file, path)
    except (gzip.BadGzipFile, EOFError) as error:
        raise ConfigError(f"{path} is no whole gzip file: {error}") from error


def count_rows(path: Path, limit: int | None) -> int | None:
    """Rows of the file up to the limit, or None where only decompressing or parsing would tell."""
    if path.suffix != ".jsonl":
        return limit
    with path.open("rb") as file:
        rows = sum(1 for line in file if line.strip())
    return rows if limit is None else min(rows, limit)


def _open(path: Path) -> gzip.GzipFile | IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _from_lines(file: Iterable[bytes], path: Path) -> Iterator[Row | BrokenRow]:
    for number, line in enumerate(file, 1):
        line = line.removeprefix(BOM_UTF8) if number == 1 else line
        if not line.strip():
            continue
        try:
            row = lenient_json.loads(line)
        except ValueError as error:
            yield BrokenRow(f"{path.name}, line {number}: expected one JSON object a line: {error}")
            continue
        came = type(row).__name__
        yield row if isinstance(row, dict) else BrokenRow(f"{path.name}, line {number}: expected an object, got {came}")


def _whole(data: bytes, path: Path) -> Any:
    try:
        return lenient_json.loads(data.removeprefix(BOM_UTF8))
    except ValueError as error:
        raise ConfigError(f"{path}: expected JSON: {error}") from error


def _from_json(content: Any, path: Path) -> Iterator[Row]:
    if isinstance(content, list) and all(isinstance(row, dict) for row in content):
        yield from content
    elif isinstance(content, dict) and content and all(isinstance(column, dict) for column in content.values()):
        for key in next(iter(content.values())):
            yield {name: column.get(key) for name, column in content.items()}
    else:
        raise ConfigError(f"{path}: expected a list of objects, or columns keyed by row number")
