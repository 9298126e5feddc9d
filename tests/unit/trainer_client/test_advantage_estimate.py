"""The one door to token advantages: every estimator, and what each needs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from trainer_client.advantages import (
    Evidence,
    Step,
    TokenAdvantages,
    gae,
    grpo_advantages,
    kl_shaped_rewards,
    process_advantages,
    rloo_advantages,
    token_advantages,
    whiten,
)
from trainer_client.advantages.estimate import ESTIMATORS
from trainer_client.config.advantage import AdvantageConfig

PROMPTS, GROUP, WIDTH = 4, 3, 6
ROWS = PROMPTS * GROUP


def evidence(seed: int = 0) -> Evidence:
    """A batch with everything an estimator may ask for; member 1 of prompt 2 is not scored; row 0 has a tool."""
    torch.manual_seed(seed)
    lengths = torch.randint(2, WIDTH + 1, (ROWS,))
    mask = torch.arange(WIDTH).expand(ROWS, WIDTH) < lengths.unsqueeze(1)
    mask[0] = torch.tensor([True, False, True, False, False, False])
    scored = torch.ones(PROMPTS, GROUP, dtype=torch.bool)
    scored[2, 1] = False
    steps = [[Step(t, float(torch.rand(()))) for t in range(0, int(length), 2)] for length in lengths]
    return Evidence(
        rewards=torch.randint(0, 5, (PROMPTS, GROUP)).double(),
        scored=scored,
        mask=mask,
        kept=None,
        steps=steps,
        components=torch.rand(PROMPTS, GROUP, 2, dtype=torch.float64),
        present=torch.rand(PROMPTS, GROUP, 2) < 0.9,
        prompt_values=torch.rand(PROMPTS, dtype=torch.float64),
        values=torch.randn(ROWS, WIDTH, dtype=torch.float64),
        kl=torch.randn(ROWS, WIDTH, dtype=torch.float64),
        kl_beta=0.0,
    )


CONFIGS: dict[str, dict[str, Any]] = {
    "grpo": {},
    "grpo by batch": {"scale": "batch"},
    "dr_grpo": {"scale": "none"},
    "process": {"process": {}},
    "process in one": {"process": {"outcome_as_step": True}},
    "process by batch": {"process": {}, "scale": "batch"},
    "objectives": {"objectives": {"weights": {"a": 1.0, "b": 0.5}, "whiten": True}},
    "process and objectives": {"process": {}, "objectives": {"weights": {"a": 1.0, "b": 0.5}}},
    "hybrid": {"hybrid": {"choose": "all"}, "scale": "none"},
    "rloo": {"estimator": "rloo"},
    "rloo whitened": {"estimator": "rloo", "whiten": True},
    "reinforce_pp": {"estimator": "reinforce_pp", "gamma": 0.9},
    "reinforce_pp_baseline": {"estimator": "reinforce_pp_baseline"},
    "gae": {"estimator": "gae", "gamma": 0.99, "lam": 0.9},
}


def estimated(settings: dict[str, Any], known: Evidence) -> TokenAdvantages:
    return token_advantages(known, AdvantageConfig.model_validate(settings))


@pytest.mark.parametrize("name", CONFIGS)
def test_without_a_kl_weight_no_kl_is_asked_for(name: str) -> None:
    known = evidence(2)
    without = estimated(CONFIGS[name], replace(known, kl=None))
    assert torch.equal(without.tokens, estimated(CONFIGS[name], known).tokens)


@pytest.mark.parametrize("name", CONFIGS)
def test_nothing_but_actions_of_scored_members_gets_an_advantage(name: str) -> None:
    known = evidence(2)
    got = estimated(CONFIGS[name], known)
    unscored_row = 2 * GROUP + 1
    assert not got.tokens[~known.mask].any()
    assert not got.tokens[unscored_row].any()
    assert (got.returns is not None) == (name == "gae")


@pytest.mark.parametrize("kl_beta", [0.0, 0.1])
@pytest.mark.parametrize("name", CONFIGS)
def test_what_an_unscored_member_holds_changes_nothing(name: str, kl_beta: float) -> None:
    known = replace(evidence(3), kl_beta=kl_beta)
    spoilt, row = known, 2 * GROUP + 1
    for field, index in (("rewards", (2, 1)), ("components", (2, 1)), ("values", (row,)), ("kl", (row,))):
        tensor = getattr(known, field).clone()
        tensor[index] = math.nan
        spoilt = replace(spoilt, **{field: tensor})
    got, expected = estimated(CONFIGS[name], spoilt), estimated(CONFIGS[name], known)
    assert torch.equal(got.tokens, expected.tokens)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in ("hybrid", "gae")])
def test_a_batch_of_equal_rewards_gives_exact_zeros(name: str) -> None:
    """Without a critic nothing tells the completions apart; a value estimate does."""
    known = evidence(4)
    assert known.steps is not None
    equal = replace(
        known,
        rewards=torch.full_like(known.rewards, 0.1),
        components=torch.full((PROMPTS, GROUP, 2), 0.1).double(),
        steps=[[Step(step.token_index, 0.1) for step in row] for row in known.steps],
    )
    settings = CONFIGS[name]
    if name == "reinforce_pp":
        settings = settings | {"gamma": 1.0}  # a discount makes the place of a token count
    assert not estimated(settings, equal).tokens.any()


def on_rows(advantages: Tensor, known: Evidence) -> Tensor:
    return torch.where(known.actions, advantages.reshape(-1, 1), torch.zeros(known.mask.shape).double())


def test_the_outcome_lies_on_every_token_of_its_completion() -> None:
    known = evidence(5)
    grpo, rloo = estimated({}, known).tokens, estimated({"estimator": "rloo"}, known).tokens
    assert torch.equal(grpo, on_rows(grpo_advantages(known.rewards, known.scored, AdvantageConfig()), known))
    assert torch.equal(rloo, on_rows(rloo_advantages(known.rewards, known.scored), known))


def test_outcome_and_steps_are_added_with_their_weights() -> None:
    known, config = evidence(6), AdvantageConfig()
    assert known.steps is not None
    steps = process_advantages(known.steps, known.scored, WIDTH, config)
    outcome = grpo_advantages(known.rewards, known.scored, config).reshape(-1, 1)
    for of_outcome, of_steps in ((0.0, 1.0), (0.5, 2.0)):
        settings = {"process": {"outcome_weight": of_outcome, "step_weight": of_steps}}
        expected = torch.where(known.actions, of_steps * steps + of_outcome * outcome, torch.zeros(()).double())
        assert torch.allclose(estimated(settings, known).tokens, expected, rtol=0.0, atol=1e-12)


def test_the_outcome_as_a_step_ends_at_the_last_action_even_after_a_tool() -> None:
    known = evidence(7)
    steps = [[Step(0, 0.5)] for _ in range(ROWS)]
    got = estimated({"process": {"outcome_as_step": True}, "scale": "none"}, replace(known, steps=steps))
    values = [0.5] * 3 + known.rewards[0].tolist()
    mean = sum(values) / len(values)
    outcome = float(known.rewards[0, 0]) - mean
    assert got.tokens[0, [0, 2]].tolist() == pytest.approx([outcome + 0.5 - mean, outcome], abs=1e-12)
    assert got.tokens[0, [1, 3, 4, 5]].tolist() == [0.0] * 4


def test_the_kept_set_alone_makes_the_statistics_and_the_others_get_zero() -> None:
    known = replace(evidence(8), rewards=torch.tensor([[0.0, 1.0, 50.0]] * PROMPTS).double())
    kept = torch.tensor([[True, True, False]] * PROMPTS)
    got = estimated({"gfpo": {"keep": 2}}, replace(known, kept=kept))
    half = 0.5 / (math.sqrt(0.5) + 1e-4)
    assert got.tokens[0, 0] == pytest.approx(-half, abs=1e-12)
    assert got.tokens[1, 0] == pytest.approx(half, abs=1e-12)
    assert not got.tokens[2].any()
    assert not got.tokens[2 * GROUP : 3 * GROUP].any()


def test_a_divergence_in_the_reward_does_not_hide_that_a_group_is_dead() -> None:
    known = replace(evidence(8), rewards=torch.tensor([[1.0, 1.0, 1.0], *[[0.0, 1.0, 1.0]] * (PROMPTS - 1)]).double())
    known = replace(known, kl_beta=0.1)
    assert known.kl is not None
    assert known.prompt_values is not None
    got = estimated({"scale": "none", "hybrid": {"choose": "dead"}}, known)
    shaped = (known.rewards.flatten() - 0.1 * (known.kl * known.mask).sum(1)).reshape(PROMPTS, GROUP)
    expected = torch.cat([shaped[0] - known.prompt_values[0], shaped[1] - shaped[1].mean()])
    for row, advantage in enumerate(expected.tolist()):
        assert got.tokens[row][known.mask[row]].tolist() == pytest.approx([advantage] * int(known.mask[row].sum()))


def test_reinforce_pp_whitens_returns_with_the_kl_in_the_reward() -> None:
    known = replace(evidence(9), kl_beta=0.3)
    assert known.kl is not None
    returns = torch.zeros(ROWS, WIDTH, dtype=torch.float64)
    for row in range(ROWS):
        if not known.scored.flatten()[row]:
            continue
        actions = known.mask[row].nonzero().flatten().tolist()
        for place, t in enumerate(actions):
            later = sum(0.9**n * -0.3 * float(known.kl[row, s]) for n, s in enumerate(actions[place:]))
            returns[row, t] = later + 0.9 ** (len(actions) - 1 - place) * float(known.rewards.flatten()[row])
    chosen = returns[known.actions]
    expected = torch.where(known.actions, (returns - chosen.mean()) / (chosen.std() + 1e-4), torch.zeros(()).double())
    got = estimated({"estimator": "reinforce_pp", "gamma": 0.9}, known).tokens
    assert torch.allclose(got, expected, rtol=0.0, atol=1e-12)


def test_the_baseline_variant_takes_the_group_mean_off_first() -> None:
    known = evidence(10)
    config = AdvantageConfig(scale="none")
    centred = on_rows(grpo_advantages(known.rewards, known.scored, config), known)
    expected = whiten(centred, known.actions, 1, 1e-4)
    got = estimated({"estimator": "reinforce_pp_baseline"}, known).tokens
    assert torch.allclose(got, expected, rtol=0.0, atol=1e-12)


def test_the_critics_targets_are_not_whitened() -> None:
    known = replace(evidence(11), kl_beta=0.2)
    assert known.kl is not None
    assert known.values is not None
    rewards = kl_shaped_rewards(known.rewards.flatten(), known.kl, known.actions, 0.2)
    advantages, targets = gae(rewards, known.values, known.actions, 0.99, 0.9)
    got = estimated({"estimator": "gae", "gamma": 0.99, "lam": 0.9}, known)
    assert got.returns is not None
    assert torch.equal(got.returns, targets)
    assert torch.allclose(got.tokens, whiten(advantages, known.actions, 1, 1e-4), rtol=0.0, atol=1e-12)
    raw = estimated({"estimator": "gae", "gamma": 0.99, "lam": 0.9, "whiten": False}, known)
    assert torch.equal(raw.tokens, advantages)


def test_kl_in_the_reward_of_an_outcome_estimator_is_the_sum_over_the_completion() -> None:
    known = replace(evidence(12), kl_beta=0.2)
    assert known.kl is not None
    sums = torch.tensor([float(known.kl[row][known.mask[row]].sum()) for row in range(ROWS)], dtype=torch.float64)
    shaped = known.rewards - 0.2 * sums.reshape(PROMPTS, GROUP)
    expected = on_rows(rloo_advantages(shaped, known.scored), known)
    assert torch.allclose(estimated({"estimator": "rloo"}, known).tokens, expected, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("process", "steps"),
        ("process in one", "steps"),
        ("objectives", "components"),
        ("objectives", "present"),
        ("hybrid", "prompt_values"),
        ("gae", "values"),
    ],
)
def test_missing_evidence_is_named(name: str, missing: str) -> None:
    with pytest.raises(ValueError, match=rf"needs Evidence\.{missing}, which was not given"):
        estimated(CONFIGS[name], replace(evidence(), **{missing: None}))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_kl_weight_without_a_kl_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"kl_beta > 0 needs Evidence\.kl"):
        estimated({"estimator": name}, replace(evidence(), kl=None, kl_beta=0.1))
