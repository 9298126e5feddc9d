"""The settings of the commands besides `train`: eval, sample, sft and dpo. A leaf."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from trainer_client.config import (
    ModelConfig,
    RewardConfig,
    RunConfig,
    SamplerConfig,
    SftConfig,
)
from trainer_client.config.data import (
    AdditionConfig,
    ArithmeticConfig,
    CountdownConfig,
    FieldsConfig,
    GeneratedConfig,
    ReasoningGymConfig,
    SortingConfig,
)
from trainer_client.config.loss import PreferenceConfig
from trainer_client.config.optim import OptimConfig
from trainer_client.config.section import Positive, Section


class PromptTextConfig(Section):
    """How a prompt's text is built from the question; for completions that were sampled, as it was then."""

    template: str = Field(default="{prompt}", description="text around the question; {prompt} stands for it")
    chat: bool = Field(default=False, description="wrap it as a user turn in the tokenizer's chat template")
    system: str | None = Field(default=None, description="system turn of the chat; needs chat = true")

    @model_validator(mode="after")
    def _consistent(self) -> PromptTextConfig:
        if "{prompt}" not in self.template:
            raise ValueError("template must contain {prompt}")
        if self.system is not None and not self.chat:
            raise ValueError("system needs chat = true")
        return self


class ProblemsConfig(PromptTextConfig):
    """One set of problems: `path`, or a built-in task."""

    path: Path | None = Field(
        default=None, description="file: .jsonl, .jsonl.gz, .json, .parquet, or a directory saved by datasets"
    )
    addition: AdditionConfig | None = Field(default=None, description="built-in task: sums, the demo")
    countdown: CountdownConfig | None = Field(default=None, description="built-in task: make a target from numbers")
    sorting: SortingConfig | None = Field(default=None, description="built-in task: put numbers in order")
    arithmetic: ArithmeticConfig | None = Field(default=None, description="built-in task: expressions in steps")
    reasoning_gym: ReasoningGymConfig | None = Field(default=None, description="a data set of reasoning-gym")
    split: Literal["train", "held_out"] = Field(default="held_out", description="which part of a built-in task")
    fields: FieldsConfig = Field(default_factory=FieldsConfig, description="what means what in the rows of the file")
    max_broken_rows: int = Field(
        default=0, ge=0, description="rows that cannot be used and are left out; more of them end the run"
    )
    skip: int = Field(default=0, ge=0, description="problems passed over at the beginning")
    limit: Positive | None = Field(default=None, description="problems used, from the first; none: all")
    max_prompt_tokens: Positive = Field(default=1024, description="longer prompts are left out and counted")

    @property
    def task(self) -> GeneratedConfig | None:
        """The built-in task; None where the problems come from a file."""
        return next(iter(self._tasks()), None)

    def _tasks(self) -> list[GeneratedConfig]:
        tasks = (self.addition, self.countdown, self.sorting, self.arithmetic, self.reasoning_gym)
        return [task for task in tasks if task is not None]

    @model_validator(mode="after")
    def _one_source(self) -> ProblemsConfig:
        if len(self._tasks()) + (self.path is not None) != 1:
            raise ValueError(
                "give exactly one of path (a file) and a built-in task (addition, countdown, sorting, arithmetic, "
                "reasoning_gym)"
            )
        return self


class EvalCommandConfig(Section):
    """Problems answered `samples` times each and judged by the server: pass@k, maj@k, avg@k."""

    preset: str | None = Field(default=None, description="settings of a known benchmark; `presets` lists them")
    seed: int = Field(default=0, ge=0, description="of the samples")
    resume: bool = Field(default=False, description="go on behind the last answers on disk")
    run: RunConfig = Field(default_factory=lambda: RunConfig(dir=Path("runs/eval")))
    model: ModelConfig
    problems: ProblemsConfig
    samples: Positive = Field(default=1, description="answers to each problem; 1 and greedy is the plain accuracy")
    greedy: bool = Field(default=False, description="the most likely answer in place of a sampled one")
    ks: tuple[Positive, ...] = Field(default=(1,), min_length=1, description="the k of pass@k and maj@k")
    confidence: float = Field(default=0.95, gt=0.0, lt=1.0, description="of the intervals")
    accuracy_component: str = Field(default="math", description="right means this component's value is 1")
    sampler: SamplerConfig = Field(default_factory=SamplerConfig)
    reward: RewardConfig = Field(default_factory=RewardConfig)

    @model_validator(mode="after")
    def _enough_samples(self) -> EvalCommandConfig:
        if self.greedy and self.samples != 1:
            raise ValueError(f"greedy gives one answer, samples is {self.samples}: set samples = 1 or greedy = false")
        if max(self.ks) > self.samples:
            raise ValueError(f"pass@{max(self.ks)} needs as many samples, samples is {self.samples}: draw more")
        return self


class KeepConfig(Section):
    """Which judged completions are kept, and how many of each prompt."""

    min_reward: float | None = Field(default=1.0, allow_inf_nan=False, description="least reward; none: any")
    components: dict[str, float] = Field(
        default_factory=dict, description="least value of each, such as { format = 1.0 }; one without a value fails"
    )
    no_flags: tuple[str, ...] = Field(
        default=(
            "multiple_final_answers",
            "earlier_boxes_differ",
            "denied_answer",
            "contradiction",
            "language_mixed",
            "repetitive",
        ),
        description="flags of which none may be raised: by default those of hedged, mixed and repetitive answers",
    )
    truncated: bool = Field(default=False, description="keep completions that ran into the length limit too")
    duplicates: Literal["keep", "exact", "normalised"] = Field(
        default="normalised", description="of one prompt: same text, or same to a reader"
    )
    per_prompt: Positive | None = Field(default=4, description="most kept of a prompt; none: all")
    prefer: Literal["shortest", "random", "best"] = Field(
        default="best", description="which are kept of too many: fewest tokens, a seeded draw, or highest reward"
    )


class SampleConfig(Section):
    """Rejection sampling: completions drawn, judged, and kept where they are good."""

    preset: str | None = Field(default=None, description="settings of a known benchmark; `presets` lists them")
    seed: int = Field(default=0, ge=0, description="of the samples")
    resume: bool = Field(default=False, description="go on behind the last samples on disk")
    run: RunConfig = Field(default_factory=lambda: RunConfig(dir=Path("runs/sample")))
    model: ModelConfig
    problems: ProblemsConfig
    samples: Positive = Field(default=4, description="completions drawn of each prompt")
    keep: KeepConfig = Field(default_factory=KeepConfig)
    keep_all: bool = Field(default=False, description="write every judged completion too, as dpo wants it")
    parquet: Literal["auto", "yes", "no"] = Field(default="auto", description="auto: where pyarrow is installed")
    sampler: SamplerConfig = Field(default_factory=SamplerConfig)
    reward: RewardConfig = Field(default_factory=RewardConfig)


class HeldOutConfig(Section):
    """Problems answered greedily and judged by the server, before and after, and between."""

    problems: ProblemsConfig
    every: int = Field(default=0, ge=0, description="optimizer steps between evaluations; 0: only before and after")
    batch_rows: Positive = Field(default=256, description="most answers drawn together")
    max_new_tokens: Positive = Field(default=256, description="longest answer")
    accuracy_component: str = Field(default="math", description="right means this component's value is 1")


class _Course(Section):
    """What learning from a file has in common."""

    seed: int = Field(default=0, ge=0, description="of weights and of the order of the data")
    resume: bool = Field(default=False, description="go on from the run's last complete checkpoint")
    model: ModelConfig
    held_out: HeldOutConfig | None = Field(default=None, description="evaluation; none: no reward server is needed")
    reward: RewardConfig = Field(default_factory=RewardConfig, description="used by held_out alone")


class SftCommandConfig(_Course):
    """Supervised fine-tuning on demonstrations: a cold start, or the distillation of a teacher's samples."""

    run: RunConfig = Field(default_factory=lambda: RunConfig(dir=Path("runs/sft")))
    problems: ProblemsConfig
    sft: SftConfig

    @model_validator(mode="after")
    def _there_is_work(self) -> SftCommandConfig:
        if self.sft.steps < 1:
            raise ValueError("sft.steps is 0, so nothing would be learnt: give the number of optimizer steps")
        return self


class PairsConfig(Section):
    """Pairs of a right and a wrong completion of one prompt, out of judged completions."""

    path: Path = Field(description="JSONL file of judged completions, as `sample --keep_all` writes it")
    by: Literal["component", "reward"] = Field(
        default="component", description="right is 1 in `component`; or one reward is higher than the other"
    )
    component: str = Field(default="math", description="the component that tells right from wrong")
    min_gap: float = Field(default=0.0, ge=0.0, description="least difference of the two rewards; 0: any above none")
    per_prompt: Positive = Field(default=4, description="most pairs of a prompt")
    balance_length: bool = Field(
        default=False, description="take pairs so that chosen are on the whole as long as rejected"
    )
    truncated: bool = Field(default=False, description="let completions that ran into the length limit be rejected")
    max_tokens: Positive = Field(default=2048, description="longest prompt with completion; longer pairs are left out")


class DpoConfig(Section):
    """Learning from the pairs."""

    steps: Positive = Field(description="optimizer steps")
    batch: Positive = Field(default=32, description="pairs per optimizer step")
    micro_batch: Positive = Field(default=8, description="pairs per forward pass; changes memory, not the result")
    loss: PreferenceConfig = Field(default_factory=PreferenceConfig)
    optim: OptimConfig = Field(default_factory=OptimConfig)


class DpoCommandConfig(_Course):
    """Direct preference optimisation on pairs of verified completions."""

    run: RunConfig = Field(default_factory=lambda: RunConfig(dir=Path("runs/dpo")))
    pairs: PairsConfig
    prompts: PromptTextConfig = Field(default_factory=PromptTextConfig, description="as they were sampled")
    dpo: DpoConfig
