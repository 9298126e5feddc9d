"""Where a run computes."""

from __future__ import annotations

import torch

from trainer_client.config import RunConfig
from trainer_client.errors import ConfigError


def open_device(config: RunConfig) -> torch.device:
    """The device of the run, with torch's threads set. Raises ConfigError when cuda is asked for and is not there."""
    torch.set_num_threads(config.threads)
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("run.device is 'cuda', but torch finds no CUDA device; use 'auto' or 'cpu'")
    return torch.device(config.device)
