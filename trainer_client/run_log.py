"""The record of a run on disk: metrics.jsonl, samples.jsonl and TensorBoard files.

One line for each step (`"kind": "step"`) and each evaluation (`"kind": "eval"`). After a resume the lines beyond the
checkpoint are cut off, so that no step appears twice.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from trainer_client.errors import CheckpointError
from trainer_client.progress import Progress, Stage, place_of

METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"
THREAD_SECONDS = 5.0  # until a thread whose files are closed is given up


class RunLog:
    """Writes the record. With `writes` off nothing is written: of several processes one keeps the record."""

    def __init__(self, directory: Path, start: Progress, writes: bool = True) -> None:
        self._writes = writes
        self._metrics = directory / METRICS
        self._samples = directory / SAMPLES
        self._boards: dict[Stage, SummaryWriter] = {}
        self._open = ExitStack()
        if writes:
            for path in (self._metrics, self._samples):
                cut_back(path, start)
            with ExitStack() as opened:
                opened.enter_context(_threads_hand_over())
                for stage in Stage:
                    self._boards[stage] = opened.enter_context(_board(directory / "tensorboard", stage, start))
                self._open = opened.pop_all()

    def close(self) -> None:
        """Write out what TensorBoard still holds. Raises CheckpointError where it cannot be written."""
        self._open.close()

    def step(self, stage: Stage, step: int, metrics: dict[str, Any]) -> dict[str, Any]:
        """Record a step; returns the record."""
        return self._write("step", stage, step, metrics)

    def evaluation(
        self, stage: Stage, step: int, metrics: dict[str, Any], samples: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Record an evaluation and its samples; returns the record."""
        for sample in samples if self._writes else []:
            _append(self._samples, {"stage": stage.value, "step": step, **sample})
        return self._write("eval", stage, step, metrics)

    def records(self) -> list[dict[str, Any]]:
        """All records so far."""
        return read_records(self._metrics)

    def has_evaluation(self, stage: Stage, step: int) -> bool:
        """Whether this point of the run has been evaluated."""
        return any(
            record["kind"] == "eval" and record["stage"] == stage.value and record["step"] == step
            for record in self.records()
        )

    def _write(self, kind: str, stage: Stage, step: int, metrics: dict[str, Any]) -> dict[str, Any]:
        record = {"kind": kind, "stage": stage.value, "step": step, **metrics}
        if not self._writes:
            return record
        _append(self._metrics, record)
        board = self._boards[stage]
        with _written(Path(board.log_dir)):
            for name, value in flat_numbers(metrics).items():
                board.add_scalar(f"{'eval' if kind == 'eval' else stage.value}/{name}", value, step)
        return record


@contextmanager
def _board(directory: Path, stage: Stage, start: Progress) -> Iterator[SummaryWriter]:
    """TensorBoard files of one stage; what an earlier process wrote beyond `start` is hidden."""
    first = start.step + 1 if stage is start.stage else 0
    hide = first if place_of(stage, first) > start.place else None
    with _written(directory / stage.value):
        board = SummaryWriter(str(directory / stage.value), purge_step=hide)
        board.flush()  # a thread writes: a disk that takes nothing is told here, not at the first full queue
    try:
        yield board
    finally:
        with _written(directory / stage.value):
            board.close()


@contextmanager
def _threads_hand_over() -> Iterator[None]:
    """While it lasts no trace is printed of what a thread of TensorBoard could not write: `_written` tells it."""
    before, others = threading.excepthook, set(threading.enumerate())

    def hook(failed: threading.ExceptHookArgs) -> None:
        if not (isinstance(failed.exc_value, OSError) and _is_writer(failed.thread)):
            before(failed)

    threading.excepthook = hook
    try:
        yield
    finally:
        for thread in set(threading.enumerate()) - others:
            if _is_writer(thread):
                thread.join(timeout=THREAD_SECONDS)
        threading.excepthook = before


def _is_writer(thread: threading.Thread | None) -> bool:
    return type(thread).__module__.startswith("tensorboard.")


def cut_back(path: Path, progress: Progress) -> None:
    """Drop the lines that lie beyond `progress`, and what is no record, such as a last line that was not finished."""
    if not path.exists():
        return
    kept = [record for record in read_records(path) if place_of(record["stage"], record["step"]) <= progress.place]
    replacement = path.with_suffix(".tmp")
    try:
        with _written(path):
            replacement.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
            replacement.replace(path)
    finally:
        replacement.unlink(missing_ok=True)


def read_records(path: Path) -> list[dict[str, Any]]:
    """The lines that say to which step they belong; one that is not whole, the last after a kill, is left out."""
    if not path.exists():
        return []
    read = (_record(line) for line in path.read_bytes().split(b"\n"))
    return [record for record in read if record is not None]


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
        place_of(record["stage"], record["step"] + 0)
    except (ValueError, TypeError, KeyError):
        return None
    return dict(record)


def flat_numbers(metrics: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """The finite numbers of nested metrics, by their path with slashes."""
    numbers: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, dict):
            numbers |= flat_numbers(value, f"{prefix}{name}/")
        elif isinstance(value, (int, float)) and math.isfinite(value):
            numbers[prefix + name] = float(value)
    return numbers


def _append(path: Path, record: dict[str, Any]) -> None:
    """Add a line. Raises CheckpointError where it cannot be written, such as for a full disk."""
    with _written(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Raises CheckpointError in place of the OSErrors within."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written: {error.strerror or error}. Make room, then go on from the last checkpoint with "
            "--resume"
        ) from error
