"""From batches to gradients: padding, masks, micro-batches, skipped rows, bad gradients."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from trainer_client.batching import demonstration_batch, rollout_batch, teaching_rows, with_advantages
from trainer_client.config import RlConfig, SamplerConfig, SftConfig
from trainer_client.config.optim import OptimConfig
from trainer_client.errors import DataError
from trainer_client.groups import rewards_and_mask
from trainer_client.learner import Learner, Rates
from trainer_client.model import LanguageModel
from trainer_client.optim import apply_gradients, build_optimizer, learning_rate
from trainer_client.policy import frozen_copy_of, token_log_probs
from trainer_client.sft import sft_step
from trainer_client.types import (
    Example,
    Judged,
    Prompt,
    Rollout,
    RolloutGroup,
    RolloutScore,
    ScoredGroup,
    TrainBatch,
)
from trainer_client.update import accumulate_gradients, minibatch_rows, update_policy

EOS = 1


def scored_group(prompt: list[int], completions: list[list[int]], rewards: list[float | None]) -> ScoredGroup:
    rollouts = tuple(
        Rollout(torch.tensor(ids), torch.full((len(ids),), -1.5), torch.zeros(len(ids)), "", ids[-1] != EOS, 0)
        for ids in completions
    )
    scores = tuple(RolloutScore(Judged.UNSCORED if r is None else Judged.SCORED, r) for r in rewards)
    return ScoredGroup(RolloutGroup(Prompt(Example("0", "", None), "", tuple(prompt)), rollouts), scores)


def taught_batch(groups: list[ScoredGroup], advantages: Tensor, pad_id: int) -> TrainBatch:
    """Rows with one advantage [P, G] each; those that are not scored have no action left."""
    batch = rollout_batch(groups, pad_id)
    on_tokens = advantages.reshape(-1, 1).expand(batch.action_mask.shape)
    return with_advantages(batch, on_tokens, rewards_and_mask(groups)[1], None)


def random_batch(rows: int = 64, seed: int = 0) -> TrainBatch:
    """Rows of many lengths, some with advantage zero, some without any action."""
    random = torch.Generator().manual_seed(seed)

    def number(low: int, high: int) -> int:
        return int(torch.randint(low, high, (1,), generator=random))

    groups, advantages = [], []
    for _ in range(rows // 4):
        completions = [[number(2, 20) for _ in range(number(0, 9))] + [EOS] for _ in range(4)]
        prompt = [number(2, 20) for _ in range(number(1, 7))]
        groups.append(scored_group(prompt, completions, [1.0, 0.0, 1.0, None]))
        advantages.append([1.0, -0.7, 0.0, 0.0])
    batch = taught_batch(groups, torch.tensor(advantages), pad_id=0)
    return replace(batch, old_log_probs=batch.sampler_log_probs)


def with_reference(batch: TrainBatch, model: LanguageModel) -> TrainBatch:
    """The batch with the log-probs of a reference that equals the policy."""
    with torch.no_grad():
        return replace(batch, reference_log_probs=token_log_probs(model.network, batch, 1.0))


def learner(model: LanguageModel) -> Learner:
    return Learner(model.network, build_optimizer(model.network.parameters(), OptimConfig()))


def gradients(model: LanguageModel) -> Tensor:
    """All gradients as one vector, which is cleared."""
    vector = torch.cat([p.grad.flatten() for p in model.network.parameters() if p.grad is not None])
    model.network.zero_grad(set_to_none=True)
    return vector


def config(micro_batch: int, **loss: object) -> RlConfig:
    return RlConfig.model_validate(
        {"micro_batch": micro_batch, "sampler": {"max_new_tokens": 10}, "loss": loss, "optim": {"lr": 0.01}}
    )


@pytest.mark.parametrize("aggregation", ["seq_mean", "token_mean", "constant"])
@pytest.mark.parametrize("beta", [0.0, 0.1])
def test_gradient_does_not_depend_on_micro_batches(tiny_model: LanguageModel, aggregation: str, beta: float) -> None:
    batch = random_batch()
    batch = with_reference(batch, tiny_model) if beta else batch
    found = []
    for micro in (64, 8, 1):
        accumulate_gradients(learner(tiny_model), batch, config(micro, aggregation=aggregation, kl={"beta": beta}))
        found.append(gradients(tiny_model))
    assert found[0].abs().max() > 1e-3
    assert torch.allclose(found[0], found[1], atol=1e-6)
    assert torch.allclose(found[0], found[2], atol=1e-6)


@pytest.mark.parametrize("aggregation", ["seq_mean", "token_mean", "constant"])
def test_gradient_of_a_step_is_that_of_the_formula_over_all_its_rows(
    tiny_model: LanguageModel, aggregation: str
) -> None:
    batch = random_batch(32)
    accumulate_gradients(learner(tiny_model), batch, config(5, aggregation=aggregation))
    ours = gradients(tiny_model)
    log_probs, mask = token_log_probs(tiny_model.network, batch, 1.0), batch.action_mask
    ratio = (log_probs - batch.sampler_log_probs).exp()
    per_token = -torch.minimum(ratio * batch.advantages, ratio.clamp(0.8, 1.2) * batch.advantages) * mask
    acting = mask.sum(1) > 0
    by_formula = {
        "seq_mean": (per_token.sum(1)[acting] / mask.sum(1)[acting]).mean(),
        "token_mean": per_token.sum() / mask.sum(),
        "constant": per_token.sum() / (acting.sum() * 10),
    }
    by_formula[aggregation].backward()
    assert torch.allclose(ours, gradients(tiny_model), atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(micro=st.integers(1, 64), seed=st.integers(0, 1000))
def test_any_cut_of_any_batch_gives_the_same_gradient(micro: int, seed: int) -> None:
    from trainer_client.config import FreshModelConfig, ModelConfig
    from trainer_client.model import open_model

    torch.manual_seed(seed)
    model = open_model(ModelConfig(fresh=FreshModelConfig(hidden=8, intermediate=8, heads=2)), torch.device("cpu"))
    batch = random_batch(24, seed)
    accumulate_gradients(learner(model), batch, config(64))
    whole = gradients(model)
    accumulate_gradients(learner(model), batch, config(micro))
    assert torch.allclose(whole, gradients(model), atol=1e-6)


@pytest.mark.parametrize("aggregation", ["seq_mean", "token_mean", "constant"])
def test_rows_without_advantage_are_left_out_and_still_counted(tiny_model: LanguageModel, aggregation: str) -> None:
    batch = random_batch(16)
    assert len(teaching_rows(batch)) == 8  # of 16: the zero and the unscored of each group are not computed
    setting = config(64, aggregation=aggregation)
    share = accumulate_gradients(learner(tiny_model), batch, setting)
    ours = gradients(tiny_model)
    # the same with a reference equal to the policy: its KL is zero with zero gradient, but all rows are computed
    with_all = config(64, aggregation=aggregation, kl={"beta": 1e-9})
    everything = accumulate_gradients(learner(tiny_model), with_reference(batch, tiny_model), with_all)
    assert everything.sums.tokens > share.sums.tokens
    assert torch.allclose(ours, gradients(tiny_model), atol=1e-6)


def test_unscored_rows_change_nothing(tiny_model: LanguageModel) -> None:
    group = scored_group([5, 6], [[7, 8, EOS], [9, EOS]], [1.0, 0.0])
    more = scored_group([5, 6], [[7, 8, EOS], [9, EOS], [4, 4, 4, 4, 4, 4]], [1.0, 0.0, None])
    for loss in ("seq_mean", "token_mean", "constant"):
        plain = taught_batch([group], torch.tensor([[1.0, -1.0]]), 0)
        accumulate_gradients(learner(tiny_model), plain, config(64, aggregation=loss))
        expected = gradients(tiny_model)
        masked = taught_batch([more], torch.tensor([[1.0, -1.0, 0.0]]), 0)
        accumulate_gradients(learner(tiny_model), masked, config(64, aggregation=loss))
        assert torch.allclose(expected, gradients(tiny_model), atol=1e-6)


def test_first_end_token_is_an_action_and_padding_is_not() -> None:
    batch = taught_batch(
        [scored_group([5, 6, 7], [[8, EOS], [8, 9, 10]], [1.0, 0.0]), scored_group([5], [[EOS], [9]], [0.5, None])],
        torch.tensor([[1.0, -1.0], [0.5, 0.0]]),
        pad_id=EOS,  # many tokenizers pad with the end token
    )
    assert batch.action_mask.tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert batch.input_ids.tolist() == [
        [5, 6, 7, 8, EOS, EOS],
        [5, 6, 7, 8, 9, 10],
        [EOS, EOS, 5, EOS, EOS, EOS],
        [EOS, EOS, 5, 9, EOS, EOS],
    ]
    assert batch.attention_mask.tolist() == [
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 1],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 1, 1, 0, 0],
    ]
    assert batch.sampler_log_probs[0].tolist() == [-1.5, -1.5, 0.0]


def test_padding_changes_no_log_prob(tiny_model: LanguageModel) -> None:
    pairs = [([3, 4, 5, 6], [7, 8, EOS]), ([9], [10, 11, 12, 13, 14, EOS])]
    together = token_log_probs(tiny_model.network, demonstration_batch(pairs, 0), 0.7)
    for row, pair in enumerate(pairs):
        alone = token_log_probs(tiny_model.network, demonstration_batch([pair], 0), 0.7)
        assert torch.allclose(together[row, : len(pair[1])], alone[0], atol=1e-5)


def test_log_probs_are_those_of_the_tempered_softmax(tiny_model: LanguageModel) -> None:
    batch = demonstration_batch([([3, 4, 5], [6, 7, EOS])], 0)
    logits = tiny_model.network(input_ids=batch.input_ids).logits[0].double()
    expected = [torch.log_softmax(logits[2 + t] / 0.7, -1)[token].item() for t, token in enumerate([6, 7, EOS])]
    assert token_log_probs(tiny_model.network, batch, 0.7)[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_update_counts_its_steps_and_leaves_dead_batches_alone(tiny_model: LanguageModel) -> None:
    batch = random_batch(16)
    pupil = learner(tiny_model)
    setting = replace_fields(config(64), epochs=2, minibatches=4)
    assert update_policy(pupil, batch, setting, Rates(0.01)).steps == 8
    before = [p.detach().clone() for p in tiny_model.network.parameters()]
    dead = replace(batch, advantages=torch.zeros_like(batch.advantages))
    result = update_policy(pupil, dead, setting, Rates(0.01))
    assert (result.steps, result.sums.tokens) == (0, 0)
    assert all(torch.equal(a, b) for a, b in zip(before, tiny_model.network.parameters(), strict=True))


@pytest.mark.parametrize(("rows", "wanted"), [(64, 4), (64, 7), (9, 4), (32, 20), (3, 4)])
def test_there_are_as_many_minibatches_as_asked_for_and_they_are_of_like_size(rows: int, wanted: int) -> None:
    parts = minibatch_rows(rows, wanted)
    assert torch.cat(parts).tolist() == list(range(rows))
    assert len(parts) == min(wanted, rows)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_loss_is_a_mean_over_the_optimizer_steps(tiny_model: LanguageModel) -> None:
    """On a policy that does not move, the minibatches' losses have the mean of the whole; one that is dead has none."""
    batch = random_batch(32)
    with torch.no_grad():
        batch = replace(batch, old_log_probs=token_log_probs(tiny_model.network, batch, 1.0))
    pupil, still = learner(tiny_model), Rates(0.0)
    whole = update_policy(pupil, batch, config(64), still)
    halves = update_policy(pupil, batch, replace_fields(config(64), minibatches=2, epochs=3), still)
    assert halves.sums.tokens == 3 * whole.sums.tokens
    assert halves.loss == pytest.approx(whole.loss, abs=1e-6)
    dead = replace(batch, advantages=batch.advantages * (torch.arange(32) < 16).unsqueeze(1))
    first = update_policy(pupil, batch.rows(torch.arange(16)), config(64), still)
    assert update_policy(pupil, dead, replace_fields(config(64), minibatches=2), still).loss == pytest.approx(
        first.loss
    )


def replace_fields(setting: RlConfig, **changes: object) -> RlConfig:
    return RlConfig.model_validate({**setting.model_dump(), **changes})


def test_clipping_stops_repeated_passes_from_running_away(tiny_model: LanguageModel) -> None:
    batch = random_batch(16)
    with torch.no_grad():
        own = token_log_probs(tiny_model.network, batch, 1.0)
    honest = replace(batch, sampler_log_probs=own, old_log_probs=own)
    pupil = learner(tiny_model)
    once = update_policy(pupil, honest, config(64), Rates(0.01))
    assert once.sums.clipped_low + once.sums.clipped_high == 0
    assert once.log_prob_gap < 1e-5
    again = update_policy(pupil, honest, replace_fields(config(64), epochs=5), Rates(0.01))
    assert again.sums.clipped_low + again.sums.clipped_high > 0


def test_gradient_that_is_not_finite_is_refused_and_counted(tiny_model: LanguageModel) -> None:
    batch = random_batch(16)
    poisoned = replace(batch, advantages=batch.advantages.clone())
    poisoned.advantages[0, 0] = math.nan
    pupil = learner(tiny_model)
    before = [p.detach().clone() for p in tiny_model.network.parameters()]
    result = update_policy(pupil, poisoned, config(64), Rates(0.01))
    assert (result.steps, result.skipped_steps) == (0, 1)
    assert all(torch.equal(a, b) for a, b in zip(before, tiny_model.network.parameters(), strict=True))
    assert update_policy(pupil, batch, config(64), Rates(0.01)).steps == 1


def test_gradient_is_clipped_to_the_norm() -> None:
    weight = torch.nn.Parameter(torch.zeros(4, 4))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    weight.grad = torch.full((4, 4), 3.0)
    norm, taken = apply_gradients(optimizer, OptimConfig(clip_norm=0.5), 1.0)
    assert (norm, taken) == (pytest.approx(12.0), True)
    assert weight.norm().item() == pytest.approx(0.5, abs=1e-5)


def test_learning_rate_worked_by_hand() -> None:
    setting = OptimConfig(lr=1.0, warmup_steps=4, decay="cosine", min_lr_share=0.2)
    rates = [learning_rate(setting, step, 12) for step in (1, 2, 4, 8, 12)]
    assert rates == pytest.approx([0.25, 0.5, 1.0, 0.6, 0.2])
    constant = OptimConfig(lr=1.0, warmup_steps=4)
    assert [learning_rate(constant, step, 12) for step in (2, 5, 12)] == [0.5, 1.0, 1.0]
    assert learning_rate(OptimConfig(lr=1.0), 1, 1) == 1.0


def test_demonstrations_become_more_likely_and_cuts_do_not_matter(tiny_model: LanguageModel) -> None:
    prompts = [
        Prompt(Example(str(n), "", "", "<think>" + "1" * n + "</think>"), "", tuple(range(7, 8 + n)))
        for n in range(1, 9)
    ]
    losses = {}
    for micro in (8, 3):
        model = replace(tiny_model, network=frozen_copy_of(tiny_model.network).requires_grad_(True))
        optimizer = build_optimizer(model.network.parameters(), OptimConfig())
        losses[micro] = [
            sft_step(model, optimizer, prompts, SftConfig(micro_batch=micro), 0.01).loss for _ in range(20)
        ]
    assert losses[8][0] == pytest.approx(losses[3][0], abs=1e-5)
    assert losses[8][1] == pytest.approx(losses[3][1], abs=1e-4)
    assert losses[8][-1] < 0.5 * losses[8][0]


def test_a_demonstration_without_room_in_the_model_is_named(tiny_model: LanguageModel) -> None:
    room = tiny_model.network.config.max_position_embeddings
    fits, too_long = (
        Prompt(Example(name, "", "", "1" * length), "", (7, 8))
        for name, length in (("a", room - 3), ("row 7", room - 2))
    )
    assert sft_step(tiny_model, learner(tiny_model).optimizer, [fits], SftConfig(), 0.01).tokens == room - 2
    with pytest.raises(
        DataError, match=rf"row 7: prompt and demonstration have 2 \+ {room - 1} tokens, .* {room} positions"
    ):
        sft_step(tiny_model, learner(tiny_model).optimizer, [fits, too_long], SftConfig(), 0.01)


def test_sampler_settings_reach_the_loss(tiny_model: LanguageModel) -> None:
    """`constant` divides by the configured length, not by the longest completion at hand."""
    batch = random_batch(16)
    short, long = config(64, aggregation="constant"), config(64, aggregation="constant")
    long = replace_fields(long, sampler=SamplerConfig(max_new_tokens=20).model_dump())
    accumulate_gradients(learner(tiny_model), batch, short)
    one = gradients(tiny_model)
    accumulate_gradients(learner(tiny_model), batch, long)
    assert torch.allclose(one / 2, gradients(tiny_model), atol=1e-7)
