"""`stage.json`: which settings a stage of the R1 recipe began with, and whether it is done.

A stage that is done is not run again. One that began keeps its settings and its inputs: what it made would otherwise
be half of one and half of the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trainer_client.errors import CheckpointError, ConfigError
from trainer_client.recipes.ledger import replace_text
from trainer_client.recipes.r1_plan import Stage

MARKER = "stage.json"
FREE = ("run", "resume", "evaluation")  # where it lies, how it is watched: they change nothing of what comes out


@dataclass(frozen=True, slots=True)
class Marker:
    """`began` is a time in UTC; with the fingerprint it names what the stage makes. `seconds` are of the last process
    that worked on it, None until the stage is done.
    """

    fingerprint: str
    began: str
    seconds: float | None = None

    @property
    def done(self) -> bool:
        """Whether the stage has made all that it makes."""
        return self.seconds is not None


class Markers:
    """The markers of one run."""

    def __init__(self, run_dir: Path, stages: Sequence[Stage]) -> None:
        self._run_dir = run_dir
        self._stages = stages
        self._known = {stage.name: found for stage in stages if (found := _read(self._path(stage))) is not None}

    def check(self) -> None:
        """Raises ConfigError when a stage that began was told otherwise then, or was made from what is gone."""
        for place, stage in enumerate(self._stages):
            marker = self._known.get(stage.name)
            if marker is not None and marker.fingerprint != self._fingerprint(stage):
                later = ", ".join(str(self._run_dir / one.name) for one in self._stages[place:])
                raise ConfigError(
                    f"stage {stage.name} began with other settings, or from a stage that was since made anew: take the "
                    f"settings back, start a new run with another --run.dir, or remove what is to be done again, of "
                    f"{later}"
                )

    def done(self, stage: Stage) -> bool:
        """Whether there is nothing left to do."""
        return stage.name in self._known and self._known[stage.name].done

    def seconds(self, stage: Stage) -> float | None:
        """How long the stage took, None unless it is done."""
        marker = self._known.get(stage.name)
        return None if marker is None else marker.seconds

    def begin(self, stage: Stage) -> None:
        """Write down what the stage begins with, unless it went on."""
        if stage.name not in self._known:
            began = datetime.now(UTC).isoformat(timespec="microseconds")
            self._write(stage, Marker(self._fingerprint(stage), began))

    def finish(self, stage: Stage, seconds: float) -> None:
        """Write down that the stage is done."""
        begun = self._known[stage.name]
        self._write(stage, Marker(begun.fingerprint, begun.began, round(seconds, 1)))

    def _fingerprint(self, stage: Stage) -> str:
        inputs = {name: self._known.get(name) for name in stage.needs}
        made_by = {name: f"{one.fingerprint} {one.began}" if one else None for name, one in inputs.items()}
        return fingerprint(stage, made_by, self._run_dir)

    def _write(self, stage: Stage, marker: Marker) -> None:
        path = self._path(stage)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(asdict(marker), indent=1) + "\n")
        self._known[stage.name] = marker

    def _path(self, stage: Stage) -> Path:
        return self._run_dir / stage.name / MARKER


def fingerprint(stage: Stage, made_by: Mapping[str, str | None], run_dir: Path) -> str:
    """A hash of the settings that decide what the stage makes, and of what it is made from.

    How the server is reached is none of them, its profile is; paths count from the run's directory.
    """
    settings = stage.config.model_dump(mode="json") if stage.config is not None else {}
    if "reward" in settings:
        settings["reward"] = settings["reward"]["profile"]
    mixed_in = stage.mixed_in.model_dump(mode="json") if stage.mixed_in is not None else None
    model = stage.model.model_dump(mode="json") if stage.model is not None else None
    kept: dict[str, Any] = {key: value for key, value in settings.items() if key not in FREE}
    text = json.dumps([kept, mixed_in, model, dict(made_by)], sort_keys=True).replace(
        json.dumps(str(run_dir))[:-1], '"'
    )
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _read(path: Path) -> Marker | None:
    try:
        return Marker(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}): remove its directory to do the stage again") from error
