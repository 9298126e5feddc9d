"""Files that grow by whole portions, so that a killed process loses nothing and a resumed one repeats nothing.

A portion is first appended to the files and synced; then a small record with the files' lengths takes the place of the
old one in a single rename. Opening it again cuts the files back to the lengths of the record.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

from trainer_client.errors import CheckpointError
from trainer_client.run_dir import not_written
from trainer_client.run_dir import replace_text as replace_text


class Ledger:
    """Append-only files with a state that always fits them. Context manager.

    `paths` are the files; `state` is what the last commit said, empty at the beginning. Raises CheckpointError when a
    file is shorter than its record, so data was lost, when the record cannot be read, or a file cannot be written.
    """

    def __init__(self, record: Path, files: Sequence[Path]) -> None:
        self._record = record
        self.paths = tuple(files)
        self.state, lengths = self._read()
        self._files: dict[str, FileIO] = {}
        self._lengths = {path.name: lengths.get(path.name, 0) for path in self.paths}
        for path in self.paths:
            self._files[path.name] = _opened(path, self._lengths[path.name])

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def commit(self, portions: Mapping[Path, bytes], state: dict[str, Any]) -> None:
        """Append a portion to each file, then make `state` the state; after a crash both are there, or neither is.

        Raises CheckpointError when there is no room; the files are then what they were before.
        """
        try:
            for path, portion in portions.items():
                self._append(path, portion)
            lengths = {path.name: self._lengths[path.name] + len(portions.get(path, b"")) for path in self.paths}
            replace_text(self._record, json.dumps({"state": state, "bytes": lengths}, indent=1) + "\n")
        except CheckpointError:
            self._cut_back()
            raise
        self._lengths, self.state = lengths, state

    def _append(self, path: Path, portion: bytes) -> None:
        """The files have no buffer: after an error there is nothing left that closing them would write."""
        file, rest = self._files[path.name], memoryview(portion)
        try:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError as error:
            raise CheckpointError(not_written(path, error)) from error

    def _cut_back(self) -> None:
        """Give back the room that an unfinished portion takes."""
        for name, file in self._files.items():
            with suppress(OSError):
                file.truncate(self._lengths[name])

    def _read(self) -> tuple[dict[str, Any], dict[str, int]]:
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            return dict(record["state"]), {str(name): int(size) for name, size in record["bytes"].items()}
        except FileNotFoundError:
            return {}, {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{self._record} cannot be read ({type(error).__name__}: {error}), so nobody knows how far the run "
                "was: restore it from a copy, or start a new run with another --run.dir"
            ) from error


def json_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows as JSONL in ASCII: other line separators and lone surrogates of a text cannot break a reader."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _opened(path: Path, length: int) -> FileIO:
    try:
        file = FileIO(path, "ab")
    except OSError as error:
        raise CheckpointError(not_written(path, error)) from error
    size = os.fstat(file.fileno()).st_size
    if size < length:
        file.close()
        raise CheckpointError(
            f"{path} has {size} bytes, its record says {length}: rows were lost. Restore the file from a copy, or "
            "start a new run with another --run.dir"
        )
    file.truncate(length)
    return file
