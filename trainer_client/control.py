"""What adapts between two steps: the divergence's weight, the entropy's weight, the difficulty of the prompts. Pure."""

from __future__ import annotations

from trainer_client.config.loss import LossConfig
from trainer_client.losses.divergence import adapted_beta
from trainer_client.losses.entropy import adapted_entropy_coef, applied_entropy_coef
from trainer_client.losses.parts import LossSums
from trainer_client.progress import Controls
from trainer_client.selection import DifficultyWindow


def current_beta(controls: Controls, config: LossConfig) -> float:
    """The divergence's weight of this step."""
    return config.kl.beta if controls.kl_beta is None else controls.kl_beta


def current_entropy_coef(controls: Controls, config: LossConfig) -> float:
    """The entropy's weight of this step."""
    coef = config.entropy.coef if controls.entropy_coef is None else controls.entropy_coef
    return applied_entropy_coef(coef, controls.last_entropy, config.entropy)


def adapted(
    controls: Controls,
    config: LossConfig,
    sums: LossSums,
    reward_kl: float | None,
    rows: int,
    window: DifficultyWindow,
) -> Controls:
    """The controls of the next step, after one with these sums over `rows` completions.

    A weight that does not adapt, and one of a step that measured nothing, stays what it is.
    """
    beta, coef, entropy = controls.kl_beta, controls.entropy_coef, controls.last_entropy
    if config.kl.target is not None and reward_kl is not None:
        beta = adapted_beta(current_beta(controls, config), reward_kl, rows, config.kl)
    if config.entropy.target is not None and sums.tokens:
        entropy = sums.entropy / sums.tokens
        coef = adapted_entropy_coef(config.entropy.coef if coef is None else coef, entropy, config.entropy)
    return Controls(beta, coef, entropy, window.means)
