"""Settings of the data: where problems come from, which are held out, how a prompt is built, the order they come in."""

from __future__ import annotations

import re
from math import comb
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from trainer_client.config.section import Positive, Section, Share

PATH_CHOICE = re.compile(r"\.|[^.\[\]|]+(\.[^.\[\]|]+|\[\d+\])*")

Preset = Literal["plain", "auto", "gsm8k", "math", "humaneval", "mbpp", "verl"]
Operator = Literal["+", "-", "*"]


class GeneratedConfig(Section):
    """What all built-in tasks have in common."""

    train_problems: Positive = Field(default=7000, description="distinct problems to train on")
    held_out_problems: Positive = Field(default=256, description="problems never trained on, for evaluation")
    slip_share: Share = Field(default=0.5, description="share of demonstrations with a wrong step and a wrong answer")
    seed: int = Field(default=0, ge=0, description="which problems are held out; the run's seed leaves it alone")
    wording: Literal["signs", "words"] = Field(
        default="signs", description="signs: for a model of single characters; words: a sentence, for a language model"
    )

    @property
    def wanted(self) -> int:
        """Distinct problems that are needed."""
        return self.train_problems + self.held_out_problems

    def check_enough(self, exist: int) -> None:
        """Raises ValueError when fewer problems exist than are wanted."""
        if self.wanted > exist:
            raise ValueError(
                f"{self.wanted} distinct problems wanted (train_problems + held_out_problems), only {exist} exist"
            )


class AdditionConfig(GeneratedConfig):
    """The built-in demo task: `7+15+8=`, solved step by step in the R1 format; judged by `math`."""

    terms: int = Field(default=3, ge=2, le=8, description="numbers to add")
    max_number: int = Field(default=20, ge=1, le=10_000, description="each number is 1..max_number")
    slip_share: Share = Field(
        default=0.5, description="share of carries that the demonstrations forget: a teacher RL can do better than"
    )

    @model_validator(mode="after")
    def _enough_problems_exist(self) -> AdditionConfig:
        self.check_enough(self.max_number**self.terms)
        return self


class CountdownConfig(GeneratedConfig):
    """Make a target from some numbers, each used once: `44 19 35=98`; judged by `countdown`."""

    numbers: int = Field(default=3, ge=2, le=5, description="how many numbers are given")
    max_number: int = Field(default=50, ge=2, le=1000, description="each number is 1..max_number")
    max_target: int = Field(default=100, ge=2, le=100_000, description="the target is 1..max_target")


class SortingConfig(GeneratedConfig):
    """Put different numbers in order: `31 4 15=`, smallest first; judged by `exact`."""

    numbers: int = Field(default=5, ge=2, le=50, description="how many numbers are given")
    max_number: int = Field(default=99, ge=2, le=1_000_000, description="each number is 1..max_number")

    @model_validator(mode="after")
    def _enough_problems_exist(self) -> SortingConfig:
        self.check_enough(comb(self.max_number, self.numbers))
        return self


class ArithmeticConfig(GeneratedConfig):
    """Expressions with brackets: `(3+4)*2-5=`; judged by `math`, its steps by `arithmetic_steps`."""

    steps: int = Field(default=3, ge=1, le=10, description="operations in an expression")
    max_number: int = Field(default=20, ge=1, le=10_000, description="each number is 1..max_number")
    max_value: int = Field(default=1000, ge=1, le=10**9, description="every intermediate value is 0..max_value")
    operators: tuple[Operator, ...] = Field(default=("+", "-", "*"), min_length=1, description="which are used")


class ReasoningGymConfig(GeneratedConfig):
    """A data set of the reasoning-gym package; judged by `reasoning_gym`. Needs `pip install 'assay[puzzles]'`."""

    dataset: str = Field(min_length=1, description="its name there, such as chain_sum")
    params: dict[str, Any] = Field(default_factory=dict, description="parameters of that data set")
    train_problems: Positive = Field(default=1000, description="distinct problems to train on")
    slip_share: Share = Field(default=0.0, description="share of demonstrations that give another problem's answer")

    @model_validator(mode="after")
    def _ours_are_ours(self) -> ReasoningGymConfig:
        taken = {"seed", "size"} & set(self.params)
        if taken:
            raise ValueError(f"params must leave out {sorted(taken)}: seed and the numbers of problems say it already")
        return self


class FieldsConfig(Section):
    """Which field of a row means what: a preset, and paths that override it.

    A path is `name`, `name.inner`, `name[0]`, or `.` for the whole row; `a|b` takes the first that is there.
    """

    preset: Preset = Field(default="plain", description="paths of a known shape of rows")
    id: str | None = Field(default=None, description="the problem's own name; none: the number of its row")
    prompt: str | None = Field(default=None, description="the question: text, or a list of chat messages")
    ground_truth: str | None = Field(default=None, description="the reference, sent to the reward server as it is")
    completion: str | None = Field(default=None, description="a demonstration for SFT; none: the rows have none")
    source: str | None = Field(default=None, description="the name of the data set that the row is from")

    @field_validator("id", "prompt", "ground_truth", "completion", "source")
    @classmethod
    def _is_a_path(cls, path: str | None) -> str | None:
        if path is not None and not all(PATH_CHOICE.fullmatch(choice) for choice in path.split("|")):
            raise ValueError("expected a path such as answer, meta.answer, code[0], a|b, or . for the whole row")
        return path


class SourceConfig(Section):
    """One of several files that are mixed."""

    path: Path = Field(description="as data.train")
    weight: float = Field(default=1.0, gt=0.0, allow_inf_nan=False, description="its share of the draws, relative")
    fields: FieldsConfig | None = Field(default=None, description="its fields; none: data.fields")


class PassRateConfig(Section):
    """Train only on problems of a measured difficulty."""

    file: Path = Field(description='JSONL of {"id", "pass_rate", "samples"}, as `trainer-client eval` writes it')
    least: Share = Field(default=0.0, description="lowest pass rate that is trained on")
    most: Share = Field(default=1.0, description="highest pass rate that is trained on")
    unmeasured: Literal["keep", "drop"] = Field(default="keep", description="problems that are not in the file")

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> PassRateConfig:
        if self.least > self.most:
            raise ValueError(f"pass_rates.least is {self.least}, more than pass_rates.most = {self.most}")
        return self


class CurriculumConfig(Section):
    """Draw problems by how often the policy solves them, measured on the way."""

    favour: Literal["middling", "hard"] = Field(
        default="middling", description="middling: weight p(1-p) of a pass rate p; hard: weight 1-p"
    )
    floor: float = Field(
        default=0.05, gt=0.0, le=1.0, description="least weight, relative to the largest: every problem comes back"
    )
    memory: Share = Field(
        default=0.5, description="share of the earlier counts that stays when a problem is measured again"
    )
    prior_samples: float = Field(
        default=2.0, gt=0.0, allow_inf_nan=False, description="weight of the guess that a pass rate is 1/2, in samples"
    )
    start: Path | None = Field(default=None, description="pass rates to begin with; the shape of data.pass_rates.file")


class DataConfig(Section):
    """Which problems are trained on and which are held out: one built-in task, or files."""

    addition: AdditionConfig | None = Field(default=None, description="built-in task: sums, the demo")
    countdown: CountdownConfig | None = Field(default=None, description="built-in task: make a target from numbers")
    sorting: SortingConfig | None = Field(default=None, description="built-in task: put numbers in order")
    arithmetic: ArithmeticConfig | None = Field(default=None, description="built-in task: expressions in steps")
    reasoning_gym: ReasoningGymConfig | None = Field(default=None, description="a data set of reasoning-gym")
    train: Path | None = Field(
        default=None,
        description="file to train on: .jsonl, .jsonl.gz, .json, .parquet, or a directory that `datasets` saved",
    )
    mix: tuple[SourceConfig, ...] = Field(default=(), description="several files to train on, in place of data.train")
    held_out: Path | None = Field(default=None, description="file to evaluate on; a shape like data.train")
    fields: FieldsConfig = Field(default_factory=FieldsConfig, description="what means what in the rows of the files")
    max_broken_rows: int = Field(
        default=0, ge=0, description="rows of a file that cannot be used and are left out; more of them end the run"
    )
    pass_rates: PassRateConfig | None = Field(default=None, description="leave out what is too easy or too hard")
    curriculum: CurriculumConfig | None = Field(default=None, description="draw RL problems by measured pass rate")
    template: str = Field(default="{prompt}", description="text around the question; {prompt} stands for it")
    chat: bool = Field(default=False, description="wrap it as a user turn in the tokenizer's chat template")
    system: str | None = Field(default=None, description="system turn of the chat; needs chat = true; a row's own wins")
    max_prompt_tokens: Positive = Field(default=1024, description="longer prompts are left out and counted")

    @property
    def task(self) -> GeneratedConfig | None:
        """The built-in task; None where the problems come from files."""
        return next(iter(self._tasks()), None)

    @property
    def files(self) -> dict[str, Path]:
        """The files with problems by the keys that name them; none for a built-in task."""
        mixed = {f"data.mix.{number}.path": source.path for number, source in enumerate(self.mix)}
        named = {"data.train": self.train, "data.held_out": self.held_out, **mixed}
        return {key: path for key, path in named.items() if path is not None}

    @property
    def has_demonstrations(self) -> bool:
        """Whether every problem comes with a demonstration, as far as can be told before reading."""
        shapes = [source.fields or self.fields for source in self.mix] or [self.fields]
        return self.task is not None or all(shape.completion is not None for shape in shapes)

    def _tasks(self) -> list[GeneratedConfig]:
        tasks = (self.addition, self.countdown, self.sorting, self.arithmetic, self.reasoning_gym)
        return [task for task in tasks if task is not None]

    @model_validator(mode="after")
    def _one_source(self) -> DataConfig:
        sources = len(self._tasks()) + (self.train is not None) + bool(self.mix)
        files = self.train is not None or bool(self.mix)
        if sources != 1 or files != (self.held_out is not None):
            raise ValueError(
                "give either one built-in task (data.addition, data.countdown, data.sorting, data.arithmetic, "
                "data.reasoning_gym), or both data.train and data.held_out; data.mix may stand for data.train"
            )
        return self

    @model_validator(mode="after")
    def _prompt_can_be_built(self) -> DataConfig:
        if "{prompt}" not in self.template:
            raise ValueError("data.template must contain {prompt}")
        if self.system is not None and not self.chat:
            raise ValueError("data.system needs data.chat = true")
        return self

    @model_validator(mode="after")
    def _one_way_to_draw(self) -> DataConfig:
        if self.curriculum is not None and self.mix:
            raise ValueError("data.curriculum draws by pass rate and data.mix by weight: use one of them")
        return self
