"""Checkpoints on disk: complete or absent, never half.

    checkpoints/rl-000020/
        model/           weights (safetensors), config, tokenizer: any transformers program loads it
        trainer.pt       optimizer, critic, moving reference, progress, random states; read with
                         weights_only=True, so no code is run
        manifest.json    size and SHA-256 of every file, written last

A checkpoint is written beside its place and renamed into it; one whose files do not match its manifest is passed over.
"""

from __future__ import annotations

import os
import pickle
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from trainer_client.errors import CheckpointError
from trainer_client.manifest import check_manifest, sync, write_manifest
from trainer_client.model import LanguageModel
from trainer_client.progress import Progress, Stage, place_of

UNFINISHED = ".unfinished-"
RANKS = "ranks"  # what `more` calls the random states of several processes


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint read back. `model_dir` holds the weights; `optimizer` is None between two stages.

    `more` are the states of what stands beside the policy, by name: the order of the data with what a curriculum
    measured, the critic, its optimizer, a moving reference, the random states of several processes.
    """

    progress: Progress
    model_dir: Path
    optimizer: dict[str, Any] | None
    random_state: dict[str, Any]
    more: dict[str, Any] = field(default_factory=dict)

    def random_state_of(self, rank: int, size: int) -> dict[str, Any]:
        """The random state of that rank. Raises CheckpointError unless `size` processes made the checkpoint."""
        states = self.more.get(RANKS, [self.random_state])
        if len(states) == size:
            return dict(states[rank])
        way = "without torchrun" if len(states) == 1 else f"with torchrun --nproc-per-node {len(states)}"
        raise CheckpointError(
            f"the run was made by {len(states)} processes, each with random numbers of its own, and cannot go on with "
            f"{size}: go on {way}, or start a new run from its model (--model.path, --run.dir)"
        )


class CheckpointStore:
    """The checkpoints of one run; keeps the newest `keep`."""

    def __init__(self, directory: Path, keep: int, warn: Callable[[str], None]) -> None:
        self._directory = directory
        self._keep = keep
        self._warn = warn

    def save(
        self,
        progress: Progress,
        model: LanguageModel,
        optimizer: torch.optim.Optimizer | None,
        random_state: dict[str, Any],
        more: dict[str, Any] | None = None,
    ) -> Path:
        """Write a checkpoint, complete before it appears under its name; then drop the oldest.

        Raises CheckpointError where it cannot be written; the older ones stay, nothing of this one does.
        """
        state = {
            "progress": progress.as_values(),
            "optimizer": None if optimizer is None else optimizer.state_dict(),
            "random_state": random_state,
            "more": more or {},
        }
        final = self._directory / f"{progress.stage.value}-{progress.step:06d}"
        unfinished = self._directory / f"{UNFINISHED}{uuid.uuid4().hex}"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            model.save(unfinished / "model")
            torch.save(state, unfinished / "trainer.pt")
            write_manifest(unfinished)
            _move_into_place(unfinished, final)
        except (OSError, RuntimeError, CheckpointError) as error:  # torch's writer raises RuntimeError
            shutil.rmtree(unfinished, ignore_errors=True)
            raise CheckpointError(
                f"the checkpoint {final.name} cannot be written: {error}. Make room in {self._directory}, then go on "
                "from the one before it with --resume"
            ) from error
        self._prune()
        return final

    def to_go_on_from(self) -> Saved | None:
        """What a resumed run goes on from, which is told; None for one that was killed before its first checkpoint.

        Raises CheckpointError when there are checkpoints, but none is whole.
        """
        saved, run = self.newest(), self._directory.parent
        if saved is None and self.exists():
            raise CheckpointError(
                f"no checkpoint in {run} is whole; see the warnings above. Put one back from a copy, or begin again in "
                "another --run.dir"
            )
        if saved is None:
            self._warn(f"{run} has no checkpoint yet: starting from the beginning")
        else:
            self._warn(f"going on after {saved.progress.stage.value} step {saved.progress.step}")
        return saved

    def newest(self) -> Saved | None:
        """The last checkpoint that is whole; None when there is none. Damaged ones are named in a warning."""
        for path in reversed(self._paths()):
            try:
                return _read(path)
            except CheckpointError as error:
                self._warn(f"checkpoint {path.name} is passed over: {error}")
        return None

    def exists(self) -> bool:
        """Whether there is any checkpoint, whole or not."""
        return bool(self._paths())

    def _paths(self) -> list[Path]:
        """Finished checkpoints, oldest first."""
        found = []
        for path in self._directory.glob("*-[0-9]*"):
            stage, _, step = path.name.partition("-")
            if path.is_dir() and stage in list(Stage) and step.isdigit():
                found.append((place_of(stage, int(step)), path))
        return [path for _, path in sorted(found)]

    def _prune(self) -> None:
        for path in [*self._paths()[: -self._keep], *self._directory.glob(f"{UNFINISHED}*")]:
            shutil.rmtree(path, ignore_errors=True)


def _move_into_place(unfinished: Path, final: Path) -> None:
    """Rename; a checkpoint of that name is put aside first, for a directory cannot be renamed onto another."""
    if final.exists():
        os.rename(final, final.with_name(f"{UNFINISHED}{uuid.uuid4().hex}"))
    os.rename(unfinished, final)
    sync(final.parent)


def _read(path: Path) -> Saved:
    check_manifest(path)
    try:
        state = torch.load(path / "trainer.pt", map_location="cpu", weights_only=True)
        progress = Progress.from_values(state["progress"])
        return Saved(progress, path / "model", state["optimizer"], state["random_state"], state["more"])
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"trainer.pt cannot be read: {error}") from error
