"""Every RL preset on the demo's task, from the same cold start, within the same budget of sampled tokens.

    make bench-algorithms                          all presets, seeds 0, 1, 2, two runs side by side
    python tests/benchmarks/bench_algorithms.py --presets grpo ppo --seeds 0 --out runs/bench

For each seed the cold start is trained once; every preset then starts from it, against a reward server of its own, and
is judged on the same held-out problems. The budget is what `grpo` samples, and a twentieth more: what a preset reached
is its last evaluation within it. Prints one JSON line a run and a Markdown table, and draws the curves.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.server_process import running_server  # noqa: E402
from trainer_client.config.presets import PRESETS  # noqa: E402

CONFIG = ROOT / "configs" / "addition.toml"
TOLERANCE = 1.05  # completions differ a little in length
# A sequence's ratio moves far less than a token's, and a policy gradient without groups is noisier: learning rates.
RATES = {"gspo": 4e-4, "gspo_token": 4e-4}
PROFILE = """
description = "right, in the format, and every equation of the reasoning a step"
[[checks]]
check = "math"
[[checks]]
check = "format"
weight = 0.2
[[checks]]
check = "arithmetic_steps"
weight = 0.0
"""


@dataclass(frozen=True)
class Run:
    """What one run reached. Accuracies are shares of the held-out problems; memory is the peak of the trainer."""

    preset: str
    seed: int
    before: float
    after: float
    tokens: int
    seconds: float
    peak_mb: int
    curve: list[tuple[int, float]]


def main() -> None:
    arguments = parsed()
    presets = arguments.presets or list(PRESETS)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profiles:
        (Path(profiles) / "steps.toml").write_text(PROFILE)
        log = arguments.out / "server.log"
        with running_server(log, REWARD_SERVER_PROFILES_DIR=profiles) as (url, _):
            runs = measured(url, presets, arguments.seeds, arguments.out, arguments.steps, arguments.jobs)
    print(table(runs))
    draw(runs, arguments.out / "algorithms.png")
    print(f"curves: {arguments.out / 'algorithms.png'}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="*", choices=list(PRESETS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "bench-algorithms")
    return parser.parse_args()


def measured(url: str, presets: Sequence[str], seeds: Sequence[int], out: Path, steps: int, jobs: int) -> list[Run]:
    """All runs, `jobs` at a time; the cold starts first."""
    with ThreadPoolExecutor(jobs) as threads:
        starts = dict(zip(seeds, threads.map(lambda seed: cold_start(url, seed, out), seeds), strict=True))
        work = [(preset, seed) for seed in seeds for preset in presets]
        return list(threads.map(lambda one: trained(url, *one, starts[one[1]], out, steps), work))


def cold_start(url: str, seed: int, out: Path) -> Path:
    run = out / f"cold-{seed}"
    if not (run / "model").is_dir():
        train(url, run, "--seed", str(seed), "--rl.steps", "0")
    return run / "model"


def trained(url: str, preset: str, seed: int, start: Path, out: Path, steps: int) -> Run:
    run = out / f"{preset}-{seed}"
    profile = "steps" if preset == "grpo_process" else "r1-zero-math"
    peak = train(
        url, run,
        "--preset", preset, "--seed", str(seed), "--sft.steps", "0", "--model.path", str(start),
        "--rl.steps", str(steps), "--rl.optim.lr", str(RATES.get(preset, 2e-4)), "--reward.profile", profile,
    )  # fmt: skip
    result = read(run, preset, seed, peak)
    print(json.dumps(asdict(result)), flush=True)
    return result


def train(url: str, run: Path, *options: str) -> int:
    """The peak memory of the trainer, in MB. The model of the cold start takes the place of the fresh one."""
    config = CONFIG.read_text() if "--model.path" not in options else without_fresh(CONFIG.read_text())
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
    lines = config.splitlines()
    start = lines.index("[model.fresh]")
    end = next(n for n in range(start + 1, len(lines)) if lines[n].startswith("["))
    return "\n".join([*lines[:start], *lines[end:]]) + "\n"


def read(run: Path, preset: str, seed: int, peak_mb: int) -> Run:
    records: list[dict[str, Any]] = [json.loads(line) for line in (run / "metrics.jsonl").open()]
    tokens, curve, at_step = 0, [], {0: 0}
    for record in records:
        if record["kind"] == "step" and record["stage"] == "rl":
            tokens += record["tokens"]
            at_step[record["step"]] = tokens
    for record in records:
        if record["kind"] == "eval":
            curve.append((at_step[record["step"]], record["accuracy"]))
    summary = json.loads((run / "summary.json").read_text())
    return Run(preset, seed, curve[0][1], curve[-1][1], tokens, summary["seconds"], peak_mb, curve)


def within(run: Run, budget: int) -> float:
    """The accuracy at the last evaluation that the budget allows."""
    return [accuracy for tokens, accuracy in run.curve if tokens <= TOLERANCE * budget][-1]


def budgets(runs: Sequence[Run]) -> dict[int, int]:
    """Tokens by seed: those of grpo, or the least of what is there."""
    return {
        seed: min(
            [run.tokens for run in runs if run.seed == seed and run.preset == "grpo"]
            or [run.tokens for run in runs if run.seed == seed]
        )
        for seed in {run.seed for run in runs}
    }


def table(runs: Sequence[Run]) -> str:
    allowed = budgets(runs)
    lines = [
        "| preset | held-out accuracy before → within the budget, by seed | least gain | tokens | seconds | peak MB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for preset in dict.fromkeys(run.preset for run in runs):
        mine = [run for run in runs if run.preset == preset]
        reached = [within(run, allowed[run.seed]) for run in mine]
        pairs = ", ".join(f"{100 * run.before:.1f} → {100 * end:.1f}" for run, end in zip(mine, reached, strict=True))
        gain = min(100 * (end - run.before) for run, end in zip(mine, reached, strict=True))
        tokens, seconds = (statistics.mean(getattr(run, name) for run in mine) for name in ("tokens", "seconds"))
        peak = max(run.peak_mb for run in mine)
        lines.append(f"| {preset} | {pairs} | {gain:+.1f} | {tokens:,.0f} | {seconds:.0f} | {peak} |")
    return "\n".join(lines)


def draw(runs: Sequence[Run], path: Path) -> None:
    """Mean held-out accuracy over the seeds against sampled tokens, a line a preset."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, preset in enumerate(dict.fromkeys(run.preset for run in runs)):
        curves = [run.curve for run in runs if run.preset == preset]
        points = list(zip(*curves, strict=False))
        axes.plot(
            [statistics.mean(tokens for tokens, _ in point) / 1000 for point in points],
            [100 * statistics.mean(accuracy for _, accuracy in point) for point in points],
            marker="o",
            linestyle=("-", "--", ":")[number // 10 % 3],
            label=preset,
        )
    axes.set_xlabel("sampled tokens, thousands")
    axes.set_ylabel("held-out accuracy, %")
    axes.grid(alpha=0.25)
    axes.legend(ncols=2, fontsize="small")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
