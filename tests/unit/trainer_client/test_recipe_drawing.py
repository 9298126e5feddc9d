"""Portions of judged completions: the same whenever they are drawn, and judged by one set of rules."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.unit.trainer_client.stand_in import StandIn
from trainer_client.config import RewardConfig, SamplerConfig
from trainer_client.config.data import AdditionConfig
from trainer_client.config.recipes import ProblemsConfig
from trainer_client.errors import ConfigError, RewardsMissing
from trainer_client.interrupts import Interrupts
from trainer_client.model import LanguageModel
from trainer_client.recipes.drawing import Drawing, longest_prompt, same_rules
from trainer_client.recipes.problems import open_problems
from trainer_client.reward_client import Judge
from trainer_client.rewards import RewardScorer
from trainer_client.types import Judged, RolloutGroup, RolloutScore, ScoredGroup

PROBLEMS = ProblemsConfig(
    addition=AdditionConfig(terms=2, max_number=20, train_problems=20, held_out_problems=12, slip_share=0.0)
)
SAMPLER = SamplerConfig(max_new_tokens=6, batch_rows=8)
OLD, NEW = Judge("1", "p", "sha256:old"), Judge("2", "p", "sha256:new")


@dataclass
class Round:
    """Scores as told, by the judges told."""

    judges: set[Judge]
    judged: list[Judged]
    sent: list[RolloutGroup] = field(default_factory=list)

    def send(self, groups: list[RolloutGroup]) -> None:
        self.sent += groups

    def collect(self) -> list[ScoredGroup]:
        kinds = iter(self.judged * 1000)
        return [ScoredGroup(group, tuple(_score(next(kinds)) for _ in group.rollouts)) for group in self.sent]


def _score(judged: Judged) -> RolloutScore:
    return RolloutScore(judged, 1.0 if judged is Judged.SCORED else None, reason="made to fail")


class Rounds:
    """A scorer whose rounds are judged as told, one after the other; the last one is repeated."""

    def __init__(self, *rounds: tuple[set[Judge], list[Judged]]) -> None:
        self._rounds = list(rounds)
        self.begun: list[Round] = []

    def begin(self, label: str) -> Round:
        judges, judged = self._rounds.pop(0) if len(self._rounds) > 1 else self._rounds[0]
        self.begun.append(Round(set(judges), judged))
        return self.begun[-1]


FINE = ({OLD}, [Judged.SCORED])


def drawing(model: LanguageModel, scorer: Any, interrupts: Interrupts | None = None, **settings: Any) -> Drawing:
    quiet = interrupts or Interrupts(lambda text: None)
    reward = RewardConfig.model_validate(settings.pop("reward", {}))
    problems = PROBLEMS.model_copy(update=settings)
    return Drawing(model, open_problems(problems), problems, SAMPLER, reward, scorer, quiet, seed=1, samples=2)


def texts(portions: Iterator[Any]) -> list[str]:
    return [rollout.text for portion in portions for group in portion.groups for rollout in group.group.rollouts]


def test_portion_depends_on_where_it_begins_alone(tiny_model: LanguageModel) -> None:
    whole = texts(drawing(tiny_model, Rounds(FINE)).portions(0))
    later = texts(drawing(tiny_model, Rounds(FINE)).portions(4))
    assert len(whole) == 12 * 2
    assert later == whole[4 * 2 :]
    assert len(set(whole)) > 12


def test_what_two_servers_judged_between_them_is_judged_again(tiny_model: LanguageModel) -> None:
    scorer = Rounds(({OLD, NEW}, [Judged.SCORED]), ({NEW}, [Judged.SCORED]))
    portion = next(drawing(tiny_model, scorer).portions(8))
    assert portion.judge == NEW
    assert len(scorer.begun) == 2
    assert scorer.begun[0].sent == scorer.begun[1].sent


def test_server_that_keeps_changing_ends_the_run(tiny_model: LanguageModel) -> None:
    with pytest.raises(RewardsMissing, match="keeps changing"):
        next(drawing(tiny_model, Rounds(({OLD, NEW}, [Judged.SCORED]))).portions(8))


@pytest.mark.parametrize(
    ("judged", "reward", "ends"),
    [
        ([Judged.UNSCORED, Judged.UNSCORED, Judged.SCORED], {}, True),
        ([Judged.UNSCORED, Judged.SCORED, Judged.SCORED, Judged.SCORED], {}, False),
        ([Judged.UNSCORED, Judged.SCORED, Judged.SCORED, Judged.SCORED], {"on_unscored": "stop"}, True),
        ([Judged.SKIPPED], {"on_unscored": "stop"}, False),
    ],
)
def test_portion_with_too_little_judged_is_never_given(
    tiny_model: LanguageModel, judged: list[Judged], reward: dict[str, Any], ends: bool
) -> None:
    portions = drawing(tiny_model, Rounds(({OLD}, judged)), reward=reward).portions(8)
    if ends:
        with pytest.raises(RewardsMissing, match="Nothing of them was written"):
            next(portions)
    else:
        assert len(next(portions).groups) == 4


def test_signal_ends_the_stream_after_what_is_at_hand(tiny_model: LanguageModel) -> None:
    told: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with Interrupts(told.append) as interrupts:
        portions = drawing(tiny_model, Rounds(FINE), interrupts).portions(0)
        first = next(portions)
        signal.raise_signal(signal.SIGINT)
        rest = list(portions)
        with pytest.raises(KeyboardInterrupt):
            interrupts.obey()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert [portion.position for portion in (first, *rest)] == [4, 8]
    assert len(told) == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_prompts_that_do_not_fit_are_counted(tiny_model: LanguageModel) -> None:
    portions = list(drawing(tiny_model, Rounds(FINE), max_prompt_tokens=4).portions(0))
    short = sum(len(portion.groups) for portion in portions)
    assert portions[-1].position == 12
    assert 0 < short < 12
    assert sum(portion.too_long for portion in portions) == 12 - short


def test_longest_completion_must_fit_the_model(tiny_model: LanguageModel) -> None:
    assert longest_prompt(tiny_model, 1024, 56) == 200
    assert longest_prompt(tiny_model, 10, 56) == 10
    with pytest.raises(ConfigError, match="256 positions"):
        longest_prompt(tiny_model, 10, 256)


def test_rules_that_change_between_portions_end_the_run() -> None:
    assert same_rules(None, OLD) == "sha256:old"
    assert same_rules("sha256:old", None) == "sha256:old"
    assert same_rules("sha256:old", Judge("another version", "p", "sha256:old")) == "sha256:old"
    with pytest.raises(ConfigError, match="two sets of rules"):
        same_rules("sha256:old", NEW)


def test_round_tells_who_judged_and_what_was_read(tiny_model: LanguageModel, stand_in: StandIn) -> None:
    config = RewardConfig(url=stand_in.url)
    with RewardScorer(config, lambda text: None) as scorer:
        portion = next(drawing(tiny_model, scorer).portions(8))
    assert portion.judge == Judge("stand-in", "r1-zero-math", "sha256:0")
    assert set(portion.groups[0].scores[0].details) == {"math", "format"}
