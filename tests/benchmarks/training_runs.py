"""What the benchmarks of learning share: cold starts, trainers side by side, accuracy against sampled tokens, curves.

Every run is the real command against a real reward server. A benchmark says which arms there are and what it tells.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parent.parent.parent
TOLERANCE = 1.05  # completions differ a little in length

Arm = TypeVar("Arm")
Result = TypeVar("Result")
Curve = Sequence[tuple[int, float]]
"""Held-out accuracy, a share, after so many sampled tokens."""


def from_same_starts(
    cold: Callable[[int], Path],
    trained: Callable[[Arm, int, Path], Result],
    arms: Sequence[Arm],
    seeds: Sequence[int],
    jobs: int,
) -> list[Result]:
    """Every arm from every seed's cold start, `jobs` at a time; the cold starts first."""
    with ThreadPoolExecutor(jobs) as threads:
        starts = dict(zip(seeds, threads.map(cold, seeds), strict=True))
        work = [(arm, seed) for seed in seeds for arm in arms]
        return list(threads.map(lambda one: trained(one[0], one[1], starts[one[1]]), work))


def cold_start(url: str, config: Path, seed: int, out: Path) -> Path:
    """The model after supervised fine-tuning alone; one that is there already is taken."""
    run = out / f"cold-{seed}"
    if not (run / "model").is_dir():
        train(url, run, config.read_text(), "--seed", str(seed), "--rl.steps", "0")
    return run / "model"


def train_from(url: str, run: Path, config: Path, start: Path, *options: str) -> int:
    """As `train`; the model of the cold start takes the place of the fresh one."""
    return train(url, run, without_fresh(config.read_text()), "--sft.steps", "0", "--model.path", str(start), *options)


def train(url: str, run: Path, config: str, *options: str) -> int:
    """The peak memory of the trainer, in MB. Ends the benchmark when the trainer fails."""
    run = run.resolve()  # the trainer works in ROOT
    file = run.with_suffix(".toml")
    file.write_text(config)
    words = [sys.executable, "-m", "trainer_client", "train", str(file), "--run.dir", str(run), "--reward.url", url]
    with run.with_suffix(".log").open("w") as log:
        trainer = subprocess.Popen(
            [*words, *options], cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        _, status, usage = os.wait4(trainer.pid, 0)
    if status:
        raise SystemExit(f"{run.name} failed; see {run.with_suffix('.log')}")
    return usage.ru_maxrss // 1024


def without_fresh(config: str) -> str:
    """The TOML without its table [model.fresh]."""
    lines = config.splitlines()
    start = lines.index("[model.fresh]")
    end = next(n for n in range(start + 1, len(lines)) if lines[n].startswith("["))
    return "\n".join([*lines[:start], *lines[end:]]) + "\n"


def records_of(run: Path, kind: str) -> list[dict[str, Any]]:
    """The run's records of reinforcement learning, in order: `kind` is step or eval. A step's has `tokens_so_far`."""
    records: list[dict[str, Any]] = [json.loads(line) for line in (run / "metrics.jsonl").open()]
    tokens, at_step = 0, {0: 0}
    for record in records:
        if record["kind"] == "step" and record["stage"] == "rl":
            tokens += record["tokens"]
            at_step[record["step"]] = tokens
    mine = [record for record in records if record["kind"] == kind and record["stage"] == "rl"]
    return [record | {"tokens_so_far": at_step[record["step"]]} for record in mine]


def curve_of(run: Path) -> list[tuple[int, float]]:
    """Its evaluations against what it had sampled."""
    return [(record["tokens_so_far"], record["accuracy"]) for record in records_of(run, "eval")]


def within(curve: Curve, budget: float) -> float:
    """The accuracy at the last evaluation that the budget of tokens allows."""
    return [accuracy for tokens, accuracy in curve if tokens <= TOLERANCE * budget][-1]


def draw(curves: Mapping[str, Sequence[Curve]], path: Path, budget: float | None = None) -> None:
    """A line for each name: the mean held-out accuracy of its curves against sampled tokens, as far as the budget."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, (name, mine) in enumerate(curves.items()):
        points = list(zip(*mine, strict=False))
        axes.plot(
            [statistics.mean(tokens for tokens, _ in point) / 1000 for point in points],
            [100 * statistics.mean(accuracy for _, accuracy in point) for point in points],
            marker="o",
            linestyle=("-", "--", ":")[number // 10 % 3],
            label=name,
        )
    if budget is not None:
        axes.set_xlim(0, TOLERANCE * budget / 1000)
    axes.set_xlabel("sampled tokens, thousands")
    axes.set_ylabel("held-out accuracy, %")
    axes.grid(alpha=0.25)
    axes.legend(ncols=2, fontsize="small")
    figure.savefig(path, dpi=120)
