"""What is minimised."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trainer_client.config.section import Section


class LossConfig(Section):
    """The clipped objective."""

    eps_low: float = Field(default=0.2, ge=0.0, le=1.0, description="the ratio is clipped at 1 - eps_low")
    eps_high: float = Field(default=0.2, ge=0.0, description="and at 1 + eps_high (DAPO raises it to 0.28)")
    aggregation: Literal["seq_mean", "token_mean", "constant"] = Field(
        default="seq_mean", description="seq_mean: GRPO; token_mean: DAPO; constant: Dr. GRPO, by max_new_tokens"
    )
    beta: float = Field(default=0.0, ge=0.0, description="weight of the k3 KL to the reference; 0 keeps no reference")
    log_ratio_limit: float = Field(default=20.0, gt=0.0, description="log-ratios are clamped here before exp, in nats")
