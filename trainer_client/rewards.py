"""Rollouts to scores: items for the wire, a thread that talks to the server while the model generates, and the rule
for rollouts that stay without a score. They are masked and counted; no reward is ever invented for them."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from reward_server.wire import ScoreItem, ScoreResult, Status
from trainer_client.config import RewardConfig
from trainer_client.errors import ConfigError, RewardsMissing
from trainer_client.reward_client import Answer, Judge, Patience, RewardClient, Unanswered
from trainer_client.types import Example, Judged, JudgedStep, RolloutGroup, RolloutScore, ScoredGroup

STEP_CHECK = "arithmetic_steps"  # the server's own check of steps, which a profile may have under any name


class RewardScorer:
    """A reward client in a thread of its own. Context manager."""

    def __init__(self, config: RewardConfig, notice: Callable[[str], None]) -> None:
        self._config = config
        self._notice = notice
        self._api_key = _api_key(config)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rewards", daemon=True)
        self._client: RewardClient | None = None

    def __enter__(self) -> RewardScorer:
        self._client = RewardClient(self._config, api_key=self._api_key, notice=self._notice)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self._close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def begin(self, label: str) -> Scoring:
        """A new round of scoring, with patience of its own. `label` begins the ids of its items."""
        return Scoring(self, label, Patience(self._config.max_wait_seconds))

    def judge(self, example: Example, completion: str) -> RolloutScore:
        """The score of one completion; waits for it."""
        item = ScoreItem(id="single", prompt=example.prompt, completion=completion, ground_truth=example.ground_truth)
        answers: list[Answer] = self.run(self.score([item], Patience(self._config.max_wait_seconds))).result()
        return rollout_score(answers[0])

    def run(self, task: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Start a coroutine in the thread."""
        return asyncio.run_coroutine_threadsafe(task, self._loop)

    async def score(
        self, items: Sequence[ScoreItem], patience: Patience, judges: set[Judge] | None = None
    ) -> list[Answer]:
        """One answer for each item; to be run in the thread."""
        if self._client is None:
            raise RuntimeError("the scorer is used outside its `with` block")
        return await self._client.score(items, patience, judges)

    async def _close(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.__aexit__(None, None, None)


class Scoring:
    """One round: groups are sent as they come, the scores are collected at the end.

    After `collect`, `judges` is who answered: more than one when the server was replaced during the round.
    """

    def __init__(self, scorer: RewardScorer, label: str, patience: Patience) -> None:
        self._scorer = scorer
        self._label = label
        self._patience = patience
        self.judges: set[Judge] = set()
        self._sent: list[tuple[Sequence[RolloutGroup], Future[list[Answer]]]] = []
        self._count = 0

    def send(self, groups: Sequence[RolloutGroup]) -> None:
        """Have these groups judged; returns at once."""
        items = [
            ScoreItem(
                id=f"{self._label}-{self._count + place}-{member}",
                group_id=f"{self._label}-{self._count + place}",
                prompt=group.prompt.example.prompt,
                completion=rollout.text,
                ground_truth=group.prompt.example.ground_truth,
                completion_tokens=len(rollout.token_ids),
                finish_reason="length" if rollout.truncated else "stop",
                think_prefilled=group.prompt.think_prefilled,
            )
            for place, group in enumerate(groups)
            for member, rollout in enumerate(group.rollouts)
        ]
        self._count += len(groups)
        self._sent.append((groups, self._scorer.run(self._scorer.score(items, self._patience, self.judges))))

    def collect(self) -> list[ScoredGroup]:
        """All groups sent, in order, with their scores. Raises RewardRejected when the server refuses."""
        scored: list[ScoredGroup] = []
        for groups, future in self._sent:
            scores = iter([rollout_score(answer) for answer in future.result()])
            scored.extend(ScoredGroup(group, tuple(next(scores) for _ in group.rollouts)) for group in groups)
        return scored


def rollout_score(answer: Answer) -> RolloutScore:
    """What an answer of the client means for training."""
    if isinstance(answer, Unanswered):
        return RolloutScore(Judged.UNSCORED, None, reason=answer.reason)
    components = _component_values(answer)
    details = {name: component.detail for name, component in answer.components.items()}
    if answer.status is Status.OK:
        steps = tuple(JudgedStep(one.component, one.start, one.end, one.value) for one in answer.step_rewards)
        flags = tuple(answer.flags)
        return RolloutScore(Judged.SCORED, answer.reward, components, flags, details=details, steps=steps)
    reason = f"{answer.error.code}: {answer.error.message}" if answer.error else ""
    judged = Judged.SKIPPED if answer.status is Status.SKIPPED else Judged.UNSCORED
    return RolloutScore(judged, None, components, tuple(answer.flags), reason, details=details)


class UnscoredWatch:
    """Ends the run when too many rollouts stay unscored for too many steps in a row; says why the first ones do."""

    def __init__(self, config: RewardConfig, notice: Callable[[str], None]) -> None:
        self._config = config
        self._notice = notice
        self._told = False
        self._bad_steps = 0

    def check(self, groups: Sequence[ScoredGroup]) -> None:
        """Look at one step. Raises RewardsMissing."""
        missing = [score for group in groups for score in group.scores if score.judged is Judged.UNSCORED]
        total = sum(len(group.scores) for group in groups)
        if missing and self._config.on_unscored == "stop":
            raise RewardsMissing(
                f"{len(missing)} of {total} rollouts stayed unscored ({missing[0].reason}) "
                "and reward.on_unscored is 'stop'"
            )
        if missing and not self._told:
            self._notice(f"{len(missing)} of {total} rollouts have no score and are left out ({missing[0].reason})")
        self._told = bool(missing)
        bad = len(missing) > self._config.max_unscored_share * total
        self._bad_steps = self._bad_steps + 1 if bad else 0
        if self._bad_steps >= self._config.max_unscored_steps:
            raise RewardsMissing(
                f"{len(missing)} of {total} rollouts stayed unscored, and this for {self._bad_steps} steps in a row; "
                f"last reason: {missing[0].reason}. Is the reward server at {self._config.url} running?"
            )


class StepWatch:
    """Ends a process-supervised run whose profile rewards no steps, before anything is learnt from their absence."""

    def __init__(self, profile: str, notice: Callable[[str], None]) -> None:
        self._profile = profile
        self._notice = notice
        self._settled = False

    def check(self, groups: Sequence[ScoredGroup]) -> None:
        """Look at one step, until one had step rewards. Raises ConfigError where no component can give any.

        A component without a value may be a check of steps that found none: that is told once, and waited for.
        """
        scores = [score for group in groups for score in group.scores if score.judged is Judged.SCORED]
        if self._settled or not scores:
            return
        self._settled = True
        if any(score.steps for score in scores):
            return
        names = sorted({name for score in scores for name in score.components})
        told = f"no step of {len(scores)} completions got a reward from profile {self._profile!r} ({', '.join(names)})"
        valued = all(value is not None for score in scores for value in score.components.values())
        if valued and STEP_CHECK not in names:
            raise ConfigError(
                f"rl.advantage.process learns from the rewards of single steps, but {told}: add a check that judges "
                f"steps, such as {STEP_CHECK}, to the profile, or leave rl.advantage.process out"
            )
        self._notice(f"{told}: process supervision has nothing to learn from yet; is there a check that judges steps?")


def _component_values(result: ScoreResult) -> dict[str, float | None]:
    return {
        name: component.value if component.status is Status.OK else None
        for name, component in result.components.items()
    }


def _api_key(config: RewardConfig) -> str | None:
    if config.api_key_env is None:
        return None
    key = os.environ.get(config.api_key_env)
    if not key:
        raise ConfigError(f"reward.api_key_env names {config.api_key_env}, which is not set")
    return key
