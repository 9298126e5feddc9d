"""The optimizer's settings. What they do is in `trainer_client.optim`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer_client.config.section import Section, Share


class OptimConfig(Section):
    """AdamW and its learning rate."""

    lr: float = Field(default=1e-6, gt=0.0, le=1.0, description="learning rate after the warm-up")
    warmup_steps: int = Field(default=0, ge=0, description="steps of linear warm-up")
    decay: Literal["constant", "cosine"] = Field(default="constant", description="course after the warm-up")
    min_lr_share: Share = Field(default=0.1, description="where the cosine ends, as a share of lr")
    betas: tuple[float, float] = Field(default=(0.9, 0.95), description="AdamW moments, each in [0, 1)")
    eps: float = Field(default=1e-8, gt=0.0, description="AdamW epsilon")
    weight_decay: float = Field(default=0.0, ge=0.0, description="decoupled weight decay")
    clip_norm: float = Field(default=1.0, gt=0.0, description="largest gradient norm")

    @model_validator(mode="after")
    def _betas_below_one(self) -> OptimConfig:
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError(f"optim.betas must lie in [0, 1), got {self.betas}")
        return self

    @model_validator(mode="after")
    def _decay_leaves_something(self) -> OptimConfig:
        if self.lr * self.weight_decay >= 1.0:
            raise ValueError(
                f"optim.weight_decay takes lr * weight_decay = {self.lr * self.weight_decay:g} of each weight in every "
                "step, which leaves nothing of the model: usual is 0 to 0.1"
            )
        return self
