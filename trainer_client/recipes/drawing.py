"""Completions of a stream of problems, drawn and judged portion by portion, at constant memory.

While the server judges a portion, the model draws the next one. The random numbers of a portion depend on the seed and
on where it begins, and on nothing before it: a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trainer_client.config import RewardConfig, SamplerConfig
from trainer_client.config.recipes import ProblemsConfig
from trainer_client.data import PromptBuilder
from trainer_client.errors import ConfigError, RewardsMissing
from trainer_client.interrupts import Interrupts
from trainer_client.model import LanguageModel
from trainer_client.recipes.problems import fits, prompt_builder
from trainer_client.reward_client import Judge
from trainer_client.rewards import RewardScorer, Scoring
from trainer_client.sampler.hf import TransformersSampler
from trainer_client.types import Example, Judged, RolloutGroup, ScoredGroup

SECOND_OPINIONS = 3
# What may differ on resume: how the server is reached, not how it judges.
REACHING: tuple[str, ...] = (
    "run.",
    "reward.url",
    "reward.api_key_env",
    "reward.batch_items",
    "reward.concurrency",
    "reward.deadline_ms",
)
REACHING += ("reward.timeout_seconds", "reward.backoff_seconds", "reward.max_", "reward.on_unscored")


@dataclass(frozen=True, slots=True)
class Portion:
    """Judged groups; `position` problems of the stream are done with it, `too_long` of its own were left out."""

    position: int
    groups: list[ScoredGroup]
    too_long: int
    judge: Judge | None


@dataclass(frozen=True, slots=True)
class _Sent:
    position: int
    groups: list[RolloutGroup]
    too_long: int
    scoring: Scoring


class Drawing:
    """A model that answers problems and a server that judges the answers. `samples` answers each, or a greedy one."""

    def __init__(
        self,
        model: LanguageModel,
        problems: Sequence[Example],
        text: ProblemsConfig,
        sampler: SamplerConfig,
        reward: RewardConfig,
        scorer: RewardScorer,
        interrupts: Interrupts,
        seed: int,
        samples: int,
        greedy: bool = False,
    ) -> None:
        self._problems, self._reward, self._scorer, self._interrupts = problems, reward, scorer, interrupts
        self._seed, self._samples, self._greedy = seed, samples, greedy
        self._sampler = TransformersSampler(model, sampler, seed)
        self._builder: PromptBuilder = prompt_builder(text, model.tokenizer)
        self._size = max(sampler.batch_rows // samples, 1)
        self._limit = longest_prompt(model, text.max_prompt_tokens, sampler.max_new_tokens)

    def portions(self, start: int) -> Iterator[Portion]:
        """The portions from problem `start` on, each judged; ends early, after what is at hand, when interrupted.

        Raises RewardsMissing before it gives a portion with too little judged, so that nothing of it is written.
        """
        pending: _Sent | None = None
        while not self._interrupts.asked and start < len(self._problems):
            sent = self._send(self._problems[start : start + self._size], start)
            start = sent.position
            if pending is not None:
                yield self._collect(pending)
            pending = sent
        if pending is not None:
            yield self._collect(pending)

    def _send(self, examples: Sequence[Example], start: int) -> _Sent:
        prompts = [self._builder.prompt(example) for example in examples]
        fitting = [prompt for prompt in prompts if fits(prompt, self._limit)]
        self._sampler.generator.manual_seed(portion_seed(self._seed, start))
        groups: list[RolloutGroup] = []
        if fitting:
            greedy = self._greedy
            groups = self._sampler.greedy(fitting, 0) if greedy else self._sampler.sample(fitting, self._samples, 0)
        scoring = self._scorer.begin(f"p{start}")
        if groups:
            scoring.send(groups)
        return _Sent(start + len(examples), groups, len(prompts) - len(fitting), scoring)

    def _collect(self, sent: _Sent) -> Portion:
        """The scores, all by the same rules: what two servers judged between them is judged again."""
        scoring, groups = sent.scoring, sent.scoring.collect()
        for opinion in range(SECOND_OPINIONS):
            if len(scoring.judges) <= 1:
                break
            scoring = self._scorer.begin(f"p{sent.position}-again{opinion}")
            scoring.send(sent.groups)
            groups = scoring.collect()
        if len(scoring.judges) > 1:
            raise RewardsMissing("the reward server keeps changing while it judges; let it settle, then --resume")
        _check_missing(groups, self._reward)
        return Portion(sent.position, groups, sent.too_long, next(iter(scoring.judges), None))


def longest_prompt(model: LanguageModel, wanted: int, max_new_tokens: int) -> int:
    """The most tokens that a prompt may have, so that the longest completion still fits. Raises ConfigError."""
    room = model.positions
    if room is None:
        return wanted
    if room <= max_new_tokens:
        raise ConfigError(f"sampler.max_new_tokens is {max_new_tokens}, but the model has {room} positions: lower it")
    return min(wanted, int(room) - max_new_tokens)


def portion_seed(seed: int, start: int) -> int:
    """The seed of the portion that begins at problem `start`."""
    return int(hashlib.sha256(f"{seed}:{start}".encode()).hexdigest()[:15], 16)


def same_rules(known: str | None, judge: Judge | None) -> str | None:
    """The hash of the rules of a run, known before or from this judge. Raises ConfigError when they differ."""
    if judge is None:
        return known
    if known is not None and judge.profile_hash != known:
        raise ConfigError(
            f"the run was judged by rules {known}, the server's profile {judge.profile!r} is now {judge.profile_hash}: "
            "two sets of rules do not belong in one file. Give the server the old profile, or start a new run"
        )
    return judge.profile_hash


def _check_missing(groups: list[ScoredGroup], config: RewardConfig) -> None:
    scores = [score for group in groups for score in group.scores]
    missing = [score for score in scores if score.judged is Judged.UNSCORED]
    allowed = 0.0 if config.on_unscored == "stop" else config.max_unscored_share * len(scores)
    if len(missing) > allowed:
        raise RewardsMissing(
            f"{len(missing)} of {len(scores)} completions stayed unscored ({missing[0].reason}). Is the reward server "
            f"at {config.url} running? Nothing of them was written; go on with --resume"
        )
