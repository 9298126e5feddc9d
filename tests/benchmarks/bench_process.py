"""Do step rewards help? GRPO with process supervision against outcome alone: same cold starts, same budget of tokens.

    make bench-process          both chains, all arms, both rates, seeds 0, 1, 2, two runs side by side
    python tests/benchmarks/bench_process.py --chains long --arms outcome both --rates 5e-5 1e-4 2e-4 5e-4 --seeds 3

A chain is a task with its cold start and its budget: process_short.toml has four equations, process_long.toml seven.
For each seed the cold start is trained once; every arm then starts from it, at every learning rate, and is judged on
the same held-out problems by their final answers alone, whatever it was rewarded for. Prints one JSON line a run and
two Markdown tables, and draws the curves. `equations` and `true` tell whether a policy earned step rewards without
solving more problems. Runs that are there already are taken: remove them to measure anew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise, product
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.benchmarks.training_runs import (  # noqa: E402
    Curve,
    cold_start,
    curve_of,
    draw,
    from_same_starts,
    records_of,
    train_from,
    within,
)
from tests.server_process import STEP_PROFILES, running_server  # noqa: E402

STEP_CHECK = "arithmetic_steps"


@dataclass(frozen=True)
class Chain:
    """A task with its budget, and the learning rates at which every arm is measured."""

    config: Path
    rates: tuple[float, ...]


# On seed 3, of 5e-5, 1e-4, 2e-4 and 5e-4, in both chains: the first was the best in the end for outcome alone, the
# second by the mean of its curve. With step rewards they were the short chain's first and the long chain's second.
CHAINS = {
    "short": Chain(Path(__file__).with_name("process_short.toml"), (5e-5, 1e-4)),
    "long": Chain(Path(__file__).with_name("process_long.toml"), (1e-4, 5e-4)),
}


@dataclass(frozen=True)
class Arm:
    """A way to learn: the preset, the profile, what the table calls it and more options of the command."""

    preset: str
    profile: str
    label: str
    options: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        return ["--preset", self.preset, "--reward.profile", self.profile, *self.options]


STEPS_ALONE = ("--rl.advantage.process.outcome_weight", "0")
BASELINE = "outcome"
# The server gives the rewards of single steps under either profile; in `steps` they have no weight in the outcome.
ARMS = {
    BASELINE: Arm("grpo", "steps", "outcome alone"),
    "both": Arm("grpo_process", "steps", "outcome and steps"),
    "steps": Arm("grpo_process", "steps", "steps alone", STEPS_ALONE),
    "folded": Arm("grpo", "steps-folded", "outcome with the share of true equations in it"),
}


@dataclass(frozen=True)
class Run:
    """What one run reached. Accuracies are shares of the held-out problems, answered greedily.

    `half` is the accuracy at half of the run's tokens, `area` the mean of its curve over them. `length` (tokens),
    `equations` (a completion's, different and judged) and `true` (their share) are pairs: before and after. `dead` is
    the share of the groups whose rewards were all equal, in the first quarter of the steps.
    """

    arm: str
    rate: float
    seed: int
    before: float
    half: float
    after: float
    area: float
    tokens: int
    length: tuple[float, float]
    equations: tuple[float, float]
    true: tuple[float, float]
    dead: float
    seconds: float
    curve: list[tuple[int, float]]

    @property
    def label(self) -> str:
        """What it is called beside the others, whatever the seed."""
        return f"{ARMS[self.arm].label}, {self.rate:.0e}".replace("e-0", "e-")


def main() -> None:
    arguments = parsed()
    for chain in arguments.chains:
        out = arguments.out / chain
        out.mkdir(parents=True, exist_ok=True)
        with running_server(out / "server.log", **STEP_PROFILES) as (url, _):
            runs = measured(url, CHAINS[chain], out, arguments)
        print(f"{chain} chain\n\n{tables(runs)}")
        draw({label: [run.curve for run in mine] for label, mine in by_label(runs).items()}, out / "process.png")
        print(f"curves: {out / 'process.png'}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", nargs="*", choices=list(CHAINS), default=list(CHAINS))
    parser.add_argument("--arms", nargs="*", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--rates", nargs="*", type=float, help="learning rates in place of the chain's own")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "bench-process")
    return parser.parse_args()


def measured(url: str, chain: Chain, out: Path, arguments: argparse.Namespace) -> list[Run]:
    """All runs; the cold starts first."""

    def cold(seed: int) -> Path:
        return cold_start(url, chain.config, seed, out)

    def trained(way: tuple[str, float], seed: int, start: Path) -> Run:
        arm, rate = way
        run = out / f"{arm}-{rate:.0e}-{seed}"
        if not (run / "summary.json").is_file():
            options = [*ARMS[arm].words, "--seed", str(seed), "--rl.optim.lr", str(rate)]
            train_from(url, run, chain.config, start, *options)
        result = read(run, arm, rate, seed)
        print(json.dumps(asdict(result)), flush=True)
        return result

    ways = list(product(arguments.arms, arguments.rates or chain.rates))
    return from_same_starts(cold, trained, ways, arguments.seeds, arguments.jobs)


def read(run: Path, arm: str, rate: float, seed: int) -> Run:
    curve, evaluations, steps = curve_of(run), records_of(run, "eval"), records_of(run, "step")
    first, last, tokens = evaluations[0], evaluations[-1], steps[-1]["tokens_so_far"]
    return Run(
        arm=arm,
        rate=rate,
        seed=seed,
        before=curve[0][1],
        half=within(curve, tokens / 2),
        after=curve[-1][1],
        area=area(curve),
        tokens=tokens,
        length=(first["length"], last["length"]),
        equations=(first["steps_judged"], last["steps_judged"]),
        true=(first["components"][STEP_CHECK], last["components"][STEP_CHECK]),
        dead=statistics.mean(step["dead_group_share"] for step in steps[: len(steps) // 4]),
        seconds=json.loads((run / "summary.json").read_text())["seconds"],
        curve=curve,
    )


def area(curve: Curve) -> float:
    """The mean accuracy over the tokens, by trapezoids."""
    under = sum((right - left) * (low + high) / 2 for (left, low), (right, high) in pairwise(curve))
    return under / (curve[-1][0] - curve[0][0])


def by_label(runs: Sequence[Run]) -> dict[str, list[Run]]:
    return {label: [run for run in runs if run.label == label] for label in dict.fromkeys(run.label for run in runs)}


def tables(runs: Sequence[Run]) -> str:
    """What was learnt; then what became of the completions."""
    return "\n\n".join(
        table(
            {label: [cell(mine, runs) for cell in cells.values()] for label, mine in by_label(runs).items()},
            list(cells),
        )
        for cells in (LEARNT, BECAME)
    )


def table(rows: Mapping[str, Sequence[str]], columns: Sequence[str]) -> str:
    lines = [
        ["rewarded by, learning rate", *columns],
        ["---"] * (1 + len(columns)),
        *([name, *cells] for name, cells in rows.items()),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def against_outcome(runs: Sequence[Run], all_runs: Sequence[Run], figure: str = "after") -> str:
    """Points more than outcome alone of the same rate and seed, by seed; empty for outcome alone itself."""
    plain = {(run.rate, run.seed): getattr(run, figure) for run in all_runs if run.arm == BASELINE}
    pairs = [(getattr(run, figure), plain.get((run.rate, run.seed))) for run in runs if run.arm != BASELINE]
    return ", ".join(f"{100 * (mine - other):+.1f}" for mine, other in pairs if other is not None)


def percent(shares: Iterable[float]) -> str:
    return f"{100 * statistics.mean(shares):.1f} %"


def changed(pairs: Iterable[tuple[float, float]], form: str) -> str:
    """The means before and after."""
    before, after = (statistics.mean(values) for values in zip(*pairs, strict=True))
    return f"{before:{form}} → {after:{form}}"


Cell = Callable[[Sequence[Run], Sequence[Run]], str]  # of the arm's runs, and of all
LEARNT: Mapping[str, Cell] = {
    "held-out accuracy before → after, by seed": lambda runs, _: ", ".join(
        f"{100 * run.before:.1f} → {100 * run.after:.1f}" for run in runs
    ),
    "mean after": lambda runs, _: percent(run.after for run in runs),
    "against outcome alone": against_outcome,
    "at half the tokens": lambda runs, _: percent(run.half for run in runs),
    "mean of the curve": lambda runs, _: percent(run.area for run in runs),
    "… against outcome alone": partial(against_outcome, figure="area"),
}
BECAME: Mapping[str, Cell] = {
    "tokens sampled": lambda runs, _: f"{statistics.mean(run.tokens for run in runs):,.0f}",
    "tokens of an answer": lambda runs, _: changed((run.length for run in runs), ".1f"),
    "equations of an answer": lambda runs, _: changed((run.equations for run in runs), ".2f"),
    "share of them true": lambda runs, _: changed((run.true for run in runs), ".3f"),
    "groups of equal reward in the first quarter": lambda runs, _: percent(run.dead for run in runs),
    "seconds": lambda runs, _: f"{statistics.mean(run.seconds for run in runs):.0f}",
}

if __name__ == "__main__":
    main()
