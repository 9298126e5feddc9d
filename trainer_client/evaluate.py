"""Held-out problems, answered greedily and judged by the reward server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer_client.config import TrainConfig
from trainer_client.metrics import score_metrics, text_metrics
from trainer_client.ranks import ALONE, Ranks
from trainer_client.rewards import RewardScorer
from trainer_client.rollouts import Collected, collect_greedy, shared_out
from trainer_client.sampler.base import Sampler
from trainer_client.types import Judged, Prompt, ScoredGroup


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`metrics["accuracy"]` is over the scored problems, None when none was; `samples` are a few of the answers.

    `failure` says why none has a score where the server is to blame, else nothing.
    """

    metrics: dict[str, Any]
    samples: list[dict[str, Any]]
    failure: str = ""


def evaluate(
    sampler: Sampler,
    scorer: RewardScorer,
    prompts: Sequence[Prompt],
    config: TrainConfig,
    version: int,
    label: str,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """How the policy does on these prompts. Draws no random number, so it changes nothing that follows.

    Each rank asks its share of them; all have the result.
    """

    def own_share() -> Collected:
        scoring = scorer.begin(ranks.label(f"eval-{label}"))
        return collect_greedy(sampler, scoring, ranks.own(prompts), config.rl.sampler.batch_rows, version)

    collected = shared_out(ranks, own_share)
    metrics = score_metrics(collected.groups, config.evaluation.accuracy_component)
    metrics |= text_metrics(collected.groups)
    metrics["problems"] = len(prompts)
    metrics["seconds"] = {"generate": collected.generate_seconds, "reward": collected.reward_seconds}
    samples = [_sample(group) for group in collected.groups[: config.evaluation.samples]]
    return Evaluation(metrics, samples, "" if metrics["scored"] else _missing(collected.groups))


def _missing(groups: Sequence[ScoredGroup]) -> str:
    unscored = [score for group in groups for score in group.scores if score.judged is Judged.UNSCORED]
    return f"none of {len(groups)} held-out problems has a score ({unscored[0].reason})" if unscored else ""


def _sample(scored: ScoredGroup) -> dict[str, Any]:
    rollout, score = scored.group.rollouts[0], scored.scores[0]
    return {
        "prompt": scored.group.prompt.text,
        "ground_truth": scored.group.prompt.example.ground_truth,
        "completion": rollout.text,
        "truncated": rollout.truncated,
        "reward": score.reward,
        "components": score.components,
        "judged": score.judged.value,
        "reason": score.reason,
    }
