"""Scored groups to what the loss learns from them: shaped rewards, kept members, advantages on tokens. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trainer_client.advantages import Evidence, Step, component_tensors, steps_on_tokens, token_advantages
from trainer_client.batching import with_advantages
from trainer_client.config import RlConfig
from trainer_client.control import current_beta
from trainer_client.critic import outcome_returns
from trainer_client.errors import ConfigError, RewardUnavailable
from trainer_client.groups import lengths_of, rewards_and_mask, truncated_of
from trainer_client.losses.divergence import divergence_for_rewards
from trainer_client.progress import Controls
from trainer_client.selection import (
    DifficultyWindow,
    keep_counts,
    kept_members,
    mean_rewards,
    rows_in_loss,
    soft_overlong_penalty,
)
from trainer_client.types import RolloutScore, ScoredGroup, TrainBatch


@dataclass(frozen=True, slots=True)
class Lesson:
    """`batch` is ready for the optimizer; `members` [P, G] are the rows in the loss.

    `reward_kl` is the mean divergence in nats over the actions that it was taken from, None where it is not in the
    reward. `window` is GFPO's state after this step.
    """

    batch: TrainBatch
    members: Tensor
    reward_kl: float | None
    window: DifficultyWindow


def lesson_of(groups: Sequence[ScoredGroup], batch: TrainBatch, config: RlConfig, controls: Controls) -> Lesson:
    """What these groups teach; `batch` holds their rows with everything that was measured on them.

    The statistics see every scored completion; only then the filters take rows out of the loss.
    """
    rewards, scored = shaped_rewards(groups, config)
    kept, window = _kept(groups, rewards, scored, config, controls)
    evidence = Evidence(rewards, scored, batch.action_mask.bool(), kept=kept)
    evidence = _with_parts(evidence, groups, batch, config)
    evidence, reward_kl = _with_divergence(evidence, batch, config, controls)
    result = token_advantages(evidence, config.advantage)
    members = rows_in_loss(scored, truncated_of(groups), config.selection.overlong_filter)
    returns = result.returns
    if returns is None and config.critic is not None:
        returns = outcome_returns(rewards, batch.action_mask)
    return Lesson(with_advantages(batch, result.tokens, members, returns), members, reward_kl, window)


def shaped_rewards(groups: Sequence[ScoredGroup], config: RlConfig) -> tuple[Tensor, Tensor]:
    """The server's rewards plus the punishment for length [P, G], and which of them are scored [P, G]."""
    rewards, scored = rewards_and_mask(groups)
    if config.selection.soft_overlong is not None:
        limit = config.sampler.max_new_tokens
        rewards = rewards + soft_overlong_penalty(lengths_of(groups), limit, config.selection.soft_overlong)
    return torch.where(scored, rewards, torch.zeros_like(rewards)), scored


def _kept(
    groups: Sequence[ScoredGroup], rewards: Tensor, scored: Tensor, config: RlConfig, controls: Controls
) -> tuple[Tensor | None, DifficultyWindow]:
    gfpo, window = config.advantage.gfpo, DifficultyWindow(controls.difficulty)
    if gfpo is None:
        return None, window
    means = mean_rewards(rewards, scored)
    if gfpo.adaptive is not None:
        window = window.extended(means, gfpo.adaptive.window)
    return kept_members(rewards, lengths_of(groups), scored, keep_counts(means, window, gfpo), gfpo), window


def _with_parts(evidence: Evidence, groups: Sequence[ScoredGroup], batch: TrainBatch, config: RlConfig) -> Evidence:
    """Steps, components and values, where the estimator needs them."""
    advantage = config.advantage
    if advantage.process is not None:
        evidence = replace(evidence, steps=step_rewards(groups))
    if advantage.objectives is not None:
        components, present = _components(groups, list(advantage.objectives.weights))
        evidence = replace(evidence, components=components, present=present)
    if batch.old_values is not None:
        first = batch.old_values[:, 0].reshape(evidence.rewards.shape)
        evidence = replace(evidence, values=batch.old_values, prompt_values=_mean_of_scored(first, evidence.scored))
    return evidence


def _mean_of_scored(values: Tensor, scored: Tensor) -> Tensor:
    """Mean [P] over each prompt's measured rows: all have the same prompt and differ by rounding alone."""
    known = torch.where(scored, values.double(), torch.zeros_like(values.double()))
    return known.sum(1) / scored.sum(1).clamp(min=1)


def _components(groups: Sequence[ScoredGroup], names: list[str]) -> tuple[Tensor, Tensor]:
    tables = [[score.components for score in group.scores] for group in groups]
    if not any(score.reward is not None for group in groups for score in group.scores):
        shape = (len(groups), len(groups[0].scores), len(names))
        return torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.bool)
    try:
        return component_tensors(tables, names)
    except ValueError as error:
        raise ConfigError(f"rl.advantage.{error}") from error


def step_rewards(groups: Sequence[ScoredGroup]) -> list[tuple[Step, ...]]:
    """The judged steps of each row [B], at the token where each ends.

    Raises RewardUnavailable when the server's spans do not fit the completions that it was sent.
    """
    rows = [pair for group in groups for pair in zip(group.group.rollouts, group.scores, strict=True)]
    return [_steps(rollout.text_ends, score) for rollout, score in rows]


def _steps(ends: Tensor | None, score: RolloutScore) -> tuple[Step, ...]:
    if not score.steps:
        return ()
    if ends is None:
        raise ValueError("process supervision needs Rollout.text_ends: the sampler was not asked for them")
    try:
        return steps_on_tokens(score.steps, ends)
    except ValueError as error:
        raise RewardUnavailable(f"a step reward does not fit its completion: {error}") from error


def _with_divergence(
    evidence: Evidence, batch: TrainBatch, config: RlConfig, controls: Controls
) -> tuple[Evidence, float | None]:
    """The divergence where it belongs into the reward, and its mean over the actions."""
    kl, reference, old = config.loss.kl, batch.reference_log_probs, batch.old_log_probs
    if kl.place != "reward" or reference is None or old is None:
        return evidence, None
    actions = evidence.mask & evidence.scored.reshape(-1, 1)
    estimate = divergence_for_rewards(old, reference, actions, kl, config.loss.log_ratio_limit)
    mean = float(estimate.double().sum() / max(int(actions.sum()), 1)) if bool(actions.any()) else None
    return replace(evidence, kl=estimate, kl_beta=current_beta(controls, config.loss)), mean
