"""The loop of `sft` and `dpo`: optimizer steps, checkpoints, evaluations, the record, and the report at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from trainer_client.checkpoint import CheckpointStore
from trainer_client.config import ModelConfig, RewardConfig, RunConfig, SamplerConfig
from trainer_client.config.optim import OptimConfig
from trainer_client.config.recipes import HeldOutConfig
from trainer_client.device import open_device
from trainer_client.display import Display
from trainer_client.errors import CheckpointError, ConfigError, DataError
from trainer_client.interrupts import Interrupts
from trainer_client.metrics import score_metrics, text_metrics
from trainer_client.model import LanguageModel, load_model, open_model
from trainer_client.optim import build_optimizer, learning_rate
from trainer_client.preflight import check_server
from trainer_client.progress import Progress, Stage
from trainer_client.randomness import random_state, seed_everything
from trainer_client.recipes.drawing import longest_prompt
from trainer_client.recipes.ledger import replace_text
from trainer_client.recipes.problems import fits, open_problems, prompt_builder
from trainer_client.recipes.run import begun
from trainer_client.rewards import RewardScorer
from trainer_client.run_dir import CHECKPOINTS, FINAL_MODEL, Recipe
from trainer_client.run_log import RunLog
from trainer_client.sampler.hf import TransformersSampler

SUMMARY, PICTURE = "summary.json", "curve.png"

# One optimizer step: its number and learning rate to its metrics, with `taken`: whether the gradient was finite.
Step = Callable[[torch.optim.Optimizer, int, float], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What both commands have: the parts of their configuration that the loop needs."""

    stage: Stage
    steps: int
    seed: int
    resume: bool
    run: RunConfig
    model: ModelConfig
    optim: OptimConfig


class Course:
    """A model that learns from a file; on resume as the newest whole checkpoint left it."""

    def __init__(self, plan: Plan, directory: Path, display: Display, interrupts: Interrupts) -> None:
        self.plan, self.directory, self.display, self.interrupts = plan, directory, display, interrupts
        self._store = CheckpointStore(directory / CHECKPOINTS, plan.run.keep_checkpoints, display.notice)
        saved = self._store.newest() if plan.resume else None
        if saved is None and plan.resume and self._store.exists():
            raise CheckpointError(f"no checkpoint in {directory} is whole; see the warnings above")
        self.progress = saved.progress if saved else Progress(stage=plan.stage)
        seed_everything(plan.seed)
        device = open_device(plan.run)
        self.model = load_model(saved.model_dir, device) if saved else open_model(plan.model, device)
        self._optimizer_state = saved.optimizer if saved else None
        if plan.resume:
            display.notice(f"going on after step {self.progress.step}")
        self.log = RunLog(directory, self.progress)

    def learn(self, take_step: Step, evaluation: HeldOut | None) -> None:
        """The steps that are still to be done; an interrupt ends them after a step, with a checkpoint."""
        plan = self.plan
        optimizer = build_optimizer(self.model.network.parameters(), plan.optim)
        if self._optimizer_state is not None:
            optimizer.load_state_dict(self._optimizer_state)
        self._evaluate(evaluation)
        for step in range(self.progress.step + 1, plan.steps + 1):
            started = time.perf_counter()
            rate = learning_rate(plan.optim, step, plan.steps)
            metrics = take_step(optimizer, step, rate) | {"lr": rate}
            bad = self.progress.bad_gradients + int(metrics.get("skipped_updates", 0))
            self.progress = Progress(stage=plan.stage, step=step, bad_gradients=bad)
            metrics["seconds"] = {"total": time.perf_counter() - started}
            self.display.step(self.log.step(plan.stage, step, metrics), plan.steps)
            try:
                self._evaluate(evaluation)
            finally:
                self._save_if_due(optimizer)
            self.interrupts.obey()

    def _save_if_due(self, optimizer: torch.optim.Optimizer) -> None:
        step, every = self.progress.step, self.plan.run.checkpoint_every
        if step == self.plan.steps or (every and step % every == 0) or self.interrupts.asked:
            self._store.save(self.progress, self.model, optimizer, random_state(torch.Generator()))

    def _evaluate(self, evaluation: HeldOut | None) -> None:
        step, stage = self.progress.step, self.plan.stage
        if evaluation is None or not evaluation.is_due(step, self.plan.steps) or self.log.has_evaluation(stage, step):
            return
        with self.interrupts.at_once():
            metrics = evaluation.metrics(step)
        self.display.evaluation(self.log.evaluation(stage, step, metrics, []))


class HeldOut:
    """Held-out problems, answered greedily and judged by the reward server."""

    def __init__(self, config: HeldOutConfig, reward: RewardConfig, scorer: RewardScorer, model: LanguageModel) -> None:
        self._config, self._scorer = config, scorer
        sampler = SamplerConfig(max_new_tokens=config.max_new_tokens, batch_rows=config.batch_rows)
        self._sampler = TransformersSampler(model, sampler, seed=0)
        builder = prompt_builder(config.problems, model.tokenizer)
        limit = longest_prompt(model, config.problems.max_prompt_tokens, config.max_new_tokens)
        problems = open_problems(config.problems, print)
        check_server(scorer, reward, problems, [config.accuracy_component])
        prompts = [builder.prompt(example) for example in problems]
        self._prompts = [prompt for prompt in prompts if fits(prompt, limit)]
        if not self._prompts:
            raise DataError(f"held_out.problems has no prompt of 1..{limit} tokens; see held_out.problems")

    def is_due(self, step: int, last: int) -> bool:
        """Whether this point of the run is to be evaluated."""
        every = self._config.every
        return step in (0, last) or (every > 0 and step % every == 0)

    def metrics(self, step: int) -> dict[str, Any]:
        """Accuracy over the judged problems, None when none was; counts and lengths."""
        scoring, size = self._scorer.begin(f"eval-{step}"), self._config.batch_rows
        for start in range(0, len(self._prompts), size):
            scoring.send(self._sampler.greedy(self._prompts[start : start + size], step))
        groups = scoring.collect()
        told = score_metrics(groups, self._config.accuracy_component) | text_metrics(groups)
        return told | {"problems": len(self._prompts)}


@contextmanager
def held_out(config: HeldOutConfig | None, reward: RewardConfig, course: Course) -> Iterator[HeldOut | None]:
    """The evaluation with its server; None where there is none."""
    if config is None:
        yield None
        return
    with RewardScorer(reward, course.display.notice) as scorer:
        with course.interrupts.at_once():
            evaluation = HeldOut(config, reward, scorer, course.model)
        yield evaluation


@contextmanager
def opened(
    config: Recipe, plan: Plan, may_change: tuple[str, ...], sources: Mapping[str, Path | None]
) -> Iterator[Course]:
    """The course in its directory, with its display; see `begun`. Raises ConfigError when there is no step left."""
    with (
        begun(config, may_change, sources) as directory,
        Display() as display,
        Interrupts(display.notice) as interrupts,
    ):
        with interrupts.at_once():
            course = Course(plan, directory, display, interrupts)
        try:
            if course.progress.step > plan.steps:
                raise ConfigError(f"the run has done {course.progress.step} steps, {plan.steps} are asked for")
            yield course
        finally:
            course.log.close()


def finish(course: Course, headline: Sequence[str], more: dict[str, Any], started: float) -> dict[str, Any]:
    """Write the model, summary.json and the picture; print and return the summary.

    Of each metric in `headline` the summary has the first value and the mean of the last ten.
    """
    model_dir = course.directory / FINAL_MODEL
    course.model.save(model_dir)
    records = course.log.records()
    steps = [record for record in records if record["kind"] == "step"]
    accuracies = [record["accuracy"] for record in records if record["kind"] == "eval"]
    summary: dict[str, Any] = {
        "model": str(model_dir),
        "steps": len(steps),
        "bad_gradients": course.progress.bad_gradients,
        "accuracy_before": accuracies[0] if accuracies else None,
        "accuracy_after": accuracies[-1] if accuracies else None,
        "metrics": {name: _first_and_last([record[name] for record in steps]) for name in headline},
        **more,
        "seconds": round(time.perf_counter() - started, 1),
    }
    replace_text(course.directory / SUMMARY, json.dumps(summary, indent=2) + "\n")
    _draw(steps, headline, course.directory / PICTURE)
    console = Console(highlight=False)
    console.print(f"model in {model_dir}", soft_wrap=True, markup=False)
    console.print(_table(summary))
    return summary


def _first_and_last(values: Sequence[float]) -> dict[str, float | None]:
    last = values[-10:]
    return {"first": values[0] if values else None, "last": sum(last) / len(last) if last else None}


def _draw(steps: Sequence[dict[str, Any]], names: Sequence[str], path: Path) -> None:
    """Each metric over the steps, one panel each, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.5 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    for number, name in enumerate(names, start=1):
        panel = figure.add_subplot(len(names), 1, number)
        panel.plot([record["step"] for record in steps], [record[name] for record in steps])
        panel.set_ylabel(name.replace("_", " "))
        panel.grid(alpha=0.25)
    figure.axes[-1].set_xlabel("optimizer step")
    figure.savefig(path, dpi=120)


def _table(summary: dict[str, Any]) -> Table:
    table = Table()
    for name in ("", "first", "last"):
        table.add_column(name, justify="right" if name else "left")
    for name, value in summary["metrics"].items():
        table.add_row(name.replace("_", " "), _number(value["first"]), _number(value["last"]))
    before, after = summary["accuracy_before"], summary["accuracy_after"]
    if after is not None:
        table.add_row("held-out accuracy", _number(before), _number(after))
    table.add_row("steps", "", str(summary["steps"]))
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
