"""The reference policy of the KL term: when it follows the policy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer_client.config.section import Positive, Section


class ReferenceConfig(Section):
    """Iterative GRPO replaces the reference by the policy now and then (DeepSeekMath, arXiv:2402.03300, alg. 1)."""

    refresh: Literal["never", "copy", "ema"] = Field(
        default="never", description="never: the policy as RL began; copy: the policy; ema: a step towards it"
    )
    every: Positive = Field(default=1, description="RL steps between two refreshes")
    rate: float = Field(
        default=0.05, gt=0.0, lt=1.0, description="ema: reference <- (1 - rate) * reference + rate * policy"
    )

    @model_validator(mode="after")
    def _copies_leave_a_distance(self) -> ReferenceConfig:
        if self.refresh == "copy" and self.every == 1:
            raise ValueError(
                "reference.refresh = copy with every = 1 is the policy itself before each step: the divergence holds "
                "it to nothing; give a larger `every`"
            )
        return self

    @model_validator(mode="after")
    def _what_is_set_is_used(self) -> ReferenceConfig:
        if self.refresh == "never" and self.every != 1:
            raise ValueError(f"reference.every is {self.every}, but refresh = never: set refresh = copy or ema")
        if self.refresh != "ema" and self.rate != type(self).model_fields["rate"].default:
            raise ValueError(f"reference.rate is {self.rate}, but refresh = {self.refresh}: only ema uses it")
        return self
