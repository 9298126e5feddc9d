"""The settings of `trainer-client r1`: the stages of DeepSeek-R1 in one file. A leaf.

Source: DeepSeek-R1 (arXiv:2501.12948), 2.3 (cold start, RL, rejection sampling and fine-tuning, RL for all scenarios)
and 2.4 (distillation).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from trainer_client.config import DataConfig, ModelConfig, RewardConfig, RlConfig, RunConfig, SamplerConfig, SftConfig
from trainer_client.config.monitor import MonitorConfig
from trainer_client.config.presets import with_preset
from trainer_client.config.recipes import KeepConfig, ProblemsConfig
from trainer_client.config.section import Positive, Section


class ColdStartConfig(SftConfig):
    """Demonstrations that show the form of an answer before there is any reward."""

    problems: ProblemsConfig | None = Field(
        default=None, description="the demonstrations; none: those of the training problems in data"
    )


class RlStageConfig(RlConfig):
    """Reinforcement learning under one profile: the settings of `train`'s [rl], and these."""

    profile: str | None = Field(default=None, min_length=1, description="what judges this stage; none: reward.profile")
    data: DataConfig | None = Field(default=None, description="problems of this stage; none: those of the whole run")


class DrawConfig(Section):
    """What a policy draws and the server's verdicts keep, for a model to learn from."""

    problems: ProblemsConfig | None = Field(default=None, description="what is asked; none: the training problems")
    samples: Positive = Field(default=4, description="completions drawn of each problem")
    keep: KeepConfig = Field(default_factory=KeepConfig)
    sampler: SamplerConfig = Field(default_factory=SamplerConfig)
    profile: str | None = Field(default=None, min_length=1, description="what judges them; none: reward.profile")


class RefiningConfig(SftConfig):
    """Fine-tuning on what the RL policy drew and the server kept."""

    start: Literal["base", "policy"] = Field(
        default="base", description="base: the model that the run began with, as in R1; policy: the one that drew"
    )
    demonstrations: ProblemsConfig | None = Field(
        default=None, description="demonstrations that are mixed in, such as of what RL has no reward for"
    )


class DistillationConfig(SftConfig):
    """A model, as a rule a smaller one, learns from verified samples of the last policy."""

    model: ModelConfig
    draw: DrawConfig = Field(default_factory=DrawConfig)


class ComparisonConfig(Section):
    """The problems on which every model is measured, so that stages can be compared."""

    problems: ProblemsConfig | None = Field(default=None, description="none: the held-out problems of data")
    limit: Positive | None = Field(
        default=None, description="problems used of those of data, from the first; none: all"
    )
    samples: Positive = Field(default=1, description="answers to each problem")
    greedy: bool = Field(default=True, description="the most likely answer; sampled ones where samples is above 1")
    confidence: float = Field(default=0.95, gt=0.0, lt=1.0, description="of the intervals")
    accuracy_component: str = Field(default="math", description="right means this component's value is 1")
    format_component: str = Field(default="format", description="well formed means this component's value is 1")
    sampler: SamplerConfig = Field(default_factory=SamplerConfig)

    @model_validator(mode="after")
    def _greedy_gives_one_answer(self) -> ComparisonConfig:
        if self.greedy and self.samples != 1:
            raise ValueError(f"greedy gives one answer, samples is {self.samples}: set samples = 1 or greedy = false")
        return self


class R1Config(Section):
    """The sequence of DeepSeek-R1; a stage that is left out of the file is left out of the run, but for [rl]."""

    preset: str | None = Field(default=None, description="the algorithm that every RL stage begins from")
    seed: int = Field(default=0, ge=0, description="of every stage: weights, order of data, sampling")
    resume: bool = Field(default=False, description="go on in the stage that was under way")
    run: RunConfig = Field(default_factory=lambda: RunConfig(dir=Path("runs/r1")))
    model: ModelConfig
    data: DataConfig
    cold_start: ColdStartConfig | None = Field(default=None, description="none: RL from the base model, as R1-Zero")
    rl: RlStageConfig
    rejection_sampling: DrawConfig | None = Field(default=None, description="needs refining, which learns from it")
    refining: RefiningConfig | None = Field(default=None, description="fine-tuning on the samples that were kept")
    all_profiles: tuple[RlStageConfig, ...] = Field(default=(), description="RL again, one profile after the other")
    distillation: DistillationConfig | None = None
    reward: RewardConfig = Field(default_factory=RewardConfig)
    comparison: ComparisonConfig = Field(default_factory=ComparisonConfig)
    evaluate_every: int = Field(default=0, ge=0, description="RL steps between evaluations inside a stage; 0: its ends")
    monitor: MonitorConfig = Field(default_factory=MonitorConfig)

    @model_validator(mode="after")
    def _samples_are_drawn_and_learnt_from(self) -> R1Config:
        if (self.rejection_sampling is None) != (self.refining is None):
            given, missing = ("rejection_sampling", "refining")[:: 1 if self.refining is None else -1]
            raise ValueError(f"[{given}] is given without [{missing}]: give both, or neither")
        return self

    @model_validator(mode="after")
    def _stages_have_steps(self) -> R1Config:
        learning: dict[str, SftConfig | RlConfig | None] = {
            "cold_start": self.cold_start,
            "rl": self.rl,
            "refining": self.refining,
            **{f"all_profiles[{place}]": stage for place, stage in enumerate(self.all_profiles)},
            "distillation": self.distillation,
        }
        if idle := [name for name, stage in learning.items() if stage is not None and stage.steps < 1]:
            raise ValueError(
                f"{', '.join(idle)}: steps is 0, so nothing would be learnt; leave the section out instead"
            )
        return self

    @model_validator(mode="after")
    def _problems_of_every_stage_are_known(self) -> R1Config:
        """A mixture has no order in which all of it could be drawn from once."""
        asking: dict[str, ColdStartConfig | DrawConfig | None] = {
            "cold_start": self.cold_start,
            "rejection_sampling": self.rejection_sampling,
            "distillation.draw": self.distillation.draw if self.distillation else None,
        }
        open_ones = [name for name, stage in asking.items() if stage is not None and stage.problems is None]
        if self.data.mix and open_ones:
            raise ValueError(
                f"data.mix is for RL; name one file for {', '.join(open_ones)}, in `problems` of each of them"
            )
        return self


def with_algorithm(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of `r1` with that algorithm below every RL stage. Raises ValueError for an unknown name."""
    stages = [with_preset(name, stage) for stage in values.get("all_profiles", [])]
    return {**values, "rl": with_preset(name, values.get("rl", {})), "all_profiles": stages}
