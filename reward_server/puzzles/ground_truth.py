"""A puzzle out of the wrappings of data sets: JSON in text, a verl row, a row of reasoning-gym."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.layers import unwrapped

WRAPPERS = ("reward_model", "ground_truth", "metadata", "extra_info")
MAX_WRAPPERS = 6


def puzzle_fields(ground_truth: Any, keys: Collection[str], what: str) -> dict[str, Any]:
    """The object that has one of the keys, wherever it is wrapped. Raises GroundTruthInvalid."""
    value = unwrapped(ground_truth, what)
    for _ in range(MAX_WRAPPERS):
        if not isinstance(value, dict):
            break
        if any(value.get(key) is not None for key in keys):
            return value
        inner = next((value[key] for key in WRAPPERS if value.get(key) is not None), None)
        if inner is None:
            break
        value = unwrapped(inner, what)
    raise GroundTruthInvalid(f"expected {what}: an object with one of {', '.join(sorted(keys))}, got {_kind(value)}")


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with {', '.join(sorted(str(key) for key in value)[:6]) or 'nothing in it'}"
    return "a list" if isinstance(value, list) else type(value).__name__
