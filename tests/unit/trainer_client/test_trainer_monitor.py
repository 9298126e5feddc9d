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
    "length": 100.0,
    "accuracy": 0.5,
    "components": {"format": 0.9},
}
ILL: dict[str, dict[str, Any]] = {
    "entropy": {"entropy": 0.001},
    "kl": {"kl": 3.0},
    "old_kl": {"loss_terms": {"old_kl": 0.5}},
    "clip_share": {"clip_share": 0.8},
    "grad_norm": {"grad_norm": float("nan")},
    "dead_group_share": {"dead_group_share": 1.0},
    "unscored_share": {"unscored_share": 0.5},
    "log_prob_gap": {"log_prob_gap": 2.0},
    "truncated_share": {"truncated_share": 0.9},
    "identical_share": {"identical_share": 1.0},
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
