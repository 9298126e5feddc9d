"""Where a run computes."""

from __future__ import annotations

import torch

from trainer_client.config import RunConfig
from trainer_client.errors import ConfigError
from trainer_client.ranks import ALONE, Ranks


def open_device(config: RunConfig, ranks: Ranks = ALONE) -> torch.device:
    """The device of the run, with torch's threads set; of several processes each has a CUDA device of its own.

    Raises ConfigError when cuda is asked for and is not there.
    """
    torch.set_num_threads(config.threads)
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("run.device is 'cuda', but torch finds no CUDA device; use 'auto' or 'cpu'")
    if config.device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda") if ranks.alone else _own_device(ranks.local_rank)


def _own_device(number: int) -> torch.device:
    if number >= torch.cuda.device_count():
        raise ConfigError(
            f"this process is number {number + 1} on its machine, which has {torch.cuda.device_count()} CUDA devices: "
            "start no more processes than devices, or use --run.device cpu"
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)
