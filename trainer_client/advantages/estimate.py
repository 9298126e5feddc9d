"""The one door: what is known of a step's rollouts to advantages on tokens, by the configured estimator. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from trainer_client.advantages.moments import whiten
from trainer_client.advantages.objectives import objective_advantages
from trainer_client.advantages.outcome import (
    group_centred,
    grpo_advantages,
    hybrid_advantages,
    prompts_by_value,
    rloo_advantages,
)
from trainer_client.advantages.process import Step, process_advantages, with_outcome_as_step
from trainer_client.advantages.returns import (
    discounted_returns,
    gae,
    kl_shaped_outcomes,
    kl_shaped_rewards,
    last_actions,
)
from trainer_client.config.advantage import AdvantageConfig, Estimator, ProcessConfig


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the advantages of one rollout batch are made of. Row `p*G + g` of [B, T] is completion `g` of prompt `p`.

    `rewards` [P, G] and `scored` [P, G]; `mask` [B, T] is true on action tokens, before any row is filtered from the
    loss: filters must not move the statistics. `kept` [P, G] are the members that GFPO keeps: the others are in no
    statistic and have no advantage. `steps` [B] are needed by process supervision, `components` and `present` [P, G, C]
    by objectives, `prompt_values` [P] by hybrid, `values` [B, T] by gae. `kl` [B, T] in nats with `kl_beta` > 0 puts
    the KL into the reward.
    """

    rewards: Tensor
    scored: Tensor
    mask: Tensor
    kept: Tensor | None = None
    steps: Sequence[Sequence[Step]] | None = None
    components: Tensor | None = None
    present: Tensor | None = None
    prompt_values: Tensor | None = None
    values: Tensor | None = None
    kl: Tensor | None = None
    kl_beta: float = 0.0

    @property
    def members(self) -> Tensor:
        """The members [P, G] that have an advantage: scored, and kept where there is a kept set."""
        return self.scored if self.kept is None else self.scored & self.kept

    @property
    def actions(self) -> Tensor:
        """Action tokens [B, T] (bool) of those members."""
        return self.mask.bool() & self.members.reshape(-1, 1)


@dataclass(frozen=True, slots=True)
class TokenAdvantages:
    """`tokens` [B, T] in fp64, zero on everything that is no action of a scored and kept member.

    `returns` [B, T] are the critic's targets, None without a critic.
    """

    tokens: Tensor
    returns: Tensor | None


def token_advantages(evidence: Evidence, config: AdvantageConfig) -> TokenAdvantages:
    """The advantages that `config` asks for.

    Raises ValueError when the evidence lacks what the estimator needs.
    """
    raw, returns = ESTIMATORS[config.estimator](evidence, config)
    actions = evidence.actions
    tokens = torch.where(actions, raw, torch.zeros_like(raw))
    if config.whitens:
        tokens = whiten(tokens, actions, config.ddof, config.eps)
    return TokenAdvantages(tokens, returns)


_Estimated = tuple[Tensor, Tensor | None]


def _grpo(evidence: Evidence, config: AdvantageConfig) -> _Estimated:
    rewards = _outcomes(evidence)
    if config.process is None:
        return _on_tokens(_outcome_advantages(evidence, rewards, config), evidence), None
    return _process(evidence, rewards, config, config.process), None


def _outcome_advantages(evidence: Evidence, rewards: Tensor, config: AdvantageConfig) -> Tensor:
    members = evidence.members
    if config.objectives is not None:
        components = _needed(evidence.components, "components", "objectives")
        present = _needed(evidence.present, "present", "objectives")
        return objective_advantages(components, present, members, config.objectives, config)
    if config.hybrid is not None:
        values = _needed(evidence.prompt_values, "prompt_values", "hybrid")
        # Before the divergence is taken off: with it hardly any two rewards are equal, and no group would be dead.
        chosen = prompts_by_value(evidence.rewards, members, values, config.hybrid)
        return hybrid_advantages(rewards, members, values, chosen)
    return grpo_advantages(rewards, members, config)


def _process(evidence: Evidence, rewards: Tensor, config: AdvantageConfig, process: ProcessConfig) -> Tensor:
    steps, members = _needed(evidence.steps, "steps", "process"), evidence.members
    width = evidence.mask.shape[1]
    if process.outcome_as_step:
        joined = with_outcome_as_step(steps, rewards, last_actions(evidence.mask), process)
        return process_advantages(joined, members, width, config)
    of_steps = process_advantages(steps, members, width, config)
    of_outcome = _outcome_advantages(evidence, rewards, config).reshape(-1, 1)
    return process.step_weight * of_steps + process.outcome_weight * of_outcome


def _rloo(evidence: Evidence, config: AdvantageConfig) -> _Estimated:
    return _on_tokens(rloo_advantages(_outcomes(evidence), evidence.members), evidence), None


def _reinforce_pp(evidence: Evidence, config: AdvantageConfig) -> _Estimated:
    rewards = _rewards_on_tokens(evidence, evidence.rewards)
    return discounted_returns(rewards, evidence.actions, config.gamma), None


def _reinforce_pp_baseline(evidence: Evidence, config: AdvantageConfig) -> _Estimated:
    rewards = _rewards_on_tokens(evidence, group_centred(evidence.rewards, evidence.members))
    return discounted_returns(rewards, evidence.actions, config.gamma), None


def _gae(evidence: Evidence, config: AdvantageConfig) -> _Estimated:
    values = _needed(evidence.values, "values", "estimator = 'gae'")
    rewards = _rewards_on_tokens(evidence, evidence.rewards)
    return gae(rewards, values, evidence.actions, config.gamma, config.lam)


ESTIMATORS: dict[Estimator, Callable[[Evidence, AdvantageConfig], _Estimated]] = {
    "grpo": _grpo,
    "rloo": _rloo,
    "reinforce_pp": _reinforce_pp,
    "reinforce_pp_baseline": _reinforce_pp_baseline,
    "gae": _gae,
}


def _outcomes(evidence: Evidence) -> Tensor:
    """One reward for each completion [P, G], the KL of its tokens taken off where it belongs into the reward."""
    if not evidence.kl_beta:
        return evidence.rewards
    kl = _needed(evidence.kl, "kl", "kl_beta > 0")
    return kl_shaped_outcomes(evidence.rewards.flatten(), kl, evidence.mask, evidence.kl_beta).reshape(
        evidence.rewards.shape
    )


def _rewards_on_tokens(evidence: Evidence, rewards: Tensor) -> Tensor:
    kl = _needed(evidence.kl, "kl", "kl_beta > 0") if evidence.kl_beta else torch.zeros(evidence.mask.shape)
    return kl_shaped_rewards(rewards.flatten(), kl, evidence.actions, evidence.kl_beta)


def _on_tokens(advantages: Tensor, evidence: Evidence) -> Tensor:
    """Each completion's advantage [P, G] on all of its tokens [B, T]."""
    return advantages.reshape(-1, 1).expand(evidence.mask.shape)


_Given = TypeVar("_Given")


def _needed(given: _Given | None, name: str, by: str) -> _Given:
    if given is None:
        raise ValueError(f"{by} needs Evidence.{name}, which was not given")
    return given
