"""What the commands share at their beginning: the directory, what may change on resume, the server."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from trainer_client.config import ModelConfig, RewardConfig
from trainer_client.errors import ConfigError, DataError, RewardUnavailable
from trainer_client.rewards import RewardScorer
from trainer_client.run_dir import Recipe, open_run_dir, settings_changes, write_config
from trainer_client.types import Example


def begin_run(config: Recipe, may_change: tuple[str, ...]) -> Path:
    """The run's directory, with the resolved configuration in it.

    On resume only settings whose dotted key begins with one of `may_change` may differ from before: the rest would
    make one file of two kinds of rows. Raises CheckpointError when the directory is taken, ConfigError for a change.
    """
    directory = open_run_dir(config)
    changes = settings_changes(directory, config) if config.resume else {}
    if fixed := [f"{key}: {old!r} -> {new!r}" for key, (old, new) in changes.items() if not key.startswith(may_change)]:
        raise ConfigError(
            "--resume goes on with the settings of the run; these cannot change: "
            f"{'; '.join(fixed)}. Take them back, or start a new run with another --run.dir"
        )
    write_config(directory, config)
    return directory


def check_server(scorer: RewardScorer, config: RewardConfig, example: Example, components: Iterable[str]) -> None:
    """Have one completion judged before any work is done: address, key, profile and components must be right.

    A server that does not answer yet is waited for. Raises RewardUnavailable, RewardRejected, ConfigError.
    """
    score = scorer.judge(example, example.completion or "")
    if not score.components:
        raise RewardUnavailable(f"the reward server at {config.url} gives no score: {score.reason}")
    if missing := sorted(set(components) - set(score.components)):
        raise ConfigError(
            f"profile {config.profile!r} has no component {', '.join(missing)}; it has {sorted(score.components)}"
        )


def model_identity(config: ModelConfig, seed: int) -> dict[str, str]:
    """Where the model is, and a hash that changes when its configuration or the size of any of its files does.

    The weights themselves are not read: they may be hundreds of gigabytes.
    """
    if config.path is None:
        text = json.dumps(config.model_dump(mode="json"), sort_keys=True)
        return {"model": f"fresh, seed {seed}", "model_hash": _digest(f"{text}:{seed}".encode())}
    files = sorted(path for path in config.path.rglob("*") if path.is_file())
    listing = "\n".join(f"{path.relative_to(config.path)} {path.stat().st_size}" for path in files)
    try:
        settings = (config.path / "config.json").read_bytes()
    except OSError as error:
        raise DataError(f"model.path {config.path} is no Hugging Face directory: it has no config.json") from error
    return {"model": str(config.path), "model_hash": _digest(settings + listing.encode())}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
