"""`trainer-client sample`: rejection sampling. What is good of what the model writes becomes data to learn from.

problems -> portions of k completions -> reward server -> filtering -> samples.jsonl (and judged.jsonl)
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from trainer_client.config.recipes import SampleConfig
from trainer_client.device import open_device
from trainer_client.errors import CheckpointError
from trainer_client.interrupts import Interrupts
from trainer_client.model import open_model
from trainer_client.preflight import check_server
from trainer_client.randomness import seed_everything
from trainer_client.recipes.bar import Bar
from trainer_client.recipes.drawing import REACHING, Drawing, Portion, same_rules
from trainer_client.recipes.filtering import Row, verdicts
from trainer_client.recipes.ledger import Ledger, json_lines, replace_text
from trainer_client.recipes.parquet import is_there, write_parquet
from trainer_client.recipes.problems import open_problems, prompt_value, without_repeats
from trainer_client.recipes.run import begun, model_identity
from trainer_client.reward_client import Judge
from trainer_client.rewards import RewardScorer
from trainer_client.types import Example, ScoredGroup

SAMPLES, JUDGED, PARQUET = "samples.jsonl", "judged.jsonl", "samples.parquet"
PROGRESS, SUMMARY = "progress.json", "summary.json"


@dataclass(slots=True)
class Tally:
    """How far the sampling is. `position` counts the problems done; `dropped` the completions left out, by reason."""

    position: int = 0
    too_long: int = 0
    prompts: int = 0
    prompts_kept: int = 0
    drawn: int = 0
    kept: int = 0
    tokens: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    profile_hash: str | None = None
    seconds: float = 0.0

    def add(self, rows: Sequence[Row], told: Sequence[str | None]) -> None:
        """One prompt's completions, with why each is left out."""
        kept = sum(reason is None for reason in told)
        self.prompts += 1
        self.prompts_kept += kept > 0
        self.drawn += len(rows)
        self.kept += kept
        self.tokens += sum(row["completion_tokens"] for row in rows)
        for reason in told:
            if reason is not None:
                self.dropped[reason] = self.dropped.get(reason, 0) + 1


def sample(config: SampleConfig) -> Tally:
    """Draw, judge and keep as the configuration says, or go on with it; prints and returns the tally."""
    sources = {"model.path": config.model.path, "problems.path": config.problems.path}
    console = Console(highlight=False)
    with begun(config, (*REACHING, "problems.limit", "parquet"), sources) as directory:
        tally = _sampled(config, directory, console)
        if config.parquet == "yes" or (config.parquet == "auto" and is_there()):
            write_parquet(directory / SAMPLES, directory / PARQUET, tally.kept, console)
    console.print(f"samples in {directory / SAMPLES}", soft_wrap=True, markup=False)
    console.print(tally_table(tally))
    return tally


def _sampled(config: SampleConfig, directory: Path, console: Console) -> Tally:
    """Draw until all problems are done; the summary is written however it ends."""
    problems = without_repeats(open_problems(config.problems, print), print)
    total = len(problems)
    files = [directory / SAMPLES, *([directory / JUDGED] if config.keep_all else [])]
    with Ledger(directory / PROGRESS, files) as ledger:
        tally = _tally(ledger)
        with Bar("sample", total, tally.position, console) as bar, Interrupts(bar.notice) as interrupts:
            try:
                if tally.position < total:
                    _draw(config, problems, ledger, tally, bar, interrupts)
            finally:
                _summarise(directory, _tally(ledger), total)
            interrupts.obey()
    return tally


def _tally(ledger: Ledger) -> Tally:
    """What the last commit counted. Raises CheckpointError for the record of something else."""
    try:
        return Tally(**ledger.state)
    except TypeError as error:
        raise CheckpointError(
            f"{PROGRESS} is not that of `sample` ({error}): restore it from a copy, or choose another --run.dir"
        ) from error


def _draw(
    config: SampleConfig, problems: Sequence[Example], ledger: Ledger, tally: Tally, bar: Bar, interrupts: Interrupts
) -> None:
    seed_everything(config.seed)
    with RewardScorer(config.reward, bar.notice) as scorer:
        with interrupts.at_once():
            check_server(scorer, config.reward, problems, config.keep.components)
            model = open_model(config.model, open_device(config.run))
        settings = (config.problems, config.sampler, config.reward)
        drawing = Drawing(model, problems, *settings, scorer, interrupts, config.seed, config.samples)
        made = _provenance(config)
        began, before = time.perf_counter(), tally.seconds
        start = tally.position
        for portion in drawing.portions(start):
            tally.profile_hash = same_rules(tally.profile_hash, portion.judge)
            rows, told = _judge_portion(config, portion, made, tally)
            tally.position = portion.position
            tally.too_long += portion.too_long
            tally.seconds = before + time.perf_counter() - began
            ledger.commit(_portions(ledger, rows, told), asdict(tally))
            bar.show(tally.position, _rates(tally))


def _judge_portion(
    config: SampleConfig, portion: Portion, made: Row, tally: Tally
) -> tuple[list[Row], list[str | None]]:
    rows: list[Row] = []
    told: list[str | None] = []
    for group in portion.groups:
        members = list(sample_rows(group, made | _judge(portion.judge)))
        reasons = verdicts(members, config.keep, f"{config.seed}:{group.group.prompt.example.id}")
        tally.add(members, reasons)
        rows += members
        told += reasons
    return rows, told


def _portions(ledger: Ledger, rows: Sequence[Row], told: Sequence[str | None]) -> dict[Path, bytes]:
    kept = [row for row, reason in zip(rows, told, strict=True) if reason is None]
    portions = {}
    for path in ledger.paths:
        if path.name == SAMPLES:
            portions[path] = json_lines(kept)
        else:
            portions[path] = json_lines([row | {"dropped": why} for row, why in zip(rows, told, strict=True)])
    return portions


def sample_rows(group: ScoredGroup, provenance: Row) -> Iterator[Row]:
    """A row for each completion of the group: what it is, how it was judged, and where it comes from."""
    example = group.group.prompt.example
    for index, (rollout, score) in enumerate(zip(group.group.rollouts, group.scores, strict=True)):
        yield {
            "prompt": prompt_value(example),
            "completion": rollout.text,
            "ground_truth": example.ground_truth,
            "prompt_id": example.id,
            "sample_index": index,
            "reward": score.reward,
            "judged": score.judged.value,
            "reason": score.reason,
            "components": score.components,
            "flags": list(score.flags),
            "completion_tokens": len(rollout.token_ids),
            "truncated": rollout.truncated,
            "provenance": provenance,
        }


def _provenance(config: SampleConfig) -> Row:
    return {
        **model_identity(config.model, config.seed),
        "seed": config.seed,
        "temperature": config.sampler.temperature,
        "max_new_tokens": config.sampler.max_new_tokens,
        "template": config.problems.template,
        "chat": config.problems.chat,
        "system": config.problems.system,
    }


def _judge(judge: Judge | None) -> Row:
    """Who judged, and when the portion came back."""
    told = {} if judge is None else {"profile": judge.profile, "profile_hash": judge.profile_hash}
    version = None if judge is None else judge.version
    return {**told, "server_version": version, "time": datetime.now(UTC).isoformat(timespec="seconds")}


def _rates(tally: Tally) -> str:
    share = tally.kept / tally.drawn if tally.drawn else 0.0
    speed = tally.drawn / tally.seconds if tally.seconds else 0.0
    return f"{tally.drawn} seen, {tally.kept} kept ({100 * share:.1f} %), {speed:.1f}/s"


def _summarise(directory: Path, tally: Tally, total: int) -> None:
    told: dict[str, Any] = {"complete": tally.position >= total, "problems": total, **asdict(tally)}
    replace_text(directory / SUMMARY, json.dumps(told, indent=2) + "\n")


def tally_table(tally: Tally) -> Table:
    """What is printed at the end."""
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("prompts", str(tally.prompts))
    table.add_row("prompts with a kept completion", str(tally.prompts_kept))
    table.add_row("prompts too long, left out", str(tally.too_long))
    table.add_row("completions drawn", str(tally.drawn))
    for reason, count in sorted(tally.dropped.items(), key=lambda pair: -pair[1]):
        table.add_row(f"  left out: {reason}", str(count))
    table.add_row("completions kept", str(tally.kept))
    table.add_row("mean tokens", f"{tally.tokens / tally.drawn:.1f}" if tally.drawn else "")
    table.add_row("seconds", f"{tally.seconds:.0f}")
    return table
