"""Files that grow by whole portions, so that a killed process loses nothing and a resumed one repeats nothing.

A portion is first appended to the files and synced; then a small record with the files' lengths takes the place of the
old one in a single rename. Opening it again cuts the files back to the lengths of the record.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from trainer_client.errors import CheckpointError


class Ledger:
    """Append-only files with a state that always fits them. Context manager.

    `paths` are the files; `state` is what the last commit said, empty at the beginning. Raises CheckpointError when a
    file is shorter than its record, so data was lost, or when the record cannot be read.
    """

    def __init__(self, record: Path, files: Sequence[Path]) -> None:
        self._record = record
        self.paths = tuple(files)
        self.state, lengths = self._read()
        self._files: dict[str, BinaryIO] = {}
        for path in self.paths:
            self._files[path.name] = _opened(path, lengths.get(path.name, 0))

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def commit(self, portions: Mapping[Path, bytes], state: dict[str, Any]) -> None:
        """Append a portion to each file, then make `state` the state; after a crash both are there, or neither is."""
        for path, portion in portions.items():
            self._files[path.name].write(portion)
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        lengths = {name: file.tell() for name, file in self._files.items()}
        replace_text(self._record, json.dumps({"state": state, "bytes": lengths}, indent=1) + "\n")
        self.state = state

    def _read(self) -> tuple[dict[str, Any], dict[str, int]]:
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            return dict(record["state"]), {str(name): int(size) for name, size in record["bytes"].items()}
        except FileNotFoundError:
            return {}, {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{self._record} cannot be read: {error}") from error


def replace_text(path: Path, text: str) -> None:
    """Write the text so that after a crash the file is the old one or the new one."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def json_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows as JSONL in ASCII: other line separators and lone surrogates of a text cannot break a reader."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _opened(path: Path, length: int) -> BinaryIO:
    file = path.open("ab")
    size = file.seek(0, os.SEEK_END)
    if size < length:
        file.close()
        raise CheckpointError(f"{path} has {size} bytes, its record says {length}: rows were lost; start a new run")
    file.truncate(length)
    return file
