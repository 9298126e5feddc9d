"""What a critic costs: PPO and GRPO side by side on one larger model, in memory and time of a step.

    make bench-critic
    python tests/benchmarks/bench_critic.py --hidden 256 --layers 4

A fresh model of random weights samples completions of full length and is paid for a digit in them, so that every arm
does the same amount of work: same prompts, group, minibatches and number of tokens, no divergence. Only the baseline
differs: the group's mean, a critic that shares the policy's trunk, a critic with a trunk of its own. One run at a time,
in turns; prints the medians of all steps but the first of each run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.benchmarks.training_runs import records_of, train  # noqa: E402
from tests.server_process import running_server  # noqa: E402

ARMS = {
    "grpo": ("--preset", "grpo", "--rl.minibatches", "4", "--rl.loss.aggregation", "token_mean"),
    "ppo, shared trunk": ("--preset", "ppo", "--rl.critic.trunk", "shared"),
    "ppo, own trunk": ("--preset", "ppo"),
}
SHAPE = {"--rl.prompts": 8, "--rl.group": 8, "--rl.micro_batch": 16, "--rl.sampler.max_new_tokens": 64}
PROFILE = """
description = "a seven in it: half of what chance writes"
[[checks]]
check = "regex"
params = { required = ["7"] }
"""
CONFIG = """
[model.fresh]
hidden = {hidden}
layers = {layers}
heads = 8
intermediate = {intermediate}
[data.addition]
terms = 3
[sft]
steps = 0
[rl.loss.kl]
beta = 0.0
[reward]
profile = "sevens"
[evaluation]
every = 0
problems = 1
accuracy_component = "regex"
[run]
checkpoint_every = 0
"""


@dataclass(frozen=True)
class Cost:
    """`seconds` by part of a step, medians; `peak_mb` of the trainer's whole process."""

    arm: str
    peak_mb: int
    tokens: float
    generate: float
    update: float
    total: float


def main() -> None:
    arguments = parsed()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sevens.toml").write_text(PROFILE)
        with running_server(Path(folder) / "server.log", REWARD_SERVER_PROFILES_DIR=folder) as (url, _):
            rounds = [
                [measured(url, Path(folder), arm, f"{arm}-{number}", arguments) for arm in ARMS]
                for number in range(arguments.rounds)
            ]
    print(table([merged(costs) for costs in zip(*rounds, strict=True)], idle_mb(arguments), arguments))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def idle_mb(arguments: argparse.Namespace) -> int:
    """The peak of a process that has imported the trainer and built the model."""
    shape = f"hidden={arguments.hidden}, layers={arguments.layers}, heads=8, intermediate={4 * arguments.hidden}"
    code = (
        "import trainer_client.train\n"
        "from trainer_client.config import FreshModelConfig\n"
        "from trainer_client.model import fresh_network\n"
        f"fresh_network(FreshModelConfig({shape}))"
    )
    _, status, usage = os.wait4(subprocess.Popen([sys.executable, "-c", code], cwd=ROOT).pid, 0)
    if status:
        raise SystemExit("the model could not be built alone")
    return usage.ru_maxrss // 1024


def measured(url: str, folder: Path, arm: str, name: str, arguments: argparse.Namespace) -> Cost:
    config = CONFIG.format(hidden=arguments.hidden, layers=arguments.layers, intermediate=4 * arguments.hidden)
    run = folder / name.replace(", ", "-").replace(" ", "-")
    shape = [word for option, value in SHAPE.items() for word in (option, str(value))]
    peak = train(url, run, config, *ARMS[arm], *shape, "--rl.steps", str(arguments.steps))
    return cost(arm, peak, records_of(run, "step")[1:])


def cost(arm: str, peak_mb: int, steps: Sequence[dict[str, Any]]) -> Cost:
    """Medians over the steps; zeros where there are none."""

    def middle(values: Sequence[float]) -> float:
        return statistics.median(values or [0.0])

    parts = {part: middle([step["seconds"][part] for step in steps]) for part in ("generate", "update", "total")}
    return Cost(arm, peak_mb, middle([step["tokens"] for step in steps]), **parts)


def merged(costs: Sequence[Cost]) -> Cost:
    """The median of each figure over the rounds."""
    figures = {
        name: statistics.median(getattr(one, name) for one in costs)
        for name in ("peak_mb", "tokens", "generate", "update", "total")
    }
    return Cost(costs[0].arm, **figures)


def table(costs: Sequence[Cost], idle: int, arguments: argparse.Namespace) -> str:
    base = costs[0]
    lines = [
        f"hidden {arguments.hidden}, {arguments.layers} layers; the process without any step peaks at {idle} MB",
        "",
        "| | peak MB above idle | times grpo | seconds a step | of it generate, update | update, times grpo |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in costs:
        above = one.peak_mb - idle
        lines.append(
            f"| {one.arm} | {above:.0f} | {above / (base.peak_mb - idle):.2f} | {one.total:.2f} "
            f"| {one.generate:.2f}, {one.update:.2f} | {one.update / base.update:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
