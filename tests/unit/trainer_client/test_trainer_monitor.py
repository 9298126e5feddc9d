"""When a run is unhealthy, and when it only looks so."""

from __future__ import annotations

from typing import Any

import pytest

from trainer_client.config.monitor import MonitorConfig
from trainer_client.monitor import WATCHED, examined
from trainer_client.progress import Health

HEALTHY: dict[str, Any] = {
    "entropy": 0.5,
    "kl": 0.01,
    "loss_terms": {"old_kl": 0.001},
    "clip_share": 0.02,
    "grad_norm": 1.0,
    "dead_group_share": 0.3,
    "unscored_share": 0.0,
    "log_prob_gap": 1e-5,
    "truncated_share": 0.1,
    "identical_share": 0.0,
    "skipped_share": 0.0,
    "skipped_updates": 0,
    "reward": 0.7,
    "sampling": {"groups_seen": 64},
    "length": 100.0,
    "accuracy": 0.5,
    "components": {"format": 0.9},
}
ILL: dict[str, dict[str, Any]] = {
    "entropy": {"entropy": 0.001},
    "kl": {"kl": 3.0},
    "old_kl": {"loss_terms": {"old_kl": 0.5}},
    "clip_share": {"clip_share": 0.9},
    "grad_norm": {"grad_norm": float("nan")},
    "dead_group_share": {"dead_group_share": 1.0},
    "unscored_share": {"unscored_share": 0.5},
    "log_prob_gap": {"log_prob_gap": 2.0},
    "truncated_share": {"truncated_share": 0.9},
    "identical_share": {"identical_share": 1.0},
    "skipped_share": {"skipped_share": 0.5},
    "skipped_updates": {"skipped_updates": 1},
}


def alarms_of(steps: list[dict[str, Any]], **settings: Any) -> list[tuple[int, str]]:
    """(step from 1, name) of every alarm raised on the way."""
    config, health, raised = MonitorConfig.model_validate(settings), Health(), []
    for number, metrics in enumerate(steps, start=1):
        alarms, health = examined(metrics, health, config)
        raised += [(number, alarm.name) for alarm in alarms]
    return raised


def test_every_watched_metric_has_a_case() -> None:
    assert set(ILL) == set(WATCHED)
    assert set(WATCHED) <= set(MonitorConfig.model_fields)


def test_healthy_run_raises_nothing() -> None:
    assert alarms_of([HEALTHY] * 200) == []


@pytest.mark.parametrize("name", ILL)
def test_metric_out_of_its_bounds_raises_one_alarm_after_the_patience(name: str) -> None:
    ill = HEALTHY | ILL[name]
    assert alarms_of([HEALTHY, ill, ill, ill, ill, ill], patience=3) == [(4, name)]
    assert alarms_of([ill, ill, HEALTHY, ill, ill], patience=3) == []
    assert alarms_of([ill, HEALTHY, ill], patience=1) == [(1, name), (3, name)]


@pytest.mark.parametrize("name", ILL)
def test_metric_that_was_not_measured_keeps_its_count(name: str) -> None:
    ill = HEALTHY | ILL[name]
    unknown = {key: value for key, value in HEALTHY.items() if key not in ILL[name]}
    assert alarms_of([unknown] * 9) == []
    assert alarms_of([ill, unknown, ill], patience=2) == [(3, name)]


def test_message_says_value_and_bound() -> None:
    [alarm], _ = examined(HEALTHY | {"entropy": 9.0}, Health(), MonitorConfig(patience=1))
    assert alarm.message == "entropy explosion: entropy is 9, its bound 6.0"


def test_lengths_that_grow_or_shrink_drift() -> None:
    drift = {"length_drift": {"window": 2, "high": 2.0, "low": 0.5}, "patience": 1}
    lengths = [100, 100, 150, 190, 210, 230]
    grown = [HEALTHY | {"length": float(length)} for length in lengths]
    assert alarms_of(grown, **drift) == [(6, "length_drift")]  # (190 + 210) / 200 is just healthy
    shrunk = [HEALTHY | {"length": float(length)} for length in (100, 100, 60, 30)]
    assert alarms_of(shrunk, **drift) == [(4, "length_drift")]


def test_what_is_not_a_number_is_told_as_such() -> None:
    [alarm], _ = examined(HEALTHY | {"entropy": float("nan")}, Health(), MonitorConfig(patience=1))
    assert alarm.message == "entropy is not a number: weights or logits are broken"


@pytest.mark.parametrize(
    ("accuracy", "told"), [(0.0, "too hard for the policy"), (1.0, "too easy for the policy"), (0.5, "its bound 0.95")]
)
def test_dead_groups_are_told_with_their_cause(accuracy: float, told: str) -> None:
    dead = HEALTHY | {"dead_group_share": 1.0, "accuracy": accuracy}
    [alarm], _ = examined(dead, Health(), MonitorConfig(patience=1))
    assert alarm.message.endswith(told)


def judged(accuracies: list[float], rewards: list[float] | None = None, groups: int = 64) -> list[dict[str, Any]]:
    rewards = rewards or accuracies
    sampling = {"groups_seen": groups}
    return [
        HEALTHY | {"accuracy": accuracy, "reward": reward, "sampling": sampling}
        for accuracy, reward in zip(accuracies, rewards, strict=True)
    ]


def test_accuracy_that_is_lost_again_raises_an_alarm() -> None:
    """The accuracies of a run on the demo's task whose learning rate was 30 times too large."""
    lost = [0.666, 0.635, 0.219, 0.055, 0.023, 0.006, 0.033, 0.035]
    assert alarms_of(judged(lost)) == [(6, "setback")]
    assert alarms_of(judged([0.5, 0.6, 0.7, 0.6, 0.55, 0.6, 0.65, 0.6])) == []


def test_accuracy_lost_by_chance_is_no_setback() -> None:
    swinging = [0.75, 0.75, 0.75, 0.75, 0.25, 0.25, 0.5, 0.25, 0.25, 0.25]
    assert alarms_of(judged(swinging, groups=4)) == []
    assert alarms_of(judged(swinging, groups=64)) == [(9, "setback")]


def test_setback_is_counted_on_over_a_step_without_a_score() -> None:
    unscored = HEALTHY | {"accuracy": None, "reward": None}
    steps = [*judged([0.6, 0.6, 0.0, 0.0]), unscored, *judged([0.0])]
    assert alarms_of(steps, setback={"window": 2}) == [(6, "setback")]


def test_run_that_solves_nothing_raises_an_alarm() -> None:
    """Format may still teach: groups are not dead, and the reward moves."""
    settings = {"unsolved": {"window": 4}, "patience": 1}
    assert alarms_of(judged([0.0, 0.0, 0.01, 0.0], [0.05, 0.06, 0.04, 0.08]), **settings) == [(4, "unsolved")]
    assert alarms_of(judged([0.0, 0.0, 0.05, 0.0], [0.05, 0.06, 0.04, 0.08]), **settings) == []


def test_reward_that_rises_without_accuracy_is_hacking() -> None:
    hacking = {"hacking": {"window": 4}, "patience": 1}
    paid = [0.0, 0.1, 0.5, 0.6]
    assert alarms_of(judged([0.3, 0.3, 0.3, 0.3], paid), **hacking) == [(4, "hacking")]
    assert alarms_of(judged([0.3, 0.3, 0.4, 0.4], paid), **hacking) == []
    assert alarms_of(judged([0.95, 0.95, 0.95, 0.95], paid), **hacking) == []
    assert alarms_of(judged([0.3, 0.3, 0.3, 0.3], [0.0, 0.1, 0.2, 0.2]), **hacking) == []


def stagnating(accuracies: list[float], form: float = 1.0) -> list[dict[str, Any]]:
    return [HEALTHY | {"accuracy": accuracy, "components": {"format": form}} for accuracy in accuracies]


def test_saturated_format_with_flat_accuracy_is_stagnation() -> None:
    settings = {"stagnation": {"window": 4}, "patience": 1}
    assert alarms_of(stagnating([0.5] * 4), **settings) == [(4, "stagnation")]
    assert alarms_of(stagnating([0.5, 0.52, 0.54, 0.56]), **settings) == []
    assert alarms_of(stagnating([0.95] * 4), **settings) == []
    assert alarms_of(stagnating([0.5] * 4, form=0.9), **settings) == []
    assert alarms_of([HEALTHY | {"accuracy": 0.5, "components": {"math": 1.0}}] * 9, **settings) == []


def test_step_without_a_score_adds_to_neither_series_of_stagnation() -> None:
    unscored = HEALTHY | {"accuracy": None, "components": {"format": 0.0}}
    settings = {"stagnation": {"window": 4}, "patience": 1}
    steps = [*stagnating([0.5] * 2), unscored, *stagnating([0.5] * 2)]
    assert alarms_of(steps, **settings) == [(5, "stagnation")]


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected low < high, got 2\.0 and 1\.0"):
        MonitorConfig.model_validate({"entropy": {"low": 2.0, "high": 1.0}})


def test_other_rules_are_told_at_once_and_only_when_they_are_new() -> None:
    seen = [["a"], ["a"], [], ["a", "b"], ["b"], ["b", "a"], ["a"], ["c"]]
    assert alarms_of([HEALTHY | {"rules": rules} for rules in seen]) == [(4, "rules"), (6, "rules"), (8, "rules")]
    _, health = examined(HEALTHY | {"rules": ["old"]}, Health(), MonitorConfig())
    [alarm], _ = examined(HEALTHY | {"rules": ["new"]}, health, MonitorConfig())
    assert "the hash of the profile was old, now new" in alarm.message
