"""`trainer-client r1`: the stages of DeepSeek-R1, one after the other, each by the command that does it alone.

Source: DeepSeek-R1 (arXiv:2501.12948), 2.3 and 2.4.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer_client.config import RewardConfig, TrainConfig
from trainer_client.config.recipes import SampleConfig, SftCommandConfig
from trainer_client.config.recipes_r1 import R1Config
from trainer_client.errors import DataError
from trainer_client.preflight import check_server
from trainer_client.recipes.evaluate import evaluate_command
from trainer_client.recipes.ledger import json_lines
from trainer_client.recipes.problems import open_problems, prompt_value
from trainer_client.recipes.r1_marker import Markers
from trainer_client.recipes.r1_plan import MIXTURE, Stage, measurement, stages_of
from trainer_client.recipes.r1_report import is_complete, write_comparison
from trainer_client.recipes.rows import read_rows
from trainer_client.recipes.sample import SAMPLES, sample
from trainer_client.recipes.sft import sft
from trainer_client.rewards import RewardScorer
from trainer_client.run_dir import CONFIG, alone_in, open_run_dir, settings_changes, write_config

Train = Callable[[TrainConfig], object]

BAR_CELLS = 24


def r1(config: R1Config, train: Train) -> dict[str, Any]:
    """Do the stages that are still to be done, then compare them; prints and returns the comparison.

    `train` is the command for reinforcement learning. Raises ConfigError before any work when a stage that began does
    not fit the settings any more.
    """
    directory = open_run_dir(config)
    with alone_in(directory):
        return _in_order(config, directory, train)


def _in_order(config: R1Config, directory: Path, train: Train) -> dict[str, Any]:
    stages = stages_of(config)
    markers = Markers(directory, stages)
    markers.check()
    write_config(directory, config)
    console = Console(highlight=False)
    started = time.perf_counter()
    if not all(markers.done(stage) for stage in stages):
        _check_servers(config, [stage for stage in stages if not markers.done(stage)], console)
    for place, stage in enumerate(stages):
        known = ": done before" if markers.done(stage) else ""
        console.print(_overall(place, len(stages), time.perf_counter() - started) + f"  {stage.name}{known}")
        if not markers.done(stage):
            began = time.perf_counter()
            markers.begin(stage)
            _do(config, stage, train)
            markers.finish(stage, time.perf_counter() - began)
        _measure(config, stage)
    console.print(_overall(len(stages), len(stages), time.perf_counter() - started) + "  comparing")
    return write_comparison(config, stages, {stage.name: markers.seconds(stage) for stage in stages}, console)


def _check_servers(config: R1Config, stages: list[Stage], console: Console) -> None:
    """Every profile that will be asked judges one completion, before hours of work lead up to it."""
    wanted: dict[str, tuple[RewardConfig, tuple[str, ...]]] = {}
    for stage in stages:
        if isinstance(stage.config, (TrainConfig, SampleConfig)):
            wanted[stage.config.reward.profile] = (stage.config.reward, ())
    how = config.comparison
    wanted[config.reward.profile] = (config.reward, (how.accuracy_component, how.format_component))
    problems = open_problems(measurement(config, stages_of(config)[0]).problems)
    for reward, components in wanted.values():
        with RewardScorer(reward, lambda text: console.print(text, markup=False)) as scorer:
            check_server(scorer, reward, problems, components)


def _do(config: R1Config, stage: Stage, train: Train) -> None:
    """The stage's command, or the rest of it."""
    if stage.mixed_in is not None and stage.drawn_in is not None:
        write_mixture(config.run.dir, stage)
    command = stage.config
    if isinstance(command, TrainConfig):
        train(command.model_copy(update=_resume(command.run.dir)))
    elif isinstance(command, SftCommandConfig):
        sft(command.model_copy(update=_resume(command.run.dir)))
    elif isinstance(command, SampleConfig):
        tally = sample(command.model_copy(update=_resume(command.run.dir)))
        if not tally.kept:
            raise DataError(
                f"stage {stage.name} kept none of {tally.drawn} completions ({tally.dropped}), so the next has nothing "
                "to learn from: train longer before it, draw more, or ask for less in its `keep`"
            )


def _measure(config: R1Config, stage: Stage) -> None:
    """The stage's model on the problems of the comparison; again where those or the questions are others now."""
    if stage.model is None:
        return
    measure = measurement(config, stage)
    directory = measure.run.dir
    changes = settings_changes(directory, measure)
    if any(key == "reward.profile" or not key.startswith(("run.", "reward.")) for key in changes):
        shutil.rmtree(directory)
    if not is_complete(directory):
        evaluate_command(measure.model_copy(update=_resume(directory)))


def write_mixture(run_dir: Path, stage: Stage) -> None:
    """The samples and the demonstrations that are mixed in, in one file in the stage's directory."""
    if stage.mixed_in is None or stage.drawn_in is None:
        raise ValueError(f"stage {stage.name} mixes nothing")
    rows: list[dict[str, Any]] = [
        {"prompt": row["prompt"], "completion": row["completion"], "ground_truth": row["ground_truth"]}
        for _, row in read_rows(run_dir / stage.drawn_in / SAMPLES)
    ]
    for example in open_problems(stage.mixed_in, print, demonstrated=True):
        rows.append(
            {"prompt": prompt_value(example), "completion": example.completion, "ground_truth": example.ground_truth}
        )
    path = run_dir / stage.name / MIXTURE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json_lines(rows))


def _resume(directory: Path) -> dict[str, bool]:
    """A command that has begun in this directory goes on."""
    return {"resume": (directory / CONFIG).exists()}


def _overall(done: int, total: int, seconds: float) -> str:
    """The bar of the stages. The command at work has its own, and a terminal shows only one live."""
    full = round(BAR_CELLS * done / total)
    return f"\nr1 {'━' * full}{'╌' * (BAR_CELLS - full)} {done}/{total}  {int(seconds) // 60}:{int(seconds) % 60:02d}"
