"""A stand-in reward server and a tiny model for the trainer's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.unit.trainer_client.stand_in import StandIn
from trainer_client.config import FreshModelConfig, ModelConfig
from trainer_client.model import LanguageModel, open_model


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.kill()


@pytest.fixture
def tiny_model() -> LanguageModel:
    """16 wide, 2 layers, random weights; its logits are spread so that tokens differ in probability."""
    torch.manual_seed(0)
    model = open_model(ModelConfig(fresh=FreshModelConfig(hidden=16, intermediate=32, heads=2)), torch.device("cpu"))
    with torch.no_grad():
        for parameter in model.network.parameters():
            if parameter.ndim >= 2:
                parameter.mul_(8)
    return model
