"""Is the run healthy? Metrics of a step against their bounds, and what needs more than one step to be seen. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer_client.config.monitor import (
    Bounds,
    DriftConfig,
    HackingConfig,
    MonitorConfig,
    SetbackConfig,
    StagnationConfig,
    UnsolvedConfig,
)
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
    "skipped_share": ("skipped_share", "few skipped", "many rollouts have a ground truth that cannot be judged"),
    "skipped_updates": ("skipped_updates", "none skipped", "gradients are not finite and are thrown away"),
    "identical_share": ("identical_share", "few groups of equal answers", "the answers of a prompt are all the same"),
}


ALL_WRONG, ALL_RIGHT = 0.05, 0.95  # accuracies
LEAST_STEPS = 2  # one step alone is no mean
NOISE = 4.0  # standard errors; at 3, one in nine steady runs of 100 steps raised the alarm, at 4 none of 400


@dataclass(frozen=True, slots=True)
class Alarm:
    """`name` is the setting that was left; `message` says what was seen, and the range."""

    name: str
    message: str


def examined(metrics: Mapping[str, Any], health: Health, config: MonitorConfig) -> tuple[list[Alarm], Health]:
    """The alarms that this step raises, and what is to be remembered for the next.

    An alarm is raised once, when its condition has held for `patience` steps in a row, and again only after it has
    been gone. A condition that could not be looked at in this step keeps its count. Other rules are told at once.
    """
    history = _extended(metrics, health.history, config)
    recent = history["right"][-config.setback.window :]
    best = _best(recent, health.best_accuracy)
    first = health.first_lengths
    if len(first) < config.length_drift.window and metrics.get("length") is not None:
        first = (*first, float(metrics["length"]))
    found = {name: _left(metrics, name, getattr(config, name)) for name in WATCHED}
    found["length_drift"] = _drifted(first, history["length"], config.length_drift)
    found |= _judged_over_time(metrics, history, recent, best, config)
    outside = {name: _count(health.outside.get(name, 0), message) for name, message in found.items()}
    alarms = [Alarm(name, message) for name, message in found.items() if message and outside[name] == config.patience]
    rules = tuple(metrics.get("rules", ())) or health.rules
    alarms += _other_rules(health.rules, rules)
    return alarms, Health({name: count for name, count in outside.items() if count}, history, first, best, rules)


def _other_rules(before: Sequence[str], now: Sequence[str]) -> list[Alarm]:
    """Rewards of other rules are another goal; nothing to compare with in the first step that has a score."""
    if not before or set(now) <= set(before):
        return []
    message = (
        f"the reward server judges by other rules than before: the hash of the profile was {', '.join(before)}, now "
        f"{', '.join(now)}; rewards before and after cannot be compared"
    )
    return [Alarm("rules", message)]


def _judged_over_time(
    metrics: Mapping[str, Any],
    history: Mapping[str, Sequence[float]],
    recent: Sequence[float],
    best: float | None,
    config: MonitorConfig,
) -> dict[str, str | None]:
    """What the accuracies of several steps say; nothing in a step without a score, which adds none."""
    if _at(metrics, "accuracy") is None:
        return {"stagnation": None, "setback": None, "unsolved": None, "hacking": None}
    groups = _at(metrics, "sampling/groups_seen")
    return {
        "stagnation": _stagnates(history["format"], history["accuracy"], config.stagnation),
        "setback": _set_back(recent, best, groups, config.setback),
        "unsolved": _unsolved(history["right"], config.unsolved),
        "hacking": _hacked(history["reward"], history["right"], config.hacking),
    }


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
    if math.isnan(value):
        return f"{name} is not a number: weights or logits are broken"
    if bounds.high is not None and value > bounds.high:
        return f"{above}: {name} is {value:.4g}, its bound {bounds.high}{_why_dead(metrics, name)}"
    if bounds.low is not None and value < bounds.low:
        return f"{below}: {name} is {value:.4g}, its bound {bounds.low}"
    return ""


def _why_dead(metrics: Mapping[str, Any], name: str) -> str:
    """Groups of equal rewards are all right or all wrong: which of the two decides what to do."""
    accuracy = _at(metrics, "accuracy")
    if name != "dead_group_share" or accuracy is None:
        return ""
    if accuracy <= ALL_WRONG:
        return "; hardly any answer is right: the problems are too hard for the policy"
    if accuracy >= ALL_RIGHT:
        return "; nearly all answers are right: the problems are too easy for the policy"
    return ""


def _at(metrics: Mapping[str, Any], path: str) -> float | None:
    value: Any = metrics
    for key in path.split("/"):
        value = value.get(key) if isinstance(value, Mapping) else None
    return None if value is None else float(value)


def _extended(
    metrics: Mapping[str, Any], history: Mapping[str, Sequence[float]], config: MonitorConfig
) -> dict[str, list[float]]:
    """The newest values; series that are compared get a value of both or of neither, so that they stay side by side."""
    length, accuracy, reward = (_at(metrics, name) for name in ("length", "accuracy", "reward"))
    form = _at(metrics, f"components/{config.stagnation.component}")
    shaped, judged = form is not None and accuracy is not None, reward is not None and accuracy is not None
    judged_window = max(config.setback.window, config.unsolved.window, config.hacking.window)
    series = {
        "length": (length, config.length_drift.window),
        "format": (form if shaped else None, config.stagnation.window),
        "accuracy": (accuracy if shaped else None, config.stagnation.window),
        "right": (accuracy if judged else None, judged_window),
        "reward": (reward if judged else None, judged_window),
    }
    return {
        name: [*history.get(name, []), *([] if value is None else [value])][-window:]
        for name, (value, window) in series.items()
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
    earlier, later = _halves(accuracy)
    flat = later - earlier < config.gain and later < config.solved
    if sum(form) / len(form) < config.saturated or not flat:
        return ""
    return (
        f"{config.component} is saturated while accuracy stands still: {earlier:.3f}, then {later:.3f}, over "
        f"{config.window} steps"
    )


def _best(recent: Sequence[float], before: float | None) -> float | None:
    """The highest mean accuracy so far, of a window or, at the run's beginning, of at least two steps."""
    if len(recent) < LEAST_STEPS:
        return before
    return _mean(recent) if before is None else max(_mean(recent), before)


def _set_back(recent: Sequence[float], best: float | None, groups: float | None, config: SetbackConfig) -> str | None:
    """A drop beyond `drop`, and beyond chance: NOISE standard errors of a difference of two windows.

    The answers of a prompt are often all right or all wrong: a step with P groups has a standard error of up to
    0.5 / sqrt(P).
    """
    if best is None or len(recent) < LEAST_STEPS:
        return None
    chance = NOISE * 0.5 * math.sqrt(2 / (config.window * groups)) if groups else 0.0
    newest = _mean(recent)
    if best - newest <= max(config.drop, chance):
        return ""
    return f"accuracy is lost again: {newest:.3f} in the mean of the newest steps, {best:.3f} at its best"


def _unsolved(right: Sequence[float], config: UnsolvedConfig) -> str | None:
    newest = right[-config.window :]
    if len(newest) < config.window:
        return None
    if _mean(newest) > config.accuracy:
        return ""
    return (
        f"hardly any answer is right: accuracy {_mean(newest):.3f} over {config.window} steps; the problems are too "
        "hard for the policy, or the check cannot read its answers"
    )


def _hacked(rewards: Sequence[float], right: Sequence[float], config: HackingConfig) -> str | None:
    if len(rewards) < config.window:
        return None
    paid, known = _halves(rewards[-config.window :]), _halves(right[-config.window :])
    unearned = known[1] - known[0] <= config.accuracy_gain and known[1] < config.solved
    if paid[1] - paid[0] < config.reward_gain or not unearned:
        return ""
    return (
        f"the reward rises without accuracy: reward {paid[0]:.3f}, then {paid[1]:.3f}, accuracy {known[0]:.3f}, then "
        f"{known[1]:.3f}, over {config.window} steps"
    )


def _halves(values: Sequence[float]) -> tuple[float, float]:
    half = len(values) // 2
    return _mean(values[:half]), _mean(values[-half:])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
