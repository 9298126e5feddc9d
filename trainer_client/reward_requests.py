"""Which items go to the reward server together, and how a request that is too large becomes smaller ones. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from reward_server.wire import MAX_ITEMS, ScoreItem


def requests_of(items: Sequence[ScoreItem], size: int) -> list[Sequence[ScoreItem]]:
    """The items in requests of at most `size`; a larger group has a request of its own.

    One of more items than a server takes is cut, and loses its name as in `smaller_requests`.
    """
    parts: list[list[ScoreItem]] = []
    for group in _groups(items):
        members = group if len(group) <= MAX_ITEMS else _ungrouped(group)
        if not parts or len(parts[-1]) + len(members) > size:
            parts.append([])
        parts[-1].extend(members)
    return [part[start : start + MAX_ITEMS] for part in parts for start in range(0, len(part), MAX_ITEMS)]


def with_their_groups(items: Sequence[ScoreItem], places: Sequence[int]) -> list[int]:
    """These places, and those of all other members of their groups."""
    groups = {_group_of((place, items[place])) for place in places}
    return [place for place, item in enumerate(items) if _group_of((place, item)) in groups]


def smaller_requests(items: Sequence[ScoreItem]) -> tuple[Sequence[ScoreItem], Sequence[ScoreItem]]:
    """Two or more items as two requests, cut where two groups meet.

    A group alone is cut too, and its items lose its name: the server then says of a rule that compares completions
    that it does not apply, and never compares some of them for all.
    """
    groups = _groups(items)
    if len(groups) > 1:
        middle = len(groups) // 2
        return list(itertools.chain(*groups[:middle])), list(itertools.chain(*groups[middle:]))
    alone = _ungrouped(items)
    return alone[: len(alone) // 2], alone[len(alone) // 2 :]


def _groups(items: Sequence[ScoreItem]) -> list[list[ScoreItem]]:
    return [[item for _, item in run] for _, run in itertools.groupby(enumerate(items), _group_of)]


def _ungrouped(items: Sequence[ScoreItem]) -> list[ScoreItem]:
    return [item.model_copy(update={"group_id": None}) for item in items]


def _group_of(numbered: tuple[int, ScoreItem]) -> str | int:
    """An item without a group is alone."""
    place, item = numbered
    return place if item.group_id is None else item.group_id
