"""Prompts to scored groups: the sampler draws batch after batch while the reward server judges the ones before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trainer_client.ranks import Ranks, joined
from trainer_client.rewards import Scoring
from trainer_client.sampler.base import Sampler
from trainer_client.types import Prompt, ScoredGroup


@dataclass(frozen=True, slots=True)
class Collected:
    """Scored groups in the order of their prompts. `reward_seconds` is what was waited after the last token.

    `rules` are the hashes of the rules that judged, more than one when the server was replaced meanwhile.
    """

    groups: list[ScoredGroup]
    generate_seconds: float
    reward_seconds: float
    rules: frozenset[str] = frozenset()


def collect_rollouts(
    sampler: Sampler, scoring: Scoring, prompts: Sequence[Prompt], group: int, batch_rows: int, policy_version: int
) -> Collected:
    """`group` sampled completions of each prompt, with their scores. Each batch is sent as soon as it is complete."""
    start = time.perf_counter()
    for batch in generation_batches(prompts, group, batch_rows):
        scoring.send(sampler.sample(batch, group, policy_version))
    return _collected(scoring, start)


def collect_greedy(
    sampler: Sampler, scoring: Scoring, prompts: Sequence[Prompt], batch_rows: int, policy_version: int
) -> Collected:
    """The most likely completion of each prompt, with its score."""
    start = time.perf_counter()
    for batch in generation_batches(prompts, 1, batch_rows):
        scoring.send(sampler.greedy(batch, policy_version))
    return _collected(scoring, start)


def shared_out(ranks: Ranks, collect: Callable[[], Collected]) -> Collected:
    """The groups of all ranks in the order of the prompts, of which each collects its own share (`Ranks.own`).

    Raises on every rank what `collect` raised on one. The seconds are those of the slowest.
    """
    parts = ranks.each(collect)
    return Collected(
        joined([part.groups for part in parts]),
        max(part.generate_seconds for part in parts),
        max(part.reward_seconds for part in parts),
        frozenset().union(*(part.rules for part in parts)),
    )


def generation_batches(prompts: Sequence[Prompt], group: int, batch_rows: int) -> Iterator[Sequence[Prompt]]:
    """Slices of prompts whose completions are at most `batch_rows` rows; at least one prompt each."""
    size = max(batch_rows // group, 1)
    for start in range(0, len(prompts), size):
        yield prompts[start : start + size]


def _collected(scoring: Scoring, start: float) -> Collected:
    generated = time.perf_counter()
    groups = scoring.collect()
    rules = frozenset(judge.profile_hash for judge in scoring.judges)
    return Collected(groups, generated - start, time.perf_counter() - generated, rules)
