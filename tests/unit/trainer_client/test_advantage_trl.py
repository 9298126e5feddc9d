"""Our advantages and the overlong punishment against what TRL's own code made of the same rewards.

The record says the versions; `tests/parity/record_trl_losses.py` makes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from trainer_client.advantages import Evidence, token_advantages
from trainer_client.config.advantage import AdvantageConfig
from trainer_client.config.loss import KlConfig
from trainer_client.config.selection import SoftOverlongConfig
from trainer_client.losses.divergence import divergence_for_rewards
from trainer_client.selection import soft_overlong_penalty

RECORD: dict[str, Any] = json.loads(Path(__file__).with_name("cases").joinpath("trl_losses.json").read_text())
WEIGHTS = dict(zip("abc", RECORD["reward_weights"], strict=True))
COMBINE = {"sum_then_normalize": "sum_then_normalise", "normalize_then_sum": "normalise_then_sum"}
PROMPTS, GROUP = 3, 4
TOLERANCE = 1e-6


def given(name: str) -> Tensor:
    """Recorded numbers, NaN where there is none."""
    rows = RECORD["reward_inputs"][name]
    return torch.tensor([[torch.nan if value is None else value for value in row] for row in rows], dtype=torch.float64)


def config_of(settings: dict[str, Any]) -> AdvantageConfig:
    """TRL's names for the same advantages."""
    if "beta" in settings:
        return AdvantageConfig(estimator="rloo")
    combine = COMBINE[settings["aggregation"]]
    objectives = {"weights": WEIGHTS, "combine": combine, "whiten": combine == "normalise_then_sum"}
    return AdvantageConfig.model_validate({"scale": settings["scale"], "objectives": objectives})


def evidence_of(settings: dict[str, Any]) -> Evidence:
    components = given("rewards").reshape(PROMPTS, GROUP, -1)
    present = ~components.isnan()
    known = components.nan_to_num(0.0)
    mask, beta = given("mask").bool(), settings.get("beta", 0.0)
    kl = divergence_for_rewards(
        given("old_log_probs"), given("reference_log_probs"), mask, KlConfig(estimator="k1", place="reward"), 20.0
    )
    rewards = known @ known.new_tensor(list(WEIGHTS.values()))
    return Evidence(rewards, present.any(-1), mask, components=known, present=present, kl=kl, kl_beta=beta)


@pytest.mark.parametrize("name", RECORD["advantages"])
def test_advantages_are_those_of_trl(name: str) -> None:
    """A reward that is missing, a completion that nothing judged, and a group with equal rewards are among them."""
    recorded = RECORD["advantages"][name]
    tokens = token_advantages(evidence_of(recorded["settings"]), config_of(recorded["settings"])).tokens
    expected = torch.tensor(recorded["values"], dtype=torch.float64)
    assert expected.abs().max() > 0.1
    assert torch.allclose(tokens[:, 0], expected, rtol=0, atol=TOLERANCE)  # every row has a first token
    assert torch.equal(tokens, tokens[:, :1] * given("mask"))


def test_overlong_punishment_is_that_of_trl() -> None:
    lengths = torch.arange(len(RECORD["overlong"])).unsqueeze(0)
    punishment = soft_overlong_penalty(lengths, 20, SoftOverlongConfig(cache_share=0.2, weight=1.0))
    assert punishment.dtype == torch.float64
    assert punishment.tolist()[0] == pytest.approx(RECORD["overlong"], abs=1e-12)
