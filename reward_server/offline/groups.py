"""Which rows of a file are judged together: one by one, or all of a group, where checks compare them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reward_server.errors import ConfigError
from reward_server.wire import MAX_ITEMS, InvalidItem, ScoreItem

Item = ScoreItem | InvalidItem


@dataclass(frozen=True)
class Batch:
    """Items that are judged together, and how many of their results are there already."""

    items: Sequence[Item]
    done: int = 0


def batches(items: Iterable[Item], done: int, *, together: bool) -> Iterator[Batch]:
    """The items behind the first `done`: one by one, or `together` with all of the same group that follow each other.

    A group that a killed run left in its middle is judged again as a whole, or it would be another group.
    """
    if not together:
        yield from (Batch([item]) for item in itertools.islice(items, done, None))
        return
    seen = 0
    for _, members in itertools.groupby(_with_group(items), key=lambda pair: pair[0]):
        batch = [item for _, item in members]
        seen += len(batch)
        if seen > done:
            yield Batch(batch, done=max(0, done - (seen - len(batch))))


def require_whole_groups(items: Iterable[Item]) -> None:
    """Raises ConfigError for a group in several places, or larger than a request may be: judged in parts, its members
    would get other rewards. Needs memory for the number of groups.
    """
    closed: set[int] = set()
    for group, members in itertools.groupby(_with_group(items), key=lambda pair: pair[0]):
        if isinstance(group, int):
            continue
        rows = sum(isinstance(item, ScoreItem) for _, item in members)
        if rows > MAX_ITEMS:
            raise ConfigError(
                f"group {group[:80]!r} has {rows:,} rows, expected at most {MAX_ITEMS:,}: the profile compares all "
                "of a group with each other; is the `group_id` the one of the prompt (--map group_id=…)?"
            )
        if hash(group) in closed:
            raise ConfigError(
                f"the rows of group {group[:80]!r} are in several places, expected next to each other: the profile "
                "compares the rows of a group; sort the file by it"
            )
        closed.add(hash(group))


def _with_group(items: Iterable[Item]) -> Iterator[tuple[str | int, Item]]:
    """A row without a group is alone. One that does not fit says none, and so belongs to the row before it."""
    group: str | int = -1
    for index, item in enumerate(items):
        if isinstance(item, ScoreItem):
            group = index if item.group_id is None else item.group_id
        yield group, item
