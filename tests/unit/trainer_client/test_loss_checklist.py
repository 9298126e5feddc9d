"""The known ways to get a policy loss wrong that lie between the model and the loss, each as a test."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.unit.trainer_client import naive_losses as naive
from trainer_client.batching import rollout_batch, with_advantages
from trainer_client.config.loss import LossConfig
from trainer_client.losses.aggregation import StepNormaliser
from trainer_client.losses.parts import LossSums, PolicyInputs
from trainer_client.losses.policy_loss import policy_loss
from trainer_client.model import LanguageModel
from trainer_client.policy import selected_log_probs, token_log_probs
from trainer_client.types import Example, Judged, Prompt, Rollout, RolloutGroup, RolloutScore, ScoredGroup, TrainBatch

EOS = 1
PAD = EOS  # many tokenizers pad with the end token


def batch() -> TrainBatch:
    """Prompts and completions of uneven length; one ends, one holds the end token and is truncated after it."""
    completions = [[8, EOS], [9, 10, 11, 12]]
    rollouts = tuple(
        Rollout(torch.tensor(ids), torch.full((len(ids),), -1.5), torch.zeros(len(ids)), "", ids[-1] != EOS, 0)
        for ids in completions
    )
    scores = (RolloutScore(Judged.SCORED, 1.0), RolloutScore(Judged.SCORED, 0.0))
    groups = [
        ScoredGroup(RolloutGroup(Prompt(Example(str(n), "", None), "", prompt), rollouts), scores)
        for n, prompt in enumerate([(5, 6, 7), (5,)])
    ]
    batch = rollout_batch(groups, PAD)
    advantages = torch.tensor([1.0, -1.0, 0.5, -0.5]).reshape(-1, 1).expand(batch.action_mask.shape)
    return with_advantages(batch, advantages, torch.ones(2, 2, dtype=torch.bool), None)


def loss_sums(log_probs: Tensor, old: Tensor | None, rows: TrainBatch) -> LossSums:
    inputs = PolicyInputs(log_probs, old, rows.advantages, rows.action_mask)
    return policy_loss(inputs, StepNormaliser.of(rows.action_mask, 4), LossConfig()).sums


def test_tokens_that_were_sampled_are_those_of_the_loss() -> None:
    """Their text is not even there: tokenised again it may give other tokens."""
    rows, width = batch(), 4
    completions = rows.input_ids[:, -width:][rows.action_mask.bool()]
    assert completions.tolist() == [8, EOS, 9, 10, 11, 12] * 2
    assert all(score == -1.5 for score in rows.sampler_log_probs[rows.action_mask.bool()].tolist())


def test_end_token_is_taught_and_the_padding_that_looks_like_it_is_not() -> None:
    rows = batch()
    log_probs = rows.sampler_log_probs.clone().requires_grad_()
    inputs = PolicyInputs(log_probs, rows.sampler_log_probs, rows.advantages, rows.action_mask)
    policy_loss(inputs, StepNormaliser.of(rows.action_mask, 4), LossConfig()).loss.backward()
    assert log_probs.grad is not None
    assert (log_probs.grad != 0).tolist() == [[True, True, False, False], [True] * 4] * 2


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.3])
def test_same_temperature_and_no_dropout_make_every_ratio_one(tiny_model: LanguageModel, temperature: float) -> None:
    rows = batch()
    with torch.no_grad():
        old, again = (token_log_probs(tiny_model.network, rows, temperature) for _ in range(2))
        cold = token_log_probs(tiny_model.network, rows, 0.5)
    sums = loss_sums(again, old, rows)
    assert sums.ratio == pytest.approx(sums.tokens, abs=1e-4)
    assert sums.ratio_max == pytest.approx(1.0, abs=1e-4)
    assert abs(loss_sums(cold, old, rows).ratio_max - 1) > 0.01  # the test would see another temperature


def test_left_padding_changes_no_ratio(tiny_model: LanguageModel) -> None:
    rows = batch()
    wide = replace(
        rows,
        input_ids=torch.nn.functional.pad(rows.input_ids, (6, 0), value=PAD),
        attention_mask=torch.nn.functional.pad(rows.attention_mask, (6, 0)),
    )
    with torch.no_grad():
        narrow, padded = (token_log_probs(tiny_model.network, one, 1.0) for one in (rows, wide))
    assert loss_sums(padded, narrow, rows).ratio_max == pytest.approx(1.0, abs=1e-4)


def test_half_precision_logits_are_normalised_in_single() -> None:
    logits = 4 * torch.randn(50, 997, generator=torch.Generator().manual_seed(0))
    tokens = logits.topk(5).indices[:, 4]
    half = logits.bfloat16()
    exact = torch.log_softmax(half.double(), -1).gather(1, tokens.unsqueeze(1)).squeeze(1)
    ours = selected_log_probs(half, tokens, 1.0)
    assert ours.dtype == torch.float32
    assert (ours - exact).exp().sub(1).abs().max() < 1e-5
    careless = torch.log_softmax(half, -1).gather(1, tokens.unsqueeze(1)).squeeze(1)
    assert (careless - exact).exp().sub(1).abs().max() > 3e-3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_log_probs_are_refused(dtype: torch.dtype) -> None:
    inputs = naive.random_case(0).inputs()
    with pytest.raises(ValueError, match=r"old_log_probs must be fp32 or fp64, got torch.*float16"):
        replace(inputs, old_log_probs=inputs.log_probs.to(dtype))


@pytest.mark.parametrize("ratio", ["token", "sequence", "sequence_token"])
def test_first_and_only_step_needs_no_old_log_probs(ratio: str) -> None:
    config = LossConfig.model_validate({"ratio": ratio, "eps_low": 0.1, "eps_high": 0.1})
    inputs = naive.random_case(1).inputs()
    total = StepNormaliser.of(inputs.action_mask, 9)
    given, left_out = (
        policy_loss(replace(inputs, old_log_probs=old), total, config)
        for old in (inputs.log_probs.detach().clone(), None)
    )
    assert given.loss.item() == left_out.loss.item()
    gradients = [torch.autograd.grad(parts.loss, inputs.log_probs)[0] for parts in (given, left_out)]
    assert torch.equal(*gradients)
    assert gradients[0].abs().max() > 0
    assert left_out.sums.ratio == left_out.sums.tokens


def test_metrics_of_uneven_micro_batches_are_weighted_by_their_tokens() -> None:
    ratios = torch.tensor([[2.0, 2.0, 2.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    mask = (ratios > 0).double()
    total, sums, means = StepNormaliser.of(mask, 3), LossSums(), []
    for row in range(2):
        one = slice(row, row + 1)
        inputs = PolicyInputs(ratios[one].log(), torch.zeros(1, 3, dtype=torch.float64), mask[one], mask[one])
        parts = policy_loss(inputs, total, LossConfig())
        sums = sums.plus(parts.sums)
        means.append(parts.sums.means()["ratio"])
    assert sums.means()["ratio"] == pytest.approx(7 / 4)
    assert sums.means()["clipped_high"] == pytest.approx(3 / 4)
    assert sums.means()["ratio_max"] == pytest.approx(2.0)
    assert means == [2.0, 1.0]  # whose mean would be 1.5


def test_dr_grpo_divides_by_rows_and_length() -> None:
    """Some divide by the length alone, so that the loss grows with the batch."""
    inputs = naive.random_case(2).inputs()
    twice = PolicyInputs(*(torch.cat([tensor, tensor]) for tensor in vars_of(inputs)))
    config = LossConfig(aggregation="constant")
    losses = [policy_loss(one, StepNormaliser.of(one.action_mask, 9), config).loss.item() for one in (inputs, twice)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-14)


def vars_of(inputs: PolicyInputs) -> list[Tensor]:
    assert inputs.old_log_probs is not None
    return [inputs.log_probs, inputs.old_log_probs, inputs.advantages, inputs.action_mask]


def test_gradient_that_is_not_finite_stays_visible() -> None:
    """An advantage that is not a number at an action must reach the gradient, where the step is refused."""
    inputs = naive.random_case(3).inputs()
    advantages = inputs.advantages.clone()
    advantages[0, 0] = math.nan
    broken = replace(inputs, advantages=advantages)
    loss = policy_loss(broken, StepNormaliser.of(inputs.action_mask, 9), LossConfig()).loss
    assert torch.autograd.grad(loss, inputs.log_probs)[0].isnan().any()
