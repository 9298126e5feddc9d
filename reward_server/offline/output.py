"""The result file: one line a row, in the order of the rows, so that what is there says how far a killed run came.

Beside `OUT` stands `OUT.meta.json` with what the lines were made from; a run resumes only what it would have written.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import orjson
from pydantic import ValidationError

from reward_server.errors import ConfigError
from reward_server.wire import ScoreResult

CHUNK_BYTES = 1 << 20


class ResultFile:
    """Appends results; `done` is the number of rows that were there already."""

    def __init__(self, file: IO[bytes], done: int) -> None:
        self._file = file
        self.done = done

    def write(self, result: ScoreResult) -> None:
        self._file.write(result.model_dump_json().encode() + b"\n")
        self._file.flush()


@contextmanager
def under_its_name_when_whole(out: Path, source: Path) -> Iterator[Path]:
    """Where to write what becomes `out` once all of it is written. Raises ConfigError."""
    if out.exists() and out.samefile(source):
        raise ConfigError(f"--out and the input are the same file, {source}: name another --out")
    _require_place(out)
    partial = out.with_name(out.name + ".partial")
    try:
        yield partial
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _require_place(out: Path) -> None:
    if out.exists() and not out.is_file():  # a device would be replaced by a file
        raise ConfigError(f"--out {out} is not a file")
    if not out.parent.is_dir():
        raise ConfigError(f"--out {out}: there is no folder {out.parent}")


@contextmanager
def open_results(path: Path, meta: dict[str, object], *, overwrite: bool) -> Iterator[ResultFile]:
    """The file to go on with. A half-written last line is cut off. Raises ConfigError on results of another run."""
    _require_place(path)
    meta_path = path.with_name(path.name + ".meta.json")
    if overwrite:
        path.unlink(missing_ok=True)
        meta_path.unlink(missing_ok=True)
    if path.exists():
        _refuse_other_run(path, meta_path, meta)
    else:
        meta_path.write_bytes(orjson.dumps(meta, option=orjson.OPT_INDENT_2))
    with path.open("ab+") as file:
        _lock(file, path)
        done, end = _complete_lines(file)
        file.truncate(end)
        file.seek(0, os.SEEK_END)
        yield ResultFile(file, done)


def _lock(file: IO[bytes], path: Path) -> None:
    """Two runs that append to one file would each write every row."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(f"another run is writing {path}: wait for it, or name another --out") from error


def _refuse_other_run(path: Path, meta_path: Path, meta: dict[str, object]) -> None:
    there = orjson.loads(meta_path.read_bytes()) if meta_path.exists() else {}
    wanted = orjson.loads(orjson.dumps(meta))
    differing = sorted(name for name in wanted if there.get(name) != wanted[name])
    if differing:
        raise ConfigError(
            f"{path} holds results of another run (differing: {', '.join(differing)}): "
            "name another --out, or pass --overwrite"
        )


def _complete_lines(file: IO[bytes]) -> tuple[int, int]:
    """Number of complete lines, and the offset behind the last one."""
    lines, offset, end = 0, 0, 0
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        newlines = chunk.count(b"\n")
        if newlines:
            lines += newlines
            end = offset + chunk.rindex(b"\n") + 1
        offset += len(chunk)
    return lines, end


def read_results(path: Path) -> Iterator[ScoreResult]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield ScoreResult.model_validate_json(line)
            except ValidationError as error:
                raise ConfigError(f"{path}, line {number} is no result: mend it, or pass --overwrite") from error
