"""From one configuration to the stages of the R1 recipe, each with the whole configuration of its command. Pure.

    0-base                          measured only
    1-cold-start                    sft on demonstrations                        base -> policy
    2-rl                            train, without its cold start                policy -> policy
    3-rejection-sampling            sample: the policy draws, the server keeps   policy -> samples
    4-refining                      sft on the samples (and demonstrations)      base or policy -> policy
    5-rl-PROFILE, 6-rl-PROFILE ...  train, one stage for each profile            policy -> policy
    7-teacher-samples               sample                                       policy -> samples
    8-distillation                  sft of another model                         samples -> student

Stages that the configuration leaves out are not numbered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer_client.config import (
    DataConfig,
    EvalConfig,
    ModelConfig,
    RewardConfig,
    RlConfig,
    RunConfig,
    SftConfig,
    TrainConfig,
)
from trainer_client.config.recipes import EvalCommandConfig, ProblemsConfig, SampleConfig, SftCommandConfig
from trainer_client.config.recipes_r1 import DrawConfig, R1Config, RlStageConfig
from trainer_client.recipes.sample import SAMPLES
from trainer_client.run_dir import FINAL_MODEL

BASE = "0-base"
MIXTURE = "demonstrations.jsonl"
MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Stage:
    """`config` is that of the command that does the stage, None where there is nothing to do but to measure.

    `needs` are the stages whose output it takes. `against` is the stage whose model this one's is compared with, and
    `model` its own; both None where no model comes out. `mixed_in` is learnt from together with the samples `drawn_in`.
    """

    name: str
    config: SftCommandConfig | TrainConfig | SampleConfig | None
    needs: tuple[str, ...] = ()
    against: str | None = None
    model: ModelConfig | None = None
    drawn_in: str | None = None
    mixed_in: ProblemsConfig | None = None


def stages_of(config: R1Config) -> tuple[Stage, ...]:
    """All stages in their order. Their paths lie in `run.dir`; nothing is read or written."""
    return tuple(_Sequence(config).stages())


def measurement(config: R1Config, stage: Stage) -> EvalCommandConfig:
    """How the stage's model is measured: the same problems and the same profile for all."""
    if stage.model is None:
        raise ValueError(f"stage {stage.name} has no model")
    how = config.comparison
    problems = how.problems or _held_out(config.data).model_copy(update={"limit": how.limit})
    return EvalCommandConfig(
        seed=config.seed,
        run=_at(config.run, config.run.dir / stage.name / MEASURED),
        model=stage.model,
        problems=problems,
        samples=how.samples,
        greedy=how.greedy,
        confidence=how.confidence,
        accuracy_component=how.accuracy_component,
        sampler=how.sampler,
        reward=config.reward,
    )


class _Sequence:
    """Numbers the stages and remembers which model is the newest."""

    def __init__(self, config: R1Config) -> None:
        self._config = config
        self._policy, self._policy_model = BASE, config.model
        self._count = 0

    def stages(self) -> Iterator[Stage]:
        config = self._config
        yield Stage(BASE, None, model=config.model)
        if config.cold_start is not None:
            problems = config.cold_start.problems or _training(config.data)
            yield self._learnt_from(self._named("cold-start"), config.model, problems, config.cold_start, (BASE,))
        yield self._reinforced(self._named("rl"), config.rl)
        if config.rejection_sampling is not None and config.refining is not None:
            yield from self._refined(config.rejection_sampling)
        for one in config.all_profiles:
            yield self._reinforced(self._named(f"rl-{one.profile or config.reward.profile}"), one)
        if config.distillation is not None:
            draw = self._drawn(self._named("teacher-samples"), config.distillation.draw)
            yield draw
            student = self._named("distillation")
            yield self._taught(student, config.distillation.model, draw, config.distillation, None, (self._policy,))

    def _refined(self, draw: DrawConfig) -> Iterator[Stage]:
        how = self._config.refining
        if how is None:
            return
        samples = self._drawn(self._named("rejection-sampling"), draw)
        yield samples
        start = (BASE, self._config.model) if how.start == "base" else (self._policy, self._policy_model)
        yield self._taught(self._named("refining"), start[1], samples, how, how.demonstrations, (start[0],))

    def _named(self, what: str) -> str:
        self._count += 1
        return f"{self._count}-{what}"

    def _taught(
        self,
        name: str,
        model: ModelConfig,
        samples: Stage,
        how: SftConfig,
        mixed_in: ProblemsConfig | None,
        also: tuple[str, ...],
    ) -> Stage:
        """Learning from samples; with others mixed in, from a file that is written for it."""
        directory = self._config.run.dir
        path = directory / samples.name / SAMPLES if mixed_in is None else directory / name / MIXTURE
        stage = self._learnt_from(name, model, _as_prompted(self._config.data, path), how, (samples.name, *also))
        return Stage(name, stage.config, stage.needs, stage.against, stage.model, samples.name, mixed_in)

    def _learnt_from(
        self, name: str, model: ModelConfig, problems: ProblemsConfig, how: SftConfig, needs: tuple[str, ...]
    ) -> Stage:
        config = self._config
        settings = {key: getattr(how, key) for key in SftConfig.model_fields}
        command = SftCommandConfig(
            seed=config.seed,
            run=_at(config.run, config.run.dir / name),
            model=model,
            problems=problems,
            sft=SftConfig(**settings),
        )
        return self._advanced(name, command, needs)

    def _reinforced(self, name: str, how: RlStageConfig) -> Stage:
        config = self._config
        data = how.data or config.data
        settings = {key: getattr(how, key) for key in RlConfig.model_fields}
        command = TrainConfig(
            preset=config.preset,
            seed=config.seed,
            run=_at(config.run, config.run.dir / name),
            model=self._policy_model,
            data=data,
            rl=RlConfig(**settings),
            reward=_judged_by(config.reward, how.profile),
            evaluation=_watch(config, data),
            monitor=config.monitor,
        )
        return self._advanced(name, command, (self._policy,))

    def _advanced(self, name: str, command: SftCommandConfig | TrainConfig, needs: tuple[str, ...]) -> Stage:
        model = ModelConfig(path=self._config.run.dir / name / FINAL_MODEL)
        stage = Stage(name, command, needs, self._policy, model)
        self._policy, self._policy_model = name, model
        return stage

    def _drawn(self, name: str, how: DrawConfig) -> Stage:
        config = self._config
        command = SampleConfig(
            seed=config.seed,
            run=_at(config.run, config.run.dir / name),
            model=self._policy_model,
            problems=how.problems or _training(config.data),
            samples=how.samples,
            keep=how.keep,
            keep_all=True,
            parquet="no",
            sampler=how.sampler,
            reward=_judged_by(config.reward, how.profile),
        )
        return Stage(name, command, (self._policy,))


def _at(run: RunConfig, directory: Path) -> RunConfig:
    return run.model_copy(update={"dir": directory})


def _judged_by(reward: RewardConfig, profile: str | None) -> RewardConfig:
    return reward if profile is None else reward.model_copy(update={"profile": profile})


def _watch(config: R1Config, data: DataConfig) -> EvalConfig:
    """The evaluations inside an RL stage; they are for the eye, the comparison has its own."""
    limit = config.comparison.limit or EvalConfig().problems
    there = data.task.held_out_problems if data.task else limit
    component = config.comparison.accuracy_component
    return EvalConfig(every=config.evaluate_every, problems=min(limit, there), accuracy_component=component)


def _as_prompted(data: DataConfig, path: Path) -> ProblemsConfig:
    """A file of samples, whose prompts are built as they were when the samples were drawn."""
    return ProblemsConfig(
        path=path, template=data.template, chat=data.chat, system=data.system, max_prompt_tokens=data.max_prompt_tokens
    )


def _training(data: DataConfig) -> ProblemsConfig:
    return _part(data, "train", data.train)


def _held_out(data: DataConfig) -> ProblemsConfig:
    return _part(data, "held_out", data.held_out)


def _part(data: DataConfig, split: str, path: Path | None) -> ProblemsConfig:
    """One side of the run's problems."""
    tasks = ("addition", "countdown", "sorting", "arithmetic", "reasoning_gym")
    alike = ("template", "chat", "system", "fields", "max_broken_rows", "max_prompt_tokens")
    values = {name: getattr(data, name) for name in (*tasks, *alike)}
    return ProblemsConfig.model_validate({**values, "path": path, "split": split})
