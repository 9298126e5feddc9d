"""From components to one reward."""

from __future__ import annotations

import math
from collections.abc import Mapping

from reward_server.wire import Combine, Component


def combined(components: Mapping[str, Component], combine: Combine) -> float | None:
    """The reward; components without a value take no part. None where none has one, or where the gate has none."""
    valued = {name: one.weight * one.value for name, one in components.items() if one.value is not None}
    if not valued or (combine.gate is not None and combine.gate not in valued):
        return None
    reward = combine.offset + _raw(valued, components, combine)
    return reward if combine.clip is None else min(max(reward, combine.clip[0]), combine.clip[1])


def _raw(valued: Mapping[str, float], components: Mapping[str, Component], combine: Combine) -> float:
    if combine.mode == "product":  # two punishments make no reward
        magnitude = math.prod(map(abs, valued.values()))
        return -magnitude if any(factor < 0 for factor in valued.values()) else magnitude
    if combine.gate is None:
        return sum(valued.values())
    value = components[combine.gate].value
    opened = value is not None and value >= combine.threshold
    return sum(valued.values()) if opened else valued[combine.gate]
