"""A curriculum by measured difficulty: problems are drawn by how often the policy solves them now.

The weight of a problem with pass rate p is p(1-p), the variance of a right-or-wrong reward: without variance a group
teaches nothing. Source: Rutherford et al. 2024 (arXiv:2408.15099), learnability; Foster and Foerster 2025
(arXiv:2502.12272), the same for language models. With `hard` it is 1-p: Kimi k1.5 (arXiv:2501.12599),
prioritized sampling.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer_client.config.data import CurriculumConfig
from trainer_client.data.pass_rates import PassRate
from trainer_client.errors import DataError
from trainer_client.types import Example, Judged, ScoredGroup

Floats = NDArray[np.float64]

PRIOR_RATE = 0.5
RIGHT = 1.0


class Curriculum:
    """A stream that draws by weight, without repetition as long as a draw is no larger than the data.

    A problem passes when `component` of a scored completion is 1, as in evaluations. Ids must differ: they are what
    is remembered. The draws depend on the seed, the number of draws so far and what was observed; `state` holds all.
    Weights of one draw are those of its beginning.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        config: CurriculumConfig,
        seed: int,
        component: str,
        start: Mapping[str, PassRate] | None = None,
    ) -> None:
        self._examples = examples
        self._config = config
        self._seed = seed
        self._component = component
        self._place = {example.id: place for place, example in enumerate(examples)}
        if len(self._place) < len(examples):
            raise DataError(
                f"{len(examples) - len(self._place)} of {len(examples)} problems share an id with another, and "
                "data.curriculum remembers problems by their id: leave data.fields.id out, so that rows are numbered"
            )
        self._passes = np.zeros(len(examples))
        self._samples = np.zeros(len(examples))
        self._draws = 0
        self.cursor = 0
        self._begin_with(start or {})

    def take(self, count: int) -> list[Example]:
        """The next `count` examples: different ones, until all have been drawn and it begins again."""
        taken: list[int] = []
        while len(taken) < count:
            wanted = min(count - len(taken), len(self._examples))
            taken.extend(self._draw(wanted))
        self.cursor += count
        return [self._examples[place] for place in taken]

    def observe(self, groups: Sequence[ScoredGroup]) -> None:
        """Count the scored completions of each group; the earlier counts of its problem fade to their `memory`."""
        for group in groups:
            place = self._place.get(group.group.prompt.example.id)
            values = [score.components.get(self._component) for score in group.scores if score.judged is Judged.SCORED]
            judged = [value for value in values if value is not None]
            if place is None or not judged:
                continue
            passed = sum(value == RIGHT for value in judged)
            self._passes[place] = self._config.memory * self._passes[place] + passed
            self._samples[place] = self._config.memory * self._samples[place] + len(judged)

    def state(self) -> dict[str, Any]:
        """Plain values: the cursor, the number of draws, and the counts of every problem that was measured."""
        measured = {name: place for name, place in self._place.items() if self._samples[place] > 0}
        return {
            "cursor": self.cursor,
            "draws": self._draws,
            "passes": {name: float(self._passes[place]) for name, place in measured.items()},
            "samples": {name: float(self._samples[place]) for name, place in measured.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; counts of problems that are no longer in the data are forgotten."""
        self.cursor, self._draws = int(state["cursor"]), int(state["draws"])
        self._passes[:], self._samples[:] = 0.0, 0.0
        for name, samples in state["samples"].items():
            if name in self._place:
                self._samples[self._place[name]] = float(samples)
                self._passes[self._place[name]] = float(state["passes"][name])

    def pass_rates(self) -> dict[str, PassRate]:
        """What was measured, by id; the rate is without the prior."""
        return {
            name: PassRate(float(self._passes[place] / self._samples[place]), float(self._samples[place]))
            for name, place in self._place.items()
            if self._samples[place] > 0
        }

    def _begin_with(self, start: Mapping[str, PassRate]) -> None:
        for name, measured in start.items():
            if name in self._place:
                self._samples[self._place[name]] = measured.samples
                self._passes[self._place[name]] = measured.rate * measured.samples

    def _draw(self, count: int) -> list[int]:
        weights = draw_weights(smoothed(self._passes, self._samples, self._config.prior_samples), self._config)
        rng = np.random.default_rng([self._seed, zlib.crc32(b"curriculum"), self._draws])
        self._draws += 1
        return weighted_places(weights, count, rng)


def smoothed(passes: Floats, samples: Floats, prior_samples: float) -> Floats:
    """Pass rates [N] in 0..1: the counts with `prior_samples` more, half of which passed."""
    rates: Floats = (passes + PRIOR_RATE * prior_samples) / (samples + prior_samples)
    return rates


def draw_weights(rates: Floats, config: CurriculumConfig) -> Floats:
    """Weights [N] in floor..1 of pass rates [N]: 4p(1-p), or 1-p, and never less than the floor."""
    weights = 4 * rates * (1 - rates) if config.favour == "middling" else 1 - rates
    floored: Floats = np.maximum(weights, config.floor)
    return floored


def weighted_places(weights: Floats, count: int, rng: np.random.Generator) -> list[int]:
    """`count` different places, each next one drawn in proportion to the weights [N] of those that are left.

    The places of the smallest E/w, with E exponential. Source: Efraimidis and Spirakis 2006 (doi:10.1016/
    j.ipl.2005.11.003), algorithm A, in logarithms.
    """
    keys = rng.standard_exponential(len(weights)) / weights
    nearest = np.argpartition(keys, count - 1)[:count]
    return [int(place) for place in nearest[np.argsort(keys[nearest], kind="stable")]]
