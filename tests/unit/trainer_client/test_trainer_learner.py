"""Policy, critic and reference through whole updates: no cut changes a gradient, and each learns what it should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.unit.trainer_client.test_trainer_update import learner, random_batch
from trainer_client.batching import acting_rows
from trainer_client.config import FreshModelConfig, ModelConfig, RlConfig
from trainer_client.config.presets import with_preset
from trainer_client.critic import Critic, outcome_returns
from trainer_client.learner import Learner, Rates, move_towards
from trainer_client.losses.entropy import entropy_threshold
from trainer_client.measure import measured
from trainer_client.model import LanguageModel, open_model
from trainer_client.optim import build_optimizer
from trainer_client.policy import frozen_copy_of, policy_outputs, token_log_probs
from trainer_client.types import TrainBatch
from trainer_client.update import accumulate_gradients, update_policy

CASES: dict[str, dict[str, Any]] = {
    name: with_preset(name, {})
    for name in ("grpo", "dr_grpo", "dapo", "gspo", "gspo_token", "cispo", "dual_clip", "ppo", "rloo")
} | {
    "ppo, shared trunk": with_preset("ppo", {"critic": {"trunk": "shared"}}),
    "entropy bonus": {"loss": {"entropy": {"coef": 0.1}}},
    "tokens of high entropy": {"loss": {"entropy": {"top_share": 0.3}, "aggregation": "token_mean"}},
    "correction of tokens": {"loss": {"correction": {"mode": "token_truncate", "high": 1.1}}},
    "correction of sequences": {"loss": {"correction": {"mode": "geometric_mask", "low": 0.9, "high": 1.1}}},
}


def rl(overrides: dict[str, Any], micro: int, **more: Any) -> RlConfig:
    return RlConfig.model_validate({**overrides, "micro_batch": micro, "sampler": {"max_new_tokens": 10}, **more})


def pupil(model: LanguageModel, config: RlConfig) -> Learner:
    """A learner with all that the configuration asks for."""
    made = learner(model)
    if config.loss.kl.beta:
        made.reference = frozen_copy_of(model.network)
        with torch.no_grad():
            for weight in made.reference.parameters():
                weight.mul_(1.05)
    if config.critic is not None:
        made.critic = Critic.beside(model.network, own_trunk=config.critic.trunk == "own")
        with torch.no_grad():
            made.critic.head.weight.fill_(0.1)  # with zero weights the trunk has no gradient
        made.critic_optimizer = build_optimizer(made.critic.parameters(), config.critic.optim)
    return made


def known_batch(made: Learner, config: RlConfig, seed: int = 0, rows: int = 32) -> TrainBatch:
    """Rows whose old policy is somewhat away from the current one and from the sampler."""
    batch = random_batch(rows, seed)
    acting = acting_rows(batch)
    batch = measured(made, replace(batch, old_log_probs=None), acting, config)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        own = token_log_probs(made.network, batch, config.sampler.temperature)
    old = own + 0.05 * torch.randn(own.shape, generator=noise)
    sampler = old + 0.05 * torch.randn(own.shape, generator=noise)
    returns = torch.rand(own.shape, generator=noise) if config.critic else None
    return replace(batch, old_log_probs=old, sampler_log_probs=sampler, returns=returns)


def gradient_of(made: Learner, batch: TrainBatch, config: RlConfig) -> Tensor:
    """The gradients of policy and critic as one vector."""
    accumulate_gradients(made, batch, config)
    parts: list[torch.nn.Module] = [made.network, *([] if made.critic is None else [made.critic])]
    found = []
    for part in parts:
        found += [weight.grad.flatten() for weight in part.parameters() if weight.grad is not None]
        part.zero_grad(set_to_none=True)
    return torch.cat(found)


@pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)
def test_gradient_does_not_depend_on_micro_batches(tiny_model: LanguageModel, overrides: dict[str, Any]) -> None:
    made = pupil(tiny_model, rl(overrides, 64))
    batch = known_batch(made, rl(overrides, 64))
    whole = gradient_of(made, batch, rl(overrides, 64))
    assert whole.abs().max() > 1e-4
    for micro in (1, 7):
        assert torch.allclose(gradient_of(made, batch, rl(overrides, micro, logits_chunk=5)), whole, atol=2e-6)


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(["grpo", "dr_grpo", "dapo", "gspo", "ppo"]), micro=st.integers(1, 30), seed=st.integers(0, 99)
)
def test_any_cut_of_any_batch_gives_the_presets_gradient(name: str, micro: int, seed: int) -> None:
    torch.manual_seed(seed)
    model = open_model(ModelConfig(fresh=FreshModelConfig(hidden=8, intermediate=8, heads=2)), torch.device("cpu"))
    made = pupil(model, rl(CASES[name], 64))
    batch = known_batch(made, rl(CASES[name], 64), seed, 24)
    whole = gradient_of(made, batch, rl(CASES[name], 64))
    assert torch.allclose(gradient_of(made, batch, rl(CASES[name], micro)), whole, atol=2e-6)


def test_gradient_is_that_of_the_formula_with_divergence_and_correction(tiny_model: LanguageModel) -> None:
    """Token mean of min(w, 1.1) * clipped surrogate + 0.3 * k3, each tensor from where it belongs."""
    loss = {"kl": {"beta": 0.3}, "correction": {"mode": "token_truncate", "high": 1.1}, "aggregation": "token_mean"}
    setting = rl({"loss": loss}, 5)
    made = pupil(tiny_model, setting)
    batch = known_batch(made, setting)
    ours = gradient_of(made, batch, setting)
    assert batch.old_log_probs is not None
    assert made.reference is not None
    with torch.no_grad():
        reference = token_log_probs(made.reference, batch, 1.0)
    log_probs, mask = token_log_probs(tiny_model.network, batch, 1.0), batch.action_mask
    ratio, gap = (log_probs - batch.old_log_probs).exp(), reference - log_probs
    surrogate = torch.minimum(ratio * batch.advantages, ratio.clamp(0.8, 1.2) * batch.advantages)
    weight = (batch.old_log_probs - batch.sampler_log_probs).exp().clamp(max=1.1)
    per_token = -weight * surrogate + 0.3 * (gap.exp() - gap - 1)
    ((per_token * mask).sum() / mask.sum()).backward()
    by_formula = [weight.grad.flatten() for weight in tiny_model.network.parameters() if weight.grad is not None]
    assert torch.allclose(ours, torch.cat(by_formula), atol=2e-6)


def test_threshold_is_that_of_the_whole_step(tiny_model: LanguageModel) -> None:
    overrides = CASES["tokens of high entropy"]
    made = pupil(tiny_model, rl(overrides, 64))
    batch = known_batch(made, rl(overrides, 64))
    entropy = policy_outputs(tiny_model.network, batch, 1.0, entropy=True).entropy
    assert entropy is not None
    threshold = entropy_threshold(entropy, batch.action_mask, 0.3)
    share = accumulate_gradients(made, batch, rl(overrides, 5))
    teaching = (batch.advantages != 0).any(1, keepdim=True) & batch.action_mask.bool()
    assert share.sums.left_out == int(((entropy < threshold) & teaching).sum())


def test_one_step_needs_no_old_log_probs_and_several_do(tiny_model: LanguageModel) -> None:
    made, plain = learner(tiny_model), rl({}, 64)
    batch = replace(random_batch(16), old_log_probs=None)
    rows = acting_rows(batch)
    assert measured(made, batch, rows, plain).old_log_probs is None
    with pytest.raises(ValueError, match="measure the batch first"):
        update_policy(made, batch, rl({}, 64, epochs=2), Rates(0.01))
    known = measured(made, batch, rows, rl({}, 5, epochs=2))  # its sampler said -1.5 of every token: far off
    with torch.no_grad():
        own = token_log_probs(tiny_model.network, batch, 1.0) * batch.action_mask
    assert known.old_log_probs is not None
    assert torch.allclose(known.old_log_probs, own, atol=1e-5)
    bypassed = measured(made, batch, rows, rl({}, 5, epochs=2, old_log_probs="sampler"))
    assert bypassed.old_log_probs is batch.sampler_log_probs


def test_sampler_that_computes_the_same_spares_a_pass(tiny_model: LanguageModel) -> None:
    batch = random_batch(16)
    with torch.no_grad():
        own = token_log_probs(tiny_model.network, batch, 1.0) * batch.action_mask
    exact, setting = replace(batch, sampler_log_probs=own), rl({}, 64, epochs=2)
    rows = acting_rows(batch)
    assert measured(learner(tiny_model), exact, rows, setting).old_log_probs is exact.sampler_log_probs
    silent = replace(exact, sampler_log_probs=torch.full_like(own, torch.nan))
    assert torch.equal(measured(learner(tiny_model), silent, rows, setting).old_log_probs, own)  # type: ignore[arg-type]
    corrected = rl({"loss": {"correction": {"mode": "token_mask"}}}, 64, epochs=2)
    assert measured(learner(tiny_model), exact, rows, corrected).old_log_probs is not exact.sampler_log_probs


def test_what_is_measured_does_not_depend_on_the_cut(tiny_model: LanguageModel) -> None:
    made = pupil(tiny_model, rl(CASES["ppo"], 64))
    batch = replace(random_batch(16), old_log_probs=None)
    one, other = (measured(made, batch, acting_rows(batch), rl(CASES["ppo"], micro)) for micro in (64, 3))
    for name in ("old_log_probs", "reference_log_probs", "old_values"):
        assert torch.allclose(getattr(one, name), getattr(other, name), atol=1e-5)
        assert getattr(one, name).abs().sum() > 0
        assert not getattr(one, name)[batch.action_mask == 0].any()


@pytest.mark.parametrize("trunk", ["own", "shared"])
def test_critic_learns_the_returns(tiny_model: LanguageModel, trunk: str) -> None:
    setting = rl(with_preset("ppo", {"minibatches": 1, "critic": {"trunk": trunk, "loss": {"clip": None}}}), 64)
    made = pupil(tiny_model, setting)
    batch = known_batch(made, setting)
    rewards = torch.where(batch.input_ids[:, -batch.completion_width] > 10, 1.0, 0.0).double().reshape(-1, 4)
    batch = replace(
        batch,
        advantages=torch.zeros_like(batch.advantages),
        returns=outcome_returns(rewards, batch.action_mask).float(),
        reference_log_probs=None,
    )
    found = [update_policy(made, batch, setting, Rates(0.005, 0.02)) for _ in range(60)]
    assert found[-1].value_loss < 0.3 * found[0].value_loss
    known = found[-1].value_sums.explained_variance()
    assert known is not None
    assert known > 0.5


def test_critic_of_its_own_leaves_the_policy_alone_and_a_shared_one_does_not(tiny_model: LanguageModel) -> None:
    for trunk in ("own", "shared"):
        setting = rl(with_preset("ppo", {"minibatches": 1, "critic": {"trunk": trunk}}), 64)
        made = pupil(tiny_model, setting)
        batch = known_batch(made, setting)
        batch = replace(batch, advantages=torch.zeros_like(batch.advantages), reference_log_probs=None)
        accumulate_gradients(made, batch, setting)
        touched = any(weight.grad is not None for weight in made.network.parameters())
        assert touched == (trunk == "shared")
        made.network.zero_grad(set_to_none=True)


def test_values_are_those_of_the_state_before_the_token(tiny_model: LanguageModel) -> None:
    """The first value of a row depends on the prompt alone, the second on the first token as well."""
    made = pupil(tiny_model, rl(CASES["ppo"], 64))
    assert made.critic is not None
    batch = random_batch(16)
    changed = replace(batch, input_ids=batch.input_ids.clone())
    width = batch.completion_width
    changed.input_ids[:, -width] = (changed.input_ids[:, -width] + 1) % 20
    with torch.no_grad():
        one, other = (made.critic.values_before(rows, tiny_model.network) for rows in (batch, changed))
    assert torch.equal(one[:, 0], other[:, 0])
    assert not torch.equal(one[:, 1], other[:, 1])


def test_new_critic_says_zero_and_draws_no_random_number(tiny_model: LanguageModel) -> None:
    before = torch.get_rng_state()
    critic = Critic.beside(tiny_model.network, own_trunk=True)
    assert torch.equal(torch.get_rng_state(), before)
    assert not critic.values_before(random_batch(4), tiny_model.network).any()


def test_reference_moves_towards_the_policy(tiny_model: LanguageModel) -> None:
    reference = frozen_copy_of(tiny_model.network)
    with torch.no_grad():
        for weight in reference.parameters():
            weight.add_(1.0)
    pairs = list(zip(reference.parameters(), tiny_model.network.parameters(), strict=True))
    move_towards(reference, tiny_model.network, 0.25)
    assert all(torch.allclose(old, new + 0.75, atol=1e-5) for old, new in pairs)
    move_towards(reference, tiny_model.network, 1.0)
    assert all(torch.equal(old, new) for old, new in pairs)
