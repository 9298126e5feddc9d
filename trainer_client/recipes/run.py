"""What the commands share at their beginning: the directory, what may change on resume, what the run is made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from trainer_client.config import ModelConfig
from trainer_client.errors import ConfigError, DataError
from trainer_client.fingerprint import fingerprint, named
from trainer_client.run_dir import Recipe, alone_in, changed_sources, open_run_dir, settings_changes, write_config


@contextmanager
def begun(config: Recipe, may_change: tuple[str, ...], sources: Mapping[str, Path | None]) -> Iterator[Path]:
    """The run's directory, with the resolved configuration in it, for this process alone.

    On resume only settings whose dotted key begins with one of `may_change` may differ from before, and `sources`, the
    files and directories that the run is made from by their keys, must be what they were: the rest would make one file
    of two kinds of rows. Raises CheckpointError when the directory is taken or not usable, ConfigError for a change.
    """
    directory = open_run_dir(config)
    with alone_in(directory):
        made_from = {key: None if path is None else fingerprint(path) for key, path in sources.items()}
        if config.resume:
            _check_unchanged(directory, config, may_change, made_from)
        write_config(directory, config, made_from)
        yield directory


def _check_unchanged(
    directory: Path, config: Recipe, may_change: tuple[str, ...], made_from: Mapping[str, str | None]
) -> None:
    changes = settings_changes(directory, config)
    if fixed := [f"{key}: {old!r} -> {new!r}" for key, (old, new) in changes.items() if not key.startswith(may_change)]:
        raise ConfigError(
            "--resume goes on with the settings of the run; these cannot change: "
            f"{'; '.join(fixed)}. Take them back, or start a new run with another --run.dir"
        )
    if other := changed_sources(directory, made_from):
        raise ConfigError(
            f"--resume goes on with what the run began with, but what lies under {', '.join(other)} is not what it was "
            f"then: put it back, or start a new run with another --run.dir"
        )


def model_identity(config: ModelConfig, seed: int) -> dict[str, str]:
    """Where the model is, and a hash that changes when it does. Raises DataError where there is none."""
    if config.path is None:
        text = json.dumps(config.model_dump(mode="json"), sort_keys=True)
        return {"model": f"fresh, seed {seed}", "model_hash": named(hashlib.sha256(f"{text}:{seed}".encode()))}
    if not (config.path / "config.json").is_file():
        raise DataError(f"model.path {config.path} is no Hugging Face directory: it has no config.json")
    return {"model": str(config.path), "model_hash": fingerprint(config.path)}
