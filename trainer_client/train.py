"""The run from start to end, and the only loops: cold start, then reinforcement learning. `__main__` alone imports it.

One step of reinforcement learning:
    prompts [P] -> sampler -> groups [P, G] -> reward server -> scores [P, G]     gather
                -> rows [B, T] -> old policy, reference, values [B, T]            measured
                -> rewards, kept members -> advantages [B, T]                     lesson_of
                -> loss -> optimizer -> policy version + 1                        update_policy
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from trainer_client.announce import opening_lines
from trainer_client.batching import rollout_batch
from trainer_client.config import TrainConfig
from trainer_client.control import adapted, current_entropy_coef
from trainer_client.display import Display, silent_display
from trainer_client.errors import RankLost, RewardError
from trainer_client.fingerprint import fingerprint
from trainer_client.gather import gather
from trainer_client.groups import scored_rows
from trainer_client.interrupts import Stopped
from trainer_client.learner import Learner, Rates
from trainer_client.lesson import lesson_of
from trainer_client.measure import measured
from trainer_client.metrics import (
    control_metrics,
    critic_metrics,
    learning_metrics,
    sampled_tokens,
    sampling_metrics,
    score_metrics,
    text_metrics,
    timing_metrics,
)
from trainer_client.monitor import Alarm, examined
from trainer_client.optim import learning_rate
from trainer_client.progress import Controls, Stage
from trainer_client.ranks import open_ranks
from trainer_client.report import Summary, summary_lines, write_report
from trainer_client.rewards import RewardScorer
from trainer_client.run_dir import (
    FINAL_MODEL,
    alone_in,
    changed_settings,
    changed_sources,
    open_run_dir,
    write_config,
)
from trainer_client.session import Session
from trainer_client.sft import sft_step
from trainer_client.types import ScoredGroup
from trainer_client.update import UpdateResult, update_policy


def train(config: TrainConfig) -> Summary:
    """Do what the configuration says, or go on with it; returns and prints the summary."""
    started = time.perf_counter()
    with ExitStack() as lock, open_ranks(config.reward.max_wait_seconds + config.run.rank_wait_seconds) as ranks:
        directory = ranks.first(lambda: open_run_dir(config))
        ranks.first(lambda: lock.enter_context(alone_in(directory)))
        made_from = ranks.first(lambda: {key: fingerprint(path) for key, path in config.data.files.items()})
        changes = ranks.first(lambda: told_changes(directory, config, made_from))
        with (
            Display() if ranks.is_first else silent_display() as display,
            RewardScorer(config.reward, display.notice) as scorer,
            closing(Session(config, directory, scorer, display, ranks)) as session,
        ):
            begin(session, changes, made_from)
            with session.interrupts:
                learn(session)
                summary = ranks.first(lambda: finish(session, started))
    if ranks.is_first:
        print("\n".join(summary_lines(summary)))
    return summary


def told_changes(directory: Path, config: TrainConfig, made_from: Mapping[str, str]) -> list[str]:
    """What is not as it was when the run was last started; raises for what has to be: see `changed_settings`."""
    if not config.resume:
        return []
    other = [f"what lies under {key}" for key in changed_sources(directory, made_from)]
    return changed_settings(directory, config) + other


def begin(session: Session, changes: Sequence[str], made_from: Mapping[str, str]) -> None:
    """Tell what is new and what will be done, and write down the settings."""
    config, directory, ranks = session.config, session.directory, session.ranks
    for change in changes:
        session.display.notice(f"changed since the run began: {change}")
    ranks.first(lambda: write_config(directory, config, made_from))
    if config.rl.steps:
        session.display.notice("\n".join(opening_lines(config.preset, config.rl)))


def learn(session: Session) -> None:
    """Both stages. What ends them where a step is whole, or not yet begun, leaves a checkpoint of the last whole one.

    Raises RewardError and RankLost as they came, and KeyboardInterrupt, saying how to go on, for the first Ctrl-C or
    SIGTERM; another rank that a signal ended first is lost for that reason.
    """
    try:
        cold_start(session)
        reinforce(session)
    except (RewardError, RankLost, Stopped) as end:
        if not session.whole:  # a rank was lost between the parts of an update
            raise
        session.save()
        reached = f"{session.progress.stage.value} step {session.progress.step}"
        if isinstance(end, Stopped) or (isinstance(end, RankLost) and session.interrupts.asked):
            told = f"interrupted after {reached}, of which there is a checkpoint: go on with --resume"
            raise KeyboardInterrupt(told) from None
        session.display.notice(f"{reached} was the last whole one; there is a checkpoint of it: go on with --resume")
        raise


def cold_start(session: Session) -> None:
    """The steps of supervised fine-tuning that are still to be done."""
    config = session.config.sft
    if session.progress.stage is not Stage.SFT:
        return
    optimizer = session.open_optimizer(Stage.SFT)
    for step in range(session.progress.step + 1, config.steps + 1):
        session.obey()
        started = time.perf_counter()
        prompts = session.as_prompts(session.sft_data.take(config.batch))
        rate = learning_rate(config.optim, step, config.steps)
        session.whole = False
        result = sft_step(session.model, optimizer, prompts, config, rate, session.ranks)
        bad = session.progress.bad_gradients + (not result.taken)
        session.advance(step=step, sft_cursor=session.sft_data.cursor, bad_gradients=bad)
        metrics = result.metrics() | {"lr": rate, "seconds": {"total": time.perf_counter() - started}}
        session.display.step(session.log.step(Stage.SFT, step, metrics), config.steps)
        session.save_if_due(config.steps)
    session.begin_rl()


def reinforce(session: Session) -> None:
    """The steps of reinforcement learning that are still to be done, with evaluations before, between and after."""
    steps = session.config.rl.steps
    learner = session.open_learner()
    session.evaluate_if_due()
    if session.progress.step == 0:
        session.save()
    for step in range(session.progress.step + 1, steps + 1):
        session.obey()
        metrics, alarms = rl_step(session, learner, step)
        session.refresh_reference()
        session.display.step(session.log.step(Stage.RL, step, metrics), steps)
        session.evaluate_if_due()
        session.heed(alarms)
        session.save_if_due(steps)


def rl_step(session: Session, learner: Learner, step: int) -> tuple[dict[str, Any], list[Alarm]]:
    """One step of reinforcement learning; returns its metrics and the alarms that they raise."""
    config, progress, component = session.config.rl, session.progress, session.config.evaluation.accuracy_component
    started = time.perf_counter()
    with session.interrupts.at_once():
        gathered = gather(session.draw(step), config.prompts, config.selection.dynamic_sampling, component)
    session.check_scores(step, gathered)

    updating, rates = time.perf_counter(), session.rates(step)
    result, controls = learn_from(session, learner, gathered.groups, rates)
    ended = time.perf_counter()

    tokens = progress.sampled_tokens + sampled_tokens(gathered.seen)
    metrics = (
        score_metrics(gathered.seen, component)
        | text_metrics(gathered.seen)
        | sampling_metrics(gathered, tokens)
        | learning_metrics(result, rates, progress.policy_version)
        | critic_metrics(result, rates)
        | control_metrics(progress.controls, config.loss)
        | timing_metrics(gathered, ended - updating, ended - started)
    )
    alarms, health = examined(metrics, progress.health, session.config.monitor)
    session.rl_data.observe(gathered.seen)
    session.advance(
        step=step,
        rl_cursor=session.rl_data.cursor,
        policy_version=progress.policy_version + result.steps,
        bad_gradients=progress.bad_gradients + result.skipped_steps,
        sampled_tokens=tokens,
        controls=controls,
        health=health,
    )
    return metrics | {"alarms": [alarm.message for alarm in alarms]}, alarms


def learn_from(
    session: Session, learner: Learner, groups: Sequence[ScoredGroup], rates: Rates
) -> tuple[UpdateResult, Controls]:
    """Groups to optimizer steps; without a group there are none. Returns what they did and the next step's controls."""
    config, controls = session.config.rl, session.progress.controls
    if not groups:
        return UpdateResult(), controls
    batch = rollout_batch(groups, session.model.pad_id)
    batch = measured(learner, batch, scored_rows(groups), config)
    lesson = lesson_of(groups, batch, config, controls)
    entropy_coef = current_entropy_coef(controls, config.loss)
    session.whole = False
    result = update_policy(learner, lesson.batch, config, rates, entropy_coef)
    rows = int(lesson.members.sum())
    return result, adapted(controls, config.loss, result.sums, lesson.reward_kl, rows, lesson.window)


def finish(session: Session, started: float) -> Summary:
    """Write the model and the report."""
    model_dir = session.directory / FINAL_MODEL
    session.model.save(model_dir)
    bad = session.progress.bad_gradients
    return write_report(session.directory, session.log.records(), model_dir, bad, time.perf_counter() - started)
