"""What goes into the policy's loss and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from trainer_client.losses.aggregation import at_actions

EXACT = (torch.float32, torch.float64)


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """The rows of one micro-batch, all [B, T]; what stands at masked positions is without effect.

    `log_probs` carries the gradient. `old_log_probs` are the trainer's own, of the policy that drew the tokens; None
    means that it is the current one, as in the first and only step on a rollout. `sampler_log_probs` are what the
    sampler reported, NaN where it reported nothing. `entropy` in nats carries a gradient if there is a bonus.
    Raises ValueError for shapes that differ and for log-probs in half precision, whose ratios are off by per cents.
    """

    log_probs: Tensor
    old_log_probs: Tensor | None
    advantages: Tensor
    action_mask: Tensor
    reference_log_probs: Tensor | None = None
    sampler_log_probs: Tensor | None = None
    entropy: Tensor | None = None

    def __post_init__(self) -> None:
        for name, tensor in self._given().items():
            if tensor.shape != self.log_probs.shape:
                raise ValueError(
                    f"all inputs of the policy loss have the shape [B, T] of log_probs, {tuple(self.log_probs.shape)}, "
                    f"but {name} has {tuple(tensor.shape)}"
                )
            if name.endswith("log_probs") and tensor.dtype not in EXACT:
                raise ValueError(f"{name} must be fp32 or fp64, got {tensor.dtype}: take the softmax of logits.float()")

    def masked(self) -> PolicyInputs:
        """The same with zeros where there is no action, and the mask in the type of the log-probs."""
        kept = {name: at_actions(tensor, self.action_mask) for name, tensor in self._given().items()}
        kept["action_mask"] = self.action_mask.bool().to(self.log_probs.dtype)
        return replace(self, **kept)

    def _given(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class StepState:
    """Numbers that hold for all micro-batches of an optimizer step and are known before its first one.

    `entropy_coef` None: the configured one. `entropy_threshold` is needed if only a share of the tokens teaches.
    """

    entropy_coef: float | None = None
    entropy_threshold: float | None = None


@dataclass(frozen=True, slots=True)
class LossSums:
    """Sums over action tokens, added up over micro-batches and ranks (`plus`); names with `_max` are largest values.

    r is the ratio that the objective takes, w the importance weight after correction, the gap log pi_old -
    log pi_sampler. Gaps, divergences and entropies are in nats.
    """

    tokens: float = 0.0
    clipped_low: float = 0.0
    clipped_high: float = 0.0
    clipped_dual: float = 0.0
    ratio: float = 0.0  # r
    ratio_max: float = 0.0
    old_kl: float = 0.0  # x - 1 - log x, x = pi / pi_old of the token: KL(pi_old || pi)
    kl: float = 0.0  # the configured estimate of KL(pi || pi_ref)
    entropy: float = 0.0
    left_out: float = 0.0  # tokens below the entropy threshold
    weight: float = 0.0  # w
    squared_weight: float = 0.0
    weight_max: float = 0.0
    corrected: float = 0.0  # tokens whose weight the correction truncated or dropped
    dropped: float = 0.0  # tokens with w = 0
    gap: float = 0.0  # |gap|
    gap_max: float = 0.0
    sampler_kl: float = 0.0  # exp(gap) - 1 - gap: KL(pi_sampler || pi_old)

    def plus(self, other: LossSums) -> LossSums:
        """The sums over both."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return LossSums(**{name: max(a, b) if name.endswith("_max") else a + b for name, a, b in pairs})

    def means(self) -> dict[str, float | None]:
        """Each sum by the number of tokens, `_max` as it is; None where there was no token."""
        numbers = ((field.name, getattr(self, field.name)) for field in fields(self) if field.name != "tokens")
        if not self.tokens:
            return dict.fromkeys((name for name, _ in numbers), None)
        return {name: value if name.endswith("_max") else value / self.tokens for name, value in numbers}

    def effective_share(self) -> float | None:
        """(sum w)^2 / (n sum w^2): the share of tokens that equal weights would need for the same variance (Kish)."""
        return self.weight**2 / (self.tokens * self.squared_weight) if self.tokens and self.squared_weight else None


@dataclass(frozen=True, slots=True)
class LossParts:
    """`loss` is this micro-batch's share of the step's loss; `sums` are over its action tokens."""

    loss: Tensor
    sums: LossSums
