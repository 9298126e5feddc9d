"""The benchmark of process supervision: what its arms train under, and the figures it makes of their curves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.bench_process import ARMS, CHAINS, Run, against_outcome, area
from tests.benchmarks.training_runs import within, without_fresh
from tests.server_process import STEP_PROFILES
from trainer_client.command_line import load
from trainer_client.config import TrainConfig


def run_of(arm: str, seed: int, after: float, rate: float = 1e-4) -> Run:
    curve = [(0, 0.25), (100, after)]
    return Run(arm, rate, seed, 0.25, 0.25, after, area(curve), 100, (30, 30), (4, 4), (0.5, 0.5), 0.0, 1.0, curve)


def config_of(chain: str, arm: str, directory: Path) -> TrainConfig:
    file = directory / "process.toml"
    file.write_text(without_fresh(CHAINS[chain].config.read_text()))
    return load([str(file), "--model.path", str(directory), *ARMS[arm].words])


@pytest.mark.parametrize("chain", CHAINS)
def test_arms_differ_in_rewards_and_advantages_alone(chain: str, tmp_path: Path) -> None:
    plain = config_of(chain, "outcome", tmp_path)
    assert plain.rl.advantage.process is None
    profiles = {path.stem for path in Path(STEP_PROFILES["REWARD_SERVER_PROFILES_DIR"]).glob("*.toml")}
    for arm in ARMS:
        got = config_of(chain, arm, tmp_path)
        assert got.reward.profile in profiles
        rl = got.rl.model_copy(update={"advantage": plain.rl.advantage})
        reward = got.reward.model_copy(update={"profile": plain.reward.profile})
        assert got.model_copy(update={"preset": plain.preset, "rl": rl, "reward": reward}) == plain


def test_steps_alone_leave_the_outcome_out(tmp_path: Path) -> None:
    process = config_of("long", "steps", tmp_path).rl.advantage.process
    assert process is not None
    assert (process.outcome_weight, process.step_weight) == (0.0, 1.0)


def test_area_is_the_mean_of_the_straight_lines_between_the_evaluations() -> None:
    assert area([(0, 0.2), (100, 0.6), (400, 0.8)]) == pytest.approx((100 * 0.4 + 300 * 0.7) / 400)


def test_accuracy_within_a_budget_is_that_of_the_last_evaluation_it_allows() -> None:
    curve = [(0, 0.2), (104, 0.6), (200, 0.9)]
    assert within(curve, 100) == 0.6
    assert within(curve, 98) == 0.2


def test_gain_is_against_outcome_alone_of_the_same_seed_and_rate() -> None:
    plain = [run_of("outcome", 0, 0.5), run_of("outcome", 1, 0.75), run_of("outcome", 1, 0.25, 5e-4)]
    both = [run_of("both", 1, 0.5), run_of("both", 0, 0.75), run_of("both", 1, 0.75, 5e-4), run_of("both", 2, 0.5)]
    assert against_outcome(both, plain + both) == "-25.0, +25.0, +50.0"
    assert against_outcome(plain, plain + both) == ""
