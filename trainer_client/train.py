"""The run from start to end, and the only loops: cold start, then reinforcement learning. `__main__` alone imports it.

One step of reinforcement learning:
    prompts [P] -> sampler -> groups [P, G] -> reward server -> scores [P, G] -> advantages [P, G]
                -> rows [B, T] -> loss -> optimizer -> policy version + 1
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import torch
from transformers import PreTrainedModel

from trainer_client.advantages import dead_groups, grpo_advantages
from trainer_client.batching import rollout_batch
from trainer_client.config import TrainConfig
from trainer_client.display import Display
from trainer_client.errors import RewardError
from trainer_client.metrics import learning_metrics, rewards_and_mask, score_metrics, text_metrics, timing_metrics
from trainer_client.optim import learning_rate
from trainer_client.progress import Stage
from trainer_client.report import Summary, summary_lines, write_report
from trainer_client.rewards import RewardScorer
from trainer_client.rollouts import collect_rollouts
from trainer_client.run_dir import FINAL_MODEL, changed_settings, open_run_dir, write_config
from trainer_client.session import Session
from trainer_client.sft import sft_step
from trainer_client.update import update_policy


def train(config: TrainConfig) -> Summary:
    """Do what the configuration says, or go on with it; returns and prints the summary."""
    started = time.perf_counter()
    torch.set_num_threads(config.run.threads)
    directory = open_run_dir(config)
    with (
        Display() as display,
        RewardScorer(config.reward, display.notice) as scorer,
        closing(Session(config, directory, scorer, display)) as session,
    ):
        session.check_server()
        for change in changed_settings(directory, config):
            display.notice(f"changed since the run began: {change}")
        write_config(directory, config)
        try:
            cold_start(session)
            reinforce(session)
        except RewardError:
            session.save()
            raise
        summary = finish(session, started)
    print("\n".join(summary_lines(summary)))
    return summary


def cold_start(session: Session) -> None:
    """The steps of supervised fine-tuning that are still to be done."""
    config = session.config.sft
    if session.progress.stage is not Stage.SFT:
        return
    optimizer = session.open_optimizer(Stage.SFT)
    for step in range(session.progress.step + 1, config.steps + 1):
        started = time.perf_counter()
        prompts = session.as_prompts(session.sft_data.take(config.batch))
        rate = learning_rate(config.optim, step, config.steps)
        result = sft_step(session.model, optimizer, prompts, config, rate)
        bad = session.progress.bad_gradients + (not result.taken)
        session.advance(step=step, sft_cursor=session.sft_data.cursor, bad_gradients=bad)
        metrics = result.metrics() | {"lr": rate, "seconds": {"total": time.perf_counter() - started}}
        session.display.step(session.log.step(Stage.SFT, step, metrics), config.steps)
        session.save_if_due(config.steps)
    session.begin_rl()


def reinforce(session: Session) -> None:
    """The steps of reinforcement learning that are still to be done, with evaluations before, between and after."""
    config = session.config.rl
    optimizer = session.open_optimizer(Stage.RL)
    reference = session.open_reference()
    session.evaluate_if_due()
    if session.progress.step == 0:
        session.save()
    for step in range(session.progress.step + 1, config.steps + 1):
        metrics = rl_step(session, optimizer, reference, step)
        session.display.step(session.log.step(Stage.RL, step, metrics), config.steps)
        session.evaluate_if_due()
        session.save_if_due(config.steps)


def rl_step(
    session: Session, optimizer: torch.optim.Optimizer, reference: PreTrainedModel | None, step: int
) -> dict[str, Any]:
    """One step of reinforcement learning; returns its metrics."""
    config, progress = session.config.rl, session.progress
    started = time.perf_counter()
    prompts = session.as_prompts(session.rl_data.take(config.prompts))
    collected = collect_rollouts(
        session.sampler,
        session.scorer.begin(f"rl-{step}"),
        prompts,
        config.group,
        config.sampler.batch_rows,
        progress.policy_version,
    )
    session.watch.check(collected.groups)

    updating = time.perf_counter()
    rewards, scored = rewards_and_mask(collected.groups)
    advantages = grpo_advantages(rewards, scored, config.advantage)
    batch = rollout_batch(collected.groups, advantages, session.model.pad_id)
    rate = learning_rate(config.optim, step, config.steps)
    result = update_policy(session.model.network, optimizer, batch, config, rate, reference)
    ended = time.perf_counter()

    session.advance(
        step=step,
        rl_cursor=session.rl_data.cursor,
        policy_version=progress.policy_version + result.steps,
        bad_gradients=progress.bad_gradients + result.skipped_steps,
    )
    return (
        score_metrics(collected.groups, session.config.evaluation.accuracy_component)
        | text_metrics(collected.groups)
        | learning_metrics(result, dead_groups(rewards, scored), rate, progress.policy_version)
        | timing_metrics(collected, ended - updating, ended - started)
    )


def finish(session: Session, started: float) -> Summary:
    """Write the model and the report."""
    model_dir = session.directory / FINAL_MODEL
    session.model.save(model_dir)
    bad = session.progress.bad_gradients
    return write_report(session.directory, session.log.records(), model_dir, bad, time.perf_counter() - started)
