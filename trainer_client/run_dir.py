"""The directory of a run: who may use it, and the record of what made it."""

from __future__ import annotations

import json
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from trainer_client.config import RunConfig
from trainer_client.errors import CheckpointError, ConfigError

CONFIG = "config.json"
CHECKPOINTS = "checkpoints"
FINAL_MODEL = "model"
REFERENCE = "reference"
MEASURED = "pass_rates.jsonl"
LIBRARIES = ("assay", "torch", "transformers", "tokenizers", "numpy", "httpx", "pydantic")


class Recipe(Protocol):
    """What the configuration of every command has."""

    @property
    def resume(self) -> bool:
        """Whether to go on with the run that is there."""
        ...

    @property
    def run(self) -> RunConfig:
        """Where the run lies."""
        ...

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """All settings as values of JSON."""
        ...


def open_run_dir(config: Recipe) -> Path:
    """Create the run's directory, or accept the existing one on resume. Raises CheckpointError when it is taken."""
    directory = config.run.dir
    if not config.resume and (directory / CONFIG).exists():
        raise CheckpointError(f"{directory} already holds a run: go on with --resume, or choose another --run.dir")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def changed_settings(directory: Path, config: Recipe) -> list[str]:
    """Settings that differ from those the run was last started with, as `key: old -> new`."""
    changes = settings_changes(directory, config)
    if other := [key for key in changes if key.startswith("model.")]:
        raise ConfigError(
            f"--resume goes on with the model of the run; {', '.join(other)} cannot change: start a new run"
        )
    return [f"{key}: {old} -> {new}" for key, (old, new) in changes.items()]


def settings_changes(directory: Path, config: Recipe) -> dict[str, tuple[Any, Any]]:
    """The dotted key of each setting that differs from the run's last start, with its old and new value."""
    try:
        record = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        old = _flat(record["config"])
    except (OSError, json.JSONDecodeError, KeyError, TypeError):
        return {}
    new = _flat(config.model_dump(mode="json"))
    keys = sorted(old.keys() | new.keys())
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key) and key != "resume"}


def write_config(directory: Path, config: Recipe) -> None:
    """Write the resolved configuration with the commit and the versions that will run it."""
    record: dict[str, Any] = {
        "config": config.model_dump(mode="json"),
        "commit": git_commit(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
    }
    (directory / CONFIG).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def git_commit() -> str | None:
    """The commit of the source tree, with `+` when it has changes; None outside a repository or without git."""
    source = Path(__file__).parent
    try:
        commit = _git(source, "rev-parse", "HEAD")
        return commit + ("+" if _git(source, "status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
