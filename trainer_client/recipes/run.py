"""What the commands share at their beginning: the directory, what may change on resume, the server."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from trainer_client.config import ModelConfig, RewardConfig
from trainer_client.errors import ConfigError, DataError, RewardRejected, RewardUnavailable
from trainer_client.rewards import RewardScorer
from trainer_client.run_dir import Recipe, alone_in, open_run_dir, read_config, settings_changes, write_config
from trainer_client.types import Example, Judged, RolloutScore

BLOCKS, BLOCK_BYTES = 256, 4096
TRIED = 8  # problems that may be unfit before the profile is called unfit for the file


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
    before = (read_config(directory) or {}).get("made_from", {})
    if other := [key for key, found in made_from.items() if before.get(key, found) != found]:
        raise ConfigError(
            f"--resume goes on with what the run began with, but what lies under {', '.join(other)} is not what it was "
            f"then: put it back, or start a new run with another --run.dir"
        )


def check_server(
    scorer: RewardScorer, config: RewardConfig, problems: Sequence[Example], components: Iterable[str]
) -> None:
    """Have one completion judged before any work is done: address, key, profile and components must be right.

    The first of TRIED problems counts that can be judged. A server that does not answer yet is waited for. Raises
    RewardUnavailable, RewardRejected, ConfigError; DataError when the profile can judge none of them.
    """
    for example in problems[:TRIED]:
        score = _judged(scorer, example)
        if score.judged is not Judged.SKIPPED:
            break
    else:
        raise DataError(
            f"profile {config.profile!r} can judge none of the first {min(TRIED, len(problems))} problems, of the last "
            f"it says: {score.reason}. Give the right reward.profile and the right field for ground_truth, or begin "
            "behind them with problems.skip"
        )
    if not score.components:
        raise RewardUnavailable(f"the reward server at {config.url} gives no score: {score.reason}")
    if missing := sorted(set(components) - set(score.components)):
        raise ConfigError(
            f"profile {config.profile!r} has no component {', '.join(missing)}; it has {sorted(score.components)}"
        )


def _judged(scorer: RewardScorer, example: Example) -> RolloutScore:
    try:
        return scorer.judge(example, example.completion or "")
    except RewardRejected as error:
        if error.code != "unauthorized":
            raise
        raise ConfigError(f"{error}. Name the environment variable that holds the key in reward.api_key_env") from error


def model_identity(config: ModelConfig, seed: int) -> dict[str, str]:
    """Where the model is, and a hash that changes when it does. Raises DataError where there is none."""
    if config.path is None:
        text = json.dumps(config.model_dump(mode="json"), sort_keys=True)
        return {"model": f"fresh, seed {seed}", "model_hash": _named(hashlib.sha256(f"{text}:{seed}".encode()))}
    if not (config.path / "config.json").is_file():
        raise DataError(f"model.path {config.path} is no Hugging Face directory: it has no config.json")
    return {"model": str(config.path), "model_hash": fingerprint(config.path)}


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
    return _named(digest)


def _blocks(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    step = max(BLOCK_BYTES, size // BLOCKS)
    with path.open("rb", buffering=0) as file:
        for start in range(0, size, step):
            file.seek(start)
            yield file.read(BLOCK_BYTES)


def _named(digest: hashlib._Hash) -> str:
    return f"sha256:{digest.hexdigest()}"
