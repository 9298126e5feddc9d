"""From the configuration to examples, and to the stream in which they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from trainer_client.config.data import DataConfig, FieldsConfig
from trainer_client.data.curriculum import Curriculum
from trainer_client.data.examples import FileExamples, Mixture, Numbered, chosen, prompt_digest
from trainer_client.data.order import Shuffled, Stream
from trainer_client.data.pass_rates import read_pass_rates, within
from trainer_client.errors import DataError
from trainer_client.tasks import task_examples
from trainer_client.types import Example

Notice = Callable[[str], None]


def _silent(_: str) -> None:
    """Tell nobody."""


def load_examples(config: DataConfig, notice: Notice = _silent) -> tuple[Sequence[Example], Sequence[Example]]:
    """Training and held-out examples; those of files are read when they are asked for.

    `notice` is told what was left out. Raises DataError for files that cannot be used, or that share prompts.
    """
    train, held_out = _load(config, notice)
    if config.pass_rates is None:
        return train, held_out
    kept = chosen(train, within(config.pass_rates, read_pass_rates(config.pass_rates.file)))
    if not kept:
        raise DataError(
            f"none of {len(train)} problems has a pass rate of {config.pass_rates.least}..{config.pass_rates.most} in "
            f"{config.pass_rates.file}; are its ids those of the training data, such as {train[0].id!r}?"
        )
    if len(kept) < len(train):
        notice(f"{len(train) - len(kept)} of {len(train)} problems are left out by their pass rates")
    return kept, held_out


def open_stream(
    examples: Sequence[Example], config: DataConfig, seed: int, name: str, component: str, cursor: int = 0
) -> Stream:
    """The order in which a stage takes its examples: the curriculum for RL where there is one, else shuffled.

    `component` is the one whose value 1 means that a problem was solved.
    """
    if config.curriculum is None or name != "rl":
        return Shuffled(examples, seed, name, cursor)
    start = {} if config.curriculum.start is None else read_pass_rates(config.curriculum.start)
    return Curriculum(examples, config.curriculum, seed, component, start)


def _load(config: DataConfig, notice: Notice) -> tuple[Sequence[Example], Sequence[Example]]:
    if config.task is not None:
        return task_examples(config.task)
    if config.held_out is None:
        raise DataError("neither a built-in task nor data.train (or data.mix) and data.held_out are given")
    undemonstrated = config.fields.model_copy(update={"completion": None})  # held-out problems are never learnt from
    held_out = _read(config.held_out, undemonstrated, config, notice)
    train: Sequence[Example]
    if config.train is not None:
        train = _read(config.train, config.fields, config, notice)
    else:
        parts = [_read(source.path, source.fields or config.fields, config, notice) for source in config.mix]
        numbered = [Numbered(part, number) for number, part in enumerate(parts)]
        train = Mixture([(part, source.weight) for part, source in zip(numbered, config.mix, strict=True)])
    _check_disjoint(train, held_out, config)
    return train, held_out


def _read(path: Path, fields: FieldsConfig, config: DataConfig, notice: Notice) -> FileExamples:
    examples = FileExamples(path, fields, config.max_broken_rows)
    if examples.broken_count:
        named = "".join(f"\n  {one}" for one in examples.broken)
        notice(f"{examples.broken_count} rows of {path} cannot be used and are left out, the first of them:{named}")
    return examples


def _check_disjoint(train: Sequence[Example], held_out: Sequence[Example], config: DataConfig) -> None:
    unseen = {prompt_digest(example) for example in held_out}
    if any(prompt_digest(example) in unseen for example in train):
        files = ", ".join(str(path) for path in (config.train, *(source.path for source in config.mix)) if path)
        raise DataError(f"{files} and {config.held_out} share prompts: held-out problems must be unseen")
