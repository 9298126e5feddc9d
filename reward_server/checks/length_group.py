"""`kimi_length`: is the completion short or long among those of the same prompt?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, Group, Params, ShapedParams, Verdict
from reward_server.text.units import NO_TOKENS, Length, UnitChoice, length_of, lengths_of

NO_GROUP = "the completion is compared with others of its prompt: send `group_id`, the same for all of them"
ALONE = "the group has one member, so there is nothing to compare its length with"
UNDECIDED = "`correct_by` has no value, so it is not known whether the answer is right"


class GroupLengthParams(ShapedParams):
    unit: UnitChoice = Field(
        default="auto",
        description="of the length; auto: tokens where all of the group say how many, else characters for all",
    )


class GroupLength(AnswerCheck):
    """Shortest and longest are those of the prompt's group, whatever else is in the request."""

    name: ClassVar[str] = "kimi_length"
    description: ClassVar[str] = (
        "0.5 - (length - shortest) / (longest - shortest) within the group of the prompt; for a wrong answer at most 0"
    )
    source: ClassVar[str] = "Kimi k1.5 (arXiv:2501.12599) section 2.3.3, length reward"
    params: ClassVar[type[Params]] = GroupLengthParams
    range: ClassVar[tuple[float, float]] = (-0.5, 0.5)
    detail: ClassVar[Mapping[str, str]] = {
        "length": "the length of the completion",
        "unit": "what it is counted in: tokens, words or characters; one for the whole group",
        "shortest": "the length of the shortest completion of the group",
        "longest": "that of the longest",
    }
    needs_group: ClassVar[bool] = True
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [
            {"check": "exact"},
            {"check": "kimi_length", "weight": 0.5, "params": {"correct_by": "exact"}},
        ],
        "items": [
            {"group_id": "p1", "completion": "4", "ground_truth": "4", "completion_tokens": 100},
            {"group_id": "p1", "completion": "4", "ground_truth": "4", "completion_tokens": 300},
            {"group_id": "p1", "completion": "5", "ground_truth": "4", "completion_tokens": 100},
        ],
    }

    def judge(self, item: CheckInput, params: GroupLengthParams) -> Verdict:
        if item.group is None:
            return _none(NO_GROUP)
        if len(item.group.members) < 2:
            return _none(ALONE)
        extent = _extent(item.group, params.unit)
        length = None if extent is None else length_of(item, extent[0].unit)
        if extent is None or length is None:
            return _none(NO_TOKENS)
        detail = {
            "length": length.count,
            "unit": length.unit,
            "shortest": extent[0].count,
            "longest": extent[1].count,
        }
        if item.right is None:
            return Verdict(None, detail, reason=UNDECIDED)
        value = _value(length.count, extent[0].count, extent[1].count)
        return Verdict(value if item.right else min(0.0, value), detail)


def _extent(group: Group, unit: UnitChoice) -> tuple[Length, Length] | None:
    """The shortest and the longest length of the group, found once for all its members; None without tokens."""
    key = ("kimi_length", unit)
    if key not in group.kept:
        lengths = lengths_of(group.members, unit)
        by_count = sorted(lengths, key=lambda length: length.count) if lengths else []
        group.kept[key] = (by_count[0], by_count[-1]) if by_count else None
    extent: tuple[Length, Length] | None = group.kept[key]
    return extent


def _value(length: int, shortest: int, longest: int) -> float:
    return 0.0 if shortest == longest else 0.5 - (length - shortest) / (longest - shortest)


def _none(reason: str) -> Verdict:
    return Verdict(None, {"length": None, "unit": None, "shortest": None, "longest": None}, reason=reason)
