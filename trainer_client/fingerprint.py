"""Hashes that say whether what a run is made from is still what it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from trainer_client.errors import DataError

BLOCKS, BLOCK_BYTES = 256, 4096


def fingerprint(path: Path) -> str:
    """A hash that changes when a file, or any of a directory, does: of names, sizes, and blocks evenly spread.

    Files of up to BLOCKS blocks are read whole; larger ones may be weights of hundreds of gigabytes. Raises DataError.
    """
    digest = hashlib.sha256()
    try:
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in files:
            name = str(file.relative_to(path)) if file != path else ""
            digest.update(f"{name} {file.stat().st_size}\n".encode())
            for block in _blocks(file):
                digest.update(block)
    except OSError as error:
        raise DataError(f"cannot read {error.filename or path}: {error.strerror}") from error
    return named(digest)


def _blocks(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    step = max(BLOCK_BYTES, size // BLOCKS)
    with path.open("rb", buffering=0) as file:
        for start in range(0, size, step):
            file.seek(start)
            yield file.read(BLOCK_BYTES)


def named(digest: hashlib._Hash) -> str:
    """The digest with the name of its algorithm."""
    return f"sha256:{digest.hexdigest()}"
