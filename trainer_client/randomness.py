"""The states of all generators of random numbers, as values that `torch.load(weights_only=True)` reads back."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed python, numpy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_state(sampler: torch.Generator) -> dict[str, Any]:
    """The states of python, numpy, torch and the sampler's own generator."""
    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [str(name), [int(key) for key in keys], int(position), int(has_gauss), float(cached)],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "sampler": sampler.get_state(),
    }


def restore_random_state(state: dict[str, Any], sampler: torch.Generator) -> None:
    """Put all generators back into a state that `random_state` gave.

    States of GPUs that this machine has not are left out. A sampler's generator on another kind of device than the one
    that was saved keeps the seed it has: no run gives the same numbers on two kinds of device.
    """
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])
    if state["sampler"].shape == sampler.get_state().shape:  # a GPU's state has 16 bytes, a CPU's thousands
        sampler.set_state(state["sampler"])
