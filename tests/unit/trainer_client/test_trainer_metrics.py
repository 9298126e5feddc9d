"""What a step tells of itself, where it is easily told wrong."""

from __future__ import annotations

import pytest
import torch

from trainer_client.config.monitor import MonitorConfig
from trainer_client.gather import Gathered
from trainer_client.metrics import sampling_metrics
from trainer_client.monitor import examined
from trainer_client.progress import Health
from trainer_client.types import Example, Judged, Prompt, Rollout, RolloutGroup, RolloutScore, ScoredGroup


def step(*groups: list[float]) -> Gathered:
    rollout = Rollout(torch.tensor([1]), torch.zeros(1), torch.zeros(1), "", False, 0)
    prompt = Prompt(Example("0", "", None), "", (2,))
    seen = [
        ScoredGroup(
            RolloutGroup(prompt, (rollout,) * len(rewards)),
            tuple(RolloutScore(Judged.SCORED, reward) for reward in rewards),
        )
        for rewards in groups
    ]
    return Gathered(seen, seen, 1)


def test_share_of_groups_whose_rewards_are_equal() -> None:
    assert sampling_metrics(step([1.0, 1.0], [0.0, 1.0], [0.5, 0.5], [0.2, 0.3]), 0)["dead_group_share"] == 0.5


@pytest.mark.parametrize(("groups", "alarms"), [(([1.0], [0.0]), []), (([1.0, 1.0], [0.0, 0.0]), ["dead_group_share"])])
def test_single_completions_are_no_dead_groups(groups: tuple[list[float], ...], alarms: list[str]) -> None:
    """With a critic or a batch's mean as baseline one completion a prompt teaches."""
    metrics = sampling_metrics(step(*groups), 0)
    raised, _ = examined(metrics, Health(), MonitorConfig(patience=1))
    assert [alarm.name for alarm in raised] == alarms
