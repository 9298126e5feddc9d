"""Which groups and rows are learnt from. The rules are in `trainer_client.selection`."""

from __future__ import annotations

from pydantic import Field

from trainer_client.config.section import Positive, Section


class DynamicSamplingConfig(Section):
    """Groups that teach nothing are dropped and others are sampled in their place (DAPO, arXiv:2503.14476, eq. 11)."""

    max_batches: Positive = Field(default=10, description="most samplings for one step; then it takes what there is")
    surplus: float = Field(
        default=1.25, ge=1.0, le=4.0, description="prompts drawn for each expected to be needed; spares a round"
    )


class SoftOverlongConfig(Section):
    """A growing punishment for completions close to the length limit (DAPO, arXiv:2503.14476, eq. 13)."""

    cache_share: float = Field(
        default=0.2,
        gt=0.0,
        le=1.0,
        description="last share of max_new_tokens, over which it grows from 0 (4096 of 20480)",
    )
    weight: float = Field(default=1.0, gt=0.0, allow_inf_nan=False, description="the full punishment, at the limit")


class SelectionConfig(Section):
    """Dynamic sampling, and completions that ran into the length limit."""

    dynamic_sampling: DynamicSamplingConfig | None = Field(default=None, description="drop dead groups and refill")
    overlong_filter: bool = Field(
        default=False, description="truncated rows stay in the statistics and leave the loss, as in TRL and NeMo RL"
    )
    soft_overlong: SoftOverlongConfig | None = Field(default=None, description="added to the reward")
