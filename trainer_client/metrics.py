"""What is told about a step: plain numbers from scored groups. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from trainer_client.advantages import dead_groups
from trainer_client.config.loss import LossConfig
from trainer_client.control import current_beta, current_entropy_coef
from trainer_client.gather import Gathered
from trainer_client.groups import rewards_and_mask
from trainer_client.learner import Rates
from trainer_client.progress import Controls
from trainer_client.types import Judged, Rollout, RolloutScore, ScoredGroup
from trainer_client.update import UpdateResult


def score_metrics(groups: Sequence[ScoredGroup], accuracy_component: str) -> dict[str, Any]:
    """Reward, components and accuracy over the scored rollouts; the others are counted. None where nothing was scored.

    Accuracy is the share of scored rollouts whose accuracy component is 1.
    """
    scores = [score for group in groups for score in group.scores]
    scored = [score for score in scores if score.reward is not None]
    unscored = sum(score.judged is Judged.UNSCORED for score in scores)
    skipped = sum(score.judged is Judged.SKIPPED for score in scores)
    names = sorted({name for score in scored for name in score.components})
    return {
        "reward": mean(score.reward for score in scored),
        "accuracy": mean(float(is_right(score, accuracy_component)) for score in scored),
        "components": {name: mean(score.components.get(name) for score in scored) for name in names},
        "scored": len(scored),
        "unscored": unscored,
        "unscored_share": unscored / len(scores) if scores else None,
        "skipped": skipped,
        "skipped_share": skipped / len(scores) if scores else None,
        "steps_judged": mean(float(len(score.steps)) for score in scored),
        "flags": _counts(flag for score in scores for flag in score.flags),
    }


def text_metrics(groups: Sequence[ScoredGroup]) -> dict[str, Any]:
    """Lengths in tokens, the share that was truncated, entropy in nats per token, over all rollouts.

    `identical_share` is of the groups with several completions those whose completions are all the same.
    """
    rollouts = [rollout for group in groups for rollout in group.group.rollouts]
    tokens = token_count(rollouts)
    return {
        "rollouts": len(rollouts),
        "tokens": tokens,
        "length": tokens / len(rollouts),
        "length_max": max(len(rollout.token_ids) for rollout in rollouts),
        "truncated_share": mean(float(rollout.truncated) for rollout in rollouts),
        "identical_share": mean(
            float(len({rollout.text for rollout in group.group.rollouts}) == 1)
            for group in groups
            if len(group.group.rollouts) > 1
        ),
        "entropy": sum(float(rollout.entropy.double().sum()) for rollout in rollouts) / tokens,
    }


def learning_metrics(result: UpdateResult, rates: Rates, policy_version: int) -> dict[str, Any]:
    """What the optimizer did. Clip share, KL and `loss_terms` are means over the tokens trained on, else None."""
    sums = result.sums
    clipped = sums.clipped_low + sums.clipped_high
    return {
        "loss": result.loss,
        "kl": sums.kl / sums.tokens if sums.tokens else None,
        "clip_share": clipped / sums.tokens if sums.tokens else None,
        "grad_norm": result.grad_norm,
        "lr": rates.policy,
        "log_prob_gap": result.log_prob_gap,
        "policy_version": policy_version,
        "updates": result.steps,
        "skipped_updates": result.skipped_steps,
        "tokens_trained": sums.tokens,
        "loss_terms": {**sums.means(), "effective_share": sums.effective_share()},
    }


def critic_metrics(result: UpdateResult, rates: Rates) -> dict[str, Any]:
    """How well the critic knows the returns; nothing without one. Means are over the tokens it was trained on."""
    sums = result.value_sums
    if rates.critic is None:
        return {}
    tokens = max(sums.tokens, 1.0)
    return {
        "critic": {
            "loss": result.value_loss,
            "grad_norm": result.critic_grad_norm,
            "lr": rates.critic,
            "value": sums.values / tokens,
            "return": sums.returns / tokens,
            "clip_share": sums.clipped / tokens,
            "explained_variance": sums.explained_variance(),
        }
    }


def sampling_metrics(gathered: Gathered, sampled_tokens: int) -> dict[str, Any]:
    """How the step's groups came together; `sampled_tokens` are those of the whole run so far.

    `dead_group_share` is None where prompts have one completion each: such a group has nothing to compare. `rules` are
    the hashes of the rules that judged.
    """
    rewards, scored = rewards_and_mask(gathered.seen)
    return {
        "dead_group_share": float(dead_groups(rewards, scored).double().mean()) if rewards.shape[1] > 1 else None,
        "sampling": {
            "samplings": gathered.samplings,
            "groups_seen": len(gathered.seen),
            "groups_taken": len(gathered.groups),
            "full": gathered.full,
            "tokens_so_far": sampled_tokens,
        },
        "rules": sorted(gathered.rules),
    }


def control_metrics(controls: Controls, config: LossConfig) -> dict[str, Any]:
    """The weights that this step used, where they adapt."""
    told: dict[str, Any] = {}
    if config.kl.target is not None:
        told["kl_beta"] = current_beta(controls, config)
    if config.entropy.target is not None:
        told["entropy_coef"] = current_entropy_coef(controls, config)
    return told


def timing_metrics(gathered: Gathered, update_seconds: float, total_seconds: float) -> dict[str, Any]:
    """Seconds of each part of the step, and sampled tokens per second of generation. Not reproducible."""
    return {
        "tokens_per_second": sampled_tokens(gathered.seen) / gathered.generate_seconds,
        "seconds": {
            "generate": gathered.generate_seconds,
            "reward": gathered.reward_seconds,
            "update": update_seconds,
            "total": total_seconds,
        },
    }


def sampled_tokens(groups: Iterable[ScoredGroup]) -> int:
    """Tokens of all completions of these groups."""
    return token_count(rollout for group in groups for rollout in group.group.rollouts)


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
