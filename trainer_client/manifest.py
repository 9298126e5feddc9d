"""The manifest of a directory: size and SHA-256 of every file, so that a damaged one is never taken for a whole one."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from trainer_client.errors import CheckpointError

MANIFEST = "manifest.json"


def write_manifest(directory: Path) -> None:
    """Have all files of the directory reach the disk, and then their manifest."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path != directory / MANIFEST)
    for path in files:
        sync(path)
    listing = {
        str(path.relative_to(directory)): {"bytes": path.stat().st_size, "sha256": _digest(path)} for path in files
    }
    manifest = directory / MANIFEST
    manifest.write_text(json.dumps({"files": listing}, indent=1), encoding="utf-8")
    sync(manifest)


def check_manifest(directory: Path) -> None:
    """Raises CheckpointError unless every file is there as it was written."""
    try:
        files = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["files"]
        if not files:
            raise CheckpointError(f"{MANIFEST} names no file")
        for name, wanted in files.items():
            file = directory / name
            if file.stat().st_size != wanted["bytes"] or _digest(file) != wanted["sha256"]:
                raise CheckpointError(f"{name} is not what was written")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"incomplete: {error}") from error


def sync(path: Path) -> None:
    """Have the file or directory reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
