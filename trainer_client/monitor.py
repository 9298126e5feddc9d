"""Is the run healthy? Metrics of a step against their bounds, and what needs more than one step to be seen. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer_client.config.monitor import Bounds, DriftConfig, MonitorConfig, StagnationConfig
from trainer_client.progress import Health

WATCHED = {  # setting -> where the step's metrics have it, and what leaving the range means: below, above
    "entropy": ("entropy", "entropy collapse", "entropy explosion"),
    "kl": ("kl", "divergence below its bound", "far from the reference policy"),
    "old_kl": ("loss_terms/old_kl", "the batch changes nothing", "the steps on one batch move too far"),
    "clip_share": ("clip_share", "nothing is clipped", "most ratios are clipped"),
    "grad_norm": ("grad_norm", "vanishing gradient", "exploding gradient"),
    "dead_group_share": ("dead_group_share", "few dead groups", "hardly any group teaches"),
    "unscored_share": ("unscored_share", "few unscored", "many rollouts have no score"),
    "log_prob_gap": ("log_prob_gap", "no gap", "sampler and trainer do not compute the same distribution"),
    "truncated_share": ("truncated_share", "few truncated", "most completions run into the length limit"),
    "identical_share": ("identical_share", "few groups of equal answers", "the answers of a prompt are all the same"),
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """`name` is the setting that was left; `message` says what was seen, and the range."""

    name: str
    message: str


def examined(metrics: Mapping[str, Any], health: Health, config: MonitorConfig) -> tuple[list[Alarm], Health]:
    """The alarms that this step raises, and what is to be remembered for the next.

    An alarm is raised once, when its condition has held for `patience` steps in a row, and again only after it has
    been gone. A condition that could not be looked at in this step keeps its count.
    """
    history = _extended(metrics, health.history, config)
    first = health.first_lengths
    if len(first) < config.length_drift.window and metrics.get("length") is not None:
        first = (*first, float(metrics["length"]))
    found = {name: _left(metrics, name, getattr(config, name)) for name in WATCHED}
    found["length_drift"] = _drifted(first, history["length"], config.length_drift)
    found["stagnation"] = _stagnates(history["format"], history["accuracy"], config.stagnation)
    outside = {name: _count(health.outside.get(name, 0), message) for name, message in found.items()}
    alarms = [Alarm(name, message) for name, message in found.items() if message and outside[name] == config.patience]
    return alarms, Health({name: count for name, count in outside.items() if count}, history, first)


def _count(before: int, message: str | None) -> int:
    """Steps in a row: `message` is empty where all is well, None where nothing could be said."""
    if message is None:
        return before
    return before + 1 if message else 0


def _left(metrics: Mapping[str, Any], name: str, bounds: Bounds) -> str | None:
    path, below, above = WATCHED[name]
    value = _at(metrics, path)
    if value is None:
        return None
    if math.isnan(value) or (bounds.high is not None and value > bounds.high):
        return f"{above}: {name} is {value:.4g}, its bound {bounds.high}"
    if bounds.low is not None and value < bounds.low:
        return f"{below}: {name} is {value:.4g}, its bound {bounds.low}"
    return ""


def _at(metrics: Mapping[str, Any], path: str) -> float | None:
    value: Any = metrics
    for key in path.split("/"):
        value = value.get(key) if isinstance(value, Mapping) else None
    return None if value is None else float(value)


def _extended(
    metrics: Mapping[str, Any], history: Mapping[str, Sequence[float]], config: MonitorConfig
) -> dict[str, list[float]]:
    """The newest values; a step without a score adds no accuracy, so that the two series stay side by side."""
    form, accuracy = _at(metrics, f"components/{config.stagnation.component}"), _at(metrics, "accuracy")
    both = form is not None and accuracy is not None
    new = {"length": _at(metrics, "length"), "format": form if both else None, "accuracy": accuracy if both else None}
    windows = {"length": config.length_drift.window}
    return {
        name: [*history.get(name, []), *([] if value is None else [value])][
            -windows.get(name, config.stagnation.window) :
        ]
        for name, value in new.items()
    }


def _drifted(first: Sequence[float], newest: Sequence[float], config: DriftConfig) -> str | None:
    if len(first) < config.window or len(newest) < config.window or not sum(first):
        return None
    quotient = sum(newest) / sum(first)
    if config.low <= quotient <= config.high:
        return ""
    return f"lengths drift: {quotient:.2f} times those of the first {config.window} steps"


def _stagnates(form: Sequence[float], accuracy: Sequence[float], config: StagnationConfig) -> str | None:
    if len(form) < config.window:
        return None
    half = config.window // 2
    earlier, later = sum(accuracy[:half]) / half, sum(accuracy[-half:]) / half
    flat = later - earlier < config.gain and later < config.solved
    if sum(form) / len(form) < config.saturated or not flat:
        return ""
    return (
        f"{config.component} is saturated while accuracy stands still: {earlier:.3f}, then {later:.3f}, over "
        f"{config.window} steps"
    )
