"""Rewards to advantages. Pure: tensors in, tensors out. Statistics are over what is given: the whole batch of a step.

moments     mean and deviation of a batch; whitening
outcome     one reward a completion: GRPO, Dr. GRPO, RLOO, hybrid baseline, dead groups
process     rewards of steps: GRPO with process supervision
objectives  several components: GDPO
returns     rewards on tokens: REINFORCE++, GAE, KL in the reward
estimate    the one door: `token_advantages(evidence, config)`
"""

from trainer_client.advantages.estimate import Evidence, TokenAdvantages, token_advantages
from trainer_client.advantages.moments import Moments, masked_moments, whiten
from trainer_client.advantages.objectives import component_tensors, objective_advantages
from trainer_client.advantages.outcome import (
    dead_groups,
    group_centred,
    grpo_advantages,
    hybrid_advantages,
    prompts_by_value,
    rloo_advantages,
)
from trainer_client.advantages.process import Step, process_advantages, steps_on_tokens, token_of_character
from trainer_client.advantages.returns import (
    discounted_returns,
    gae,
    kl_shaped_outcomes,
    kl_shaped_rewards,
    reward_at_last_action,
)

__all__ = [
    "Evidence",
    "Moments",
    "Step",
    "TokenAdvantages",
    "component_tensors",
    "dead_groups",
    "discounted_returns",
    "gae",
    "group_centred",
    "grpo_advantages",
    "hybrid_advantages",
    "kl_shaped_outcomes",
    "kl_shaped_rewards",
    "masked_moments",
    "objective_advantages",
    "process_advantages",
    "prompts_by_value",
    "reward_at_last_action",
    "rloo_advantages",
    "steps_on_tokens",
    "token_advantages",
    "token_of_character",
    "whiten",
]
