"""The directory of a run: who may use it, and the record of what made it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
LOCK = ".lock"
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
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"{directory} cannot be made: {error.strerror}; choose another --run.dir") from error
    return directory


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """While it lasts no other process works in the directory; the lock goes with the process, however it ends.

    Raises CheckpointError when another one does. Where the file system has no locks nothing is held.
    """
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise CheckpointError(f"{directory} cannot be written: {error.strerror}; choose another --run.dir") from error
    try:
        _lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CheckpointError(
            f"another process works in {directory}: wait for its end or stop it, or choose another --run.dir"
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise


def changed_settings(directory: Path, config: Recipe) -> list[str]:
    """Settings that differ from those the run was last started with, as `key: old -> new`.

    Raises ConfigError for those that cannot, CheckpointError where the directory is of another command.
    """
    record = read_config(directory)
    if record is not None and "rl" not in record["config"]:
        raise CheckpointError(f"{directory} holds a run of another command than train: choose another --run.dir")
    changes = settings_changes(directory, config)
    if other := [key for key in changes if key.startswith("model.")]:
        raise ConfigError(
            f"--resume goes on with the model of the run; {', '.join(other)} cannot change: start a new run"
        )
    return [f"{key}: {old} -> {new}" for key, (old, new) in changes.items()]


def settings_changes(directory: Path, config: Recipe) -> dict[str, tuple[Any, Any]]:
    """The dotted key of each setting that differs from the run's last start, with its old and new value.

    None where there was no start yet. Raises CheckpointError when its record cannot be read.
    """
    record = read_config(directory)
    if record is None:
        return {}
    old = _flat(record["config"])
    new = _flat(config.model_dump(mode="json"))
    keys = sorted(old.keys() | new.keys())
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key) and key != "resume"}


def changed_sources(directory: Path, made_from: Mapping[str, str | None]) -> list[str]:
    """The keys under which there lies something else than when the run was last started."""
    before = (read_config(directory) or {}).get("made_from", {})
    return [key for key, found in made_from.items() if before.get(key, found) != found]


def read_config(directory: Path) -> dict[str, Any] | None:
    """What `write_config` wrote; None where there is nothing. Raises CheckpointError when it cannot be read."""
    try:
        record = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        return {**record, "config": dict(record["config"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{directory / CONFIG} cannot be read ({type(error).__name__}: {error}), so nobody knows with which "
            "settings the run began: restore it from a copy, or start a new run with another --run.dir"
        ) from error


def write_config(directory: Path, config: Recipe, made_from: Mapping[str, Any] | None = None) -> None:
    """Write the resolved configuration with the commit and the versions that will run it, and what it is made from."""
    record: dict[str, Any] = {
        "config": config.model_dump(mode="json"),
        "made_from": dict(made_from or {}),
        "commit": git_commit(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
    }
    replace_text(directory / CONFIG, json.dumps(record, indent=2) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write the text so that after a crash the file is the old one or the new one.

    Raises CheckpointError when it cannot be written; the old one stays.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise CheckpointError(not_written(path, error)) from error


def not_written(path: Path, error: OSError) -> str:
    """What a person is told of a file that could not be written."""
    return (
        f"{path} cannot be written: {error.strerror or error}. What was finished before is whole: make room in "
        f"{path.parent}, or make it writable, then go on with --resume"
    )


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
