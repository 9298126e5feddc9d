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
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.benchmarks.training_runs import (  # noqa: E402
    cold_start,
    curve_of,
    draw,
    from_same_starts,
    records_of,
    train_from,
    within,
)
from tests.server_process import STEP_PROFILES, running_server  # noqa: E402
from trainer_client.config.presets import PRESETS  # noqa: E402

CONFIG = ROOT / "configs" / "addition.toml"
# A sequence's ratio moves far less than a token's, and a policy gradient without groups is noisier: learning rates.
RATES = {"gspo": 4e-4, "gspo_token": 4e-4}
# What a preset is refused without, and a rate at which a new value head learns within so few steps.
MORE = {
    "gdpo": ("--rl.advantage.objectives.weights", '{"math": 1.0, "format": 0.2}'),
    "hybrid": ("--rl.critic.optim.lr", "2e-4"),
}


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
    with running_server(arguments.out / "server.log", **STEP_PROFILES) as (url, _):
        runs = measured(url, presets, arguments.seeds, arguments.out, arguments.steps, arguments.jobs)
    print(table(runs))
    curves = {preset: [run.curve for run in runs if run.preset == preset] for preset in presets}
    draw(curves, arguments.out / "algorithms.png", max(budgets(runs).values()))
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

    def cold(seed: int) -> Path:
        return cold_start(url, CONFIG, seed, out)

    def trained(preset: str, seed: int, start: Path) -> Run:
        return measured_run(url, preset, seed, start, out, steps)

    return from_same_starts(cold, trained, presets, seeds, jobs)


def measured_run(url: str, preset: str, seed: int, start: Path, out: Path, steps: int) -> Run:
    run = out / f"{preset}-{seed}"
    profile = "steps" if preset == "grpo_process" else "r1-zero-math"
    peak = train_from(
        url, run, CONFIG, start,
        "--preset", preset, "--seed", str(seed), "--rl.steps", str(steps),
        "--rl.optim.lr", str(RATES.get(preset, 2e-4)), "--reward.profile", profile,
        "--evaluation.every", "5", *MORE.get(preset, ()),
    )  # fmt: skip
    result = read(run, preset, seed, peak)
    print(json.dumps(asdict(result)), flush=True)
    return result


def read(run: Path, preset: str, seed: int, peak_mb: int) -> Run:
    tokens, curve = records_of(run, "step")[-1]["tokens_so_far"], curve_of(run)
    summary = json.loads((run / "summary.json").read_text())
    return Run(preset, seed, curve[0][1], curve[-1][1], tokens, summary["seconds"], peak_mb, curve)


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
        "| preset | held-out accuracy before → within the budget, by seed | least gain "
        "| mean within a sixth of it | tokens | seconds | peak MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for preset in dict.fromkeys(run.preset for run in runs):
        mine = [run for run in runs if run.preset == preset]
        reached = [within(run.curve, allowed[run.seed]) for run in mine]
        pairs = ", ".join(f"{100 * run.before:.1f} → {100 * end:.1f}" for run, end in zip(mine, reached, strict=True))
        gain = min(100 * (end - run.before) for run, end in zip(mine, reached, strict=True))
        early = 100 * statistics.mean(within(run.curve, allowed[run.seed] / 6) for run in mine)
        tokens, seconds = (statistics.mean(getattr(run, name) for run in mine) for name in ("tokens", "seconds"))
        peak = max(run.peak_mb for run in mine)
        lines.append(f"| {preset} | {pairs} | {gain:+.1f} | {early:.1f} | {tokens:,.0f} | {seconds:.0f} | {peak} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
