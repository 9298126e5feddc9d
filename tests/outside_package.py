"""A package that brings a check, as pip would leave it in a folder."""

from __future__ import annotations

from pathlib import Path


def install(folder: Path, name: str, code: str, check: str) -> None:
    """A module `name` with the code, and an entry point for its class `check`."""
    (folder / f"{name}.py").write_text(code)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[assay.checks]\n{check.lower()} = {name}:{check}\n")
