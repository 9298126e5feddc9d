"""What is healthy in a run: bounds of metrics, and what happens when one is left. Rules: `trainer_client.monitor`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer_client.config.section import Positive, Section, Share


class Bounds(Section):
    """The healthy range of a metric; none: unbounded."""

    low: float | None = Field(default=None, description="below this is unhealthy")
    high: float | None = Field(default=None, description="above this is unhealthy")

    @model_validator(mode="after")
    def _in_order(self) -> Bounds:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"expected low < high, got {self.low} and {self.high}")
        return self


class DriftConfig(Section):
    """Lengths that run away: the mean of the newest steps against that of the run's first."""

    window: Positive = Field(default=10, description="steps on each side")
    low: float = Field(default=1 / 3, gt=0.0, lt=1.0, description="smallest healthy quotient")
    high: float = Field(default=3.0, gt=1.0, description="largest healthy quotient")


class StagnationConfig(Section):
    """The form is learnt, the task is not: format saturated while accuracy stands still."""

    component: str = Field(default="format", description="the format component of the profile, where it has one")
    window: int = Field(default=50, ge=4, description="steps looked back on")
    saturated: Share = Field(default=0.98, description="mean of the component from which on it is saturated")
    gain: float = Field(default=0.01, ge=0.0, description="accuracy gained by the later half of the window is flat")
    solved: Share = Field(default=0.9, description="an accuracy above this is no stagnation but the end of the task")


class SetbackConfig(Section):
    """What was learnt is lost again: the mean accuracy of the newest steps against the best such mean before."""

    window: Positive = Field(default=5, description="steps in a mean")
    drop: float = Field(
        default=0.2,
        gt=0.0,
        le=1.0,
        description="accuracy lost that counts; with few prompts a step, only what is beyond chance",
    )


class UnsolvedConfig(Section):
    """Nothing is solved: what is learnt, if anything, is not the task."""

    window: Positive = Field(default=20, description="steps looked back on")
    accuracy: Share = Field(default=0.01, description="a mean accuracy of at most this is none")


class HackingConfig(Section):
    """Reward hacking: the reward rises, and what it should stand for does not."""

    window: int = Field(default=10, ge=4, description="steps looked back on")
    reward_gain: float = Field(default=0.2, gt=0.0, description="reward gained by the later half of the window")
    accuracy_gain: float = Field(default=0.0, ge=0.0, description="accuracy gained by it that explains the reward")
    solved: Share = Field(default=0.9, description="an accuracy above this explains any reward")


class MonitorConfig(Section):
    """Alarms. A metric that is not measured, such as a divergence without a reference, raises none."""

    on_alarm: Literal["warn", "pause", "stop"] = Field(
        default="warn",
        description="warn: say it and go on; pause: write a checkpoint and end; stop: end, to go back to the last one",
    )
    patience: Positive = Field(default=3, description="steps in a row outside of the bounds before an alarm")
    entropy: Bounds = Field(default=Bounds(low=0.005, high=6.0), description="sampler's, nats a token: collapse, chaos")
    kl: Bounds = Field(default=Bounds(high=1.0), description="divergence from the reference, nats a token")
    old_kl: Bounds = Field(default=Bounds(high=0.1), description="divergence within one batch's steps, nats a token")
    clip_share: Bounds = Field(
        default=Bounds(high=0.8),
        description="share of tokens whose ratio was clipped; a healthy gspo clips half of them",
    )
    grad_norm: Bounds = Field(default=Bounds(high=100.0), description="before clipping")
    dead_group_share: Bounds = Field(default=Bounds(high=0.95), description="groups whose rewards are all equal")
    unscored_share: Bounds = Field(default=Bounds(high=0.1), description="rollouts without a score")
    log_prob_gap: Bounds = Field(default=Bounds(high=0.05), description="largest sampler-trainer difference, nats")
    truncated_share: Bounds = Field(default=Bounds(high=0.5), description="completions that reached the limit")
    identical_share: Bounds = Field(default=Bounds(high=0.95), description="groups whose completions are all the same")
    skipped_share: Bounds = Field(default=Bounds(high=0.1), description="rollouts whose ground truth is unusable")
    skipped_updates: Bounds = Field(default=Bounds(high=0.0), description="optimizer steps with a gradient not finite")
    length_drift: DriftConfig = Field(default_factory=DriftConfig)
    stagnation: StagnationConfig = Field(default_factory=StagnationConfig)
    setback: SetbackConfig = Field(default_factory=SetbackConfig)
    unsolved: UnsolvedConfig = Field(default_factory=UnsolvedConfig)
    hacking: HackingConfig = Field(default_factory=HackingConfig)
