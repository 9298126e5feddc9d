"""What is told about a step: plain numbers from scored groups. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from trainer_client.rollouts import Collected
from trainer_client.types import Judged, Rollout, RolloutScore, ScoredGroup
from trainer_client.update import UpdateResult


def rewards_and_mask(groups: Sequence[ScoredGroup]) -> tuple[Tensor, Tensor]:
    """Rewards [P, G] in fp64, zero where there is none, and which of them are scored [P, G]."""
    rewards = [[score.reward or 0.0 for score in group.scores] for group in groups]
    scored = [[score.reward is not None for score in group.scores] for group in groups]
    return torch.tensor(rewards, dtype=torch.float64), torch.tensor(scored)


def score_metrics(groups: Sequence[ScoredGroup], accuracy_component: str) -> dict[str, Any]:
    """Reward, components and accuracy over the scored rollouts; the others are counted. None where nothing was scored.

    Accuracy is the share of scored rollouts whose accuracy component is 1.
    """
    scores = [score for group in groups for score in group.scores]
    scored = [score for score in scores if score.reward is not None]
    names = sorted({name for score in scored for name in score.components})
    return {
        "reward": mean(score.reward for score in scored),
        "accuracy": mean(float(is_right(score, accuracy_component)) for score in scored),
        "components": {name: mean(score.components.get(name) for score in scored) for name in names},
        "scored": len(scored),
        "unscored": sum(score.judged is Judged.UNSCORED for score in scores),
        "skipped": sum(score.judged is Judged.SKIPPED for score in scores),
        "flags": _counts(flag for score in scores for flag in score.flags),
    }


def text_metrics(groups: Sequence[ScoredGroup]) -> dict[str, Any]:
    """Lengths in tokens, the share that was truncated, entropy in nats per token, over all rollouts."""
    rollouts = [rollout for group in groups for rollout in group.group.rollouts]
    tokens = token_count(rollouts)
    return {
        "rollouts": len(rollouts),
        "tokens": tokens,
        "length": tokens / len(rollouts),
        "length_max": max(len(rollout.token_ids) for rollout in rollouts),
        "truncated_share": mean(float(rollout.truncated) for rollout in rollouts),
        "entropy": sum(float(rollout.entropy.double().sum()) for rollout in rollouts) / tokens,
    }


def learning_metrics(result: UpdateResult, dead: Tensor, rate: float, policy_version: int) -> dict[str, Any]:
    """What the optimizer did. Clip share and KL are means over the tokens trained on, None when there were none."""
    sums = result.sums
    clipped = sums.clipped_low + sums.clipped_high
    return {
        "loss": result.loss,
        "kl": sums.kl / sums.tokens if sums.tokens else None,
        "clip_share": clipped / sums.tokens if sums.tokens else None,
        "dead_group_share": float(dead.double().mean()),
        "grad_norm": result.grad_norm,
        "lr": rate,
        "log_prob_gap": result.log_prob_gap,
        "policy_version": policy_version,
        "updates": result.steps,
        "skipped_updates": result.skipped_steps,
    }


def timing_metrics(collected: Collected, update_seconds: float, total_seconds: float) -> dict[str, Any]:
    """Seconds of each part of the step, and sampled tokens per second of generation. Not reproducible."""
    tokens = token_count(rollout for group in collected.groups for rollout in group.group.rollouts)
    return {
        "tokens_per_second": tokens / collected.generate_seconds,
        "seconds": {
            "generate": collected.generate_seconds,
            "reward": collected.reward_seconds,
            "update": update_seconds,
            "total": total_seconds,
        },
    }


def token_count(rollouts: Iterable[Rollout]) -> int:
    """Sampled tokens, end tokens included."""
    return sum(len(rollout.token_ids) for rollout in rollouts)


def is_right(score: RolloutScore, accuracy_component: str) -> bool:
    """Whether the accuracy component's value is 1."""
    return score.components.get(accuracy_component) == 1.0


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of what is not None; None when nothing is left."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _counts(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))
