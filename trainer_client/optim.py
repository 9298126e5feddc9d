"""The optimizer: AdamW, a learning rate that depends on the step alone, clipping, and the refusal of bad gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch.nn import Parameter

from trainer_client.config.optim import OptimConfig


def learning_rate(config: OptimConfig, step: int, total_steps: int) -> float:
    """The rate for `step` (from 1) of `total_steps`: linear warm-up, then constant or half a cosine."""
    if step <= config.warmup_steps:
        return config.lr * step / config.warmup_steps
    if config.decay == "constant":
        return config.lr
    progress = (step - config.warmup_steps) / max(total_steps - config.warmup_steps, 1)
    height = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return config.lr * (config.min_lr_share + (1 - config.min_lr_share) * height)


def build_optimizer(parameters: Iterable[Parameter], config: OptimConfig) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; weight decay on matrices only, as is usual."""
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps)


def apply_gradients(optimizer: torch.optim.Optimizer, config: OptimConfig, rate: float) -> tuple[float, bool]:
    """Clip, step, clear. Returns the gradient norm before clipping and whether the step was taken.

    A gradient that is not finite is thrown away: one such step would destroy the weights for good.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, config.clip_norm))
    finite = math.isfinite(norm)
    if finite:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm, finite
