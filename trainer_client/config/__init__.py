"""Every setting of the trainer with its range, unit and reason; the defaults live here and nowhere else. A leaf.

`command_line.load` builds it from a TOML file and options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from trainer_client.config.advantage import AdvantageConfig
from trainer_client.config.critic import CriticConfig
from trainer_client.config.data import AdditionConfig as AdditionConfig
from trainer_client.config.data import DataConfig as DataConfig
from trainer_client.config.data import FieldsConfig as FieldsConfig
from trainer_client.config.loss import LossConfig
from trainer_client.config.monitor import MonitorConfig
from trainer_client.config.optim import OptimConfig
from trainer_client.config.reference import ReferenceConfig
from trainer_client.config.section import Positive, Seconds, Section, Share
from trainer_client.config.selection import SelectionConfig


class RunConfig(Section):
    """Where the run lies and on what it computes."""

    dir: Path = Field(default=Path("runs/train"), description="directory of the run; must be new unless --resume")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto takes cuda where there is one")
    threads: Positive = Field(
        default=1, description="CPU threads of torch; more than one spins on a shared machine and breaks exact resume"
    )
    checkpoint_every: int = Field(default=25, ge=0, description="steps between checkpoints; 0 writes only at the end")
    keep_checkpoints: Positive = Field(default=2, description="how many of the newest checkpoints stay on disk")
    rank_wait_seconds: Seconds = Field(
        default=900.0,
        description="under torchrun: how much longer than reward.max_wait_seconds a process waits for the others",
    )


class FreshModelConfig(Section):
    """A small Llama-shaped model with random weights and a tokenizer of single characters."""

    hidden: int = Field(default=64, ge=8, description="width of the residual stream; a multiple of 2*heads")
    intermediate: int = Field(default=160, ge=8, description="width of the MLP; about 8/3 of hidden")
    layers: Positive = Field(default=2, description="transformer blocks")
    heads: Positive = Field(default=4, description="attention heads (no grouped queries)")
    max_positions: int = Field(default=256, ge=8, description="longest sequence, in tokens")
    alphabet: str = Field(default="0123456789+-=;. ", min_length=1, description="one token for each character")
    tags: tuple[str, ...] = Field(
        default=("<think>", "</think>", "<answer>", "</answer>"), description="strings that are one token each"
    )

    @model_validator(mode="after")
    def _rotary_needs_even_heads(self) -> FreshModelConfig:
        if self.hidden % (2 * self.heads):
            raise ValueError(f"hidden must be a multiple of 2*heads = {2 * self.heads}, got {self.hidden}")
        return self


class ModelConfig(Section):
    """Which model is trained: exactly one of `path` and `fresh`."""

    path: Path | None = Field(default=None, description="a Hugging Face directory: weights and tokenizer")
    fresh: FreshModelConfig | None = Field(default=None, description="build a small random model on the spot")

    @model_validator(mode="after")
    def _one_source(self) -> ModelConfig:
        if (self.path is None) == (self.fresh is None):
            raise ValueError("give exactly one of model.path and model.fresh")
        return self


class SftOptimConfig(OptimConfig):
    """The same for the cold start, whose steps are larger."""

    lr: float = Field(default=1e-5, gt=0.0, le=1.0, description="learning rate after the warm-up")


class SftConfig(Section):
    """The cold start: likelihood of demonstrations."""

    steps: int = Field(default=0, ge=0, description="optimizer steps; 0 leaves the cold start out")
    batch: Positive = Field(default=64, description="demonstrations per optimizer step")
    micro_batch: Positive = Field(default=64, description="rows per forward pass; changes memory, not the result")
    optim: SftOptimConfig = Field(default_factory=SftOptimConfig)


class SamplerConfig(Section):
    """How completions are drawn. No top-p, top-k or min-p: the loss is over the same full distribution."""

    temperature: float = Field(
        default=1.0, ge=1e-6, le=100.0, description="applied in the sampler and in the loss alike"
    )
    max_new_tokens: Positive = Field(default=256, description="longest completion; what reaches it is truncated")
    batch_rows: Positive = Field(default=512, description="most completions drawn together, then sent to be scored")


class RlConfig(Section):
    """Reinforcement learning from the reward server."""

    steps: int = Field(default=100, ge=0, description="rollout batches; 0 leaves RL out")
    prompts: Positive = Field(default=32, description="P, prompts per step")
    group: Positive = Field(default=8, description="G, completions per prompt; group baselines need two or more")
    epochs: Positive = Field(default=1, description="passes over each rollout batch (mu)")
    minibatches: Positive = Field(default=1, description="optimizer steps per pass")
    micro_batch: Positive = Field(default=64, description="rows per forward pass; changes memory, not the result")
    advantage: AdvantageConfig = Field(default_factory=AdvantageConfig)
    selection: SelectionConfig = Field(default_factory=SelectionConfig)
    loss: LossConfig = Field(default_factory=LossConfig)
    old_log_probs: Literal["auto", "trainer", "sampler"] = Field(
        default="auto",
        description="of the policy that drew the tokens. auto: with one optimizer step a batch the current ones; with "
        "several the sampler's, or, where those differ from the trainer's by more than `sampler_tolerance` or are "
        "corrected for, one more pass of the trainer",
    )
    sampler_tolerance: float = Field(
        default=1e-3, gt=0.0, description="largest difference of log-probs for which sampler and trainer are the same"
    )
    logits_chunk: Positive = Field(
        default=4096, description="positions whose logits are in memory at a time; changes memory, not the result"
    )
    reference: ReferenceConfig = Field(default_factory=ReferenceConfig)
    critic: CriticConfig | None = Field(default=None, description="a value head: for gae, or for hybrid baselines")
    sampler: SamplerConfig = Field(default_factory=SamplerConfig)
    optim: OptimConfig = Field(default_factory=OptimConfig)

    @model_validator(mode="after")
    def _minibatches_have_rows(self) -> RlConfig:
        if self.minibatches > self.prompts * self.group:
            raise ValueError(f"rl.minibatches is {self.minibatches}, but a step has {self.prompts * self.group} rows")
        return self

    @model_validator(mode="after")
    def _groups_are_large_enough(self) -> RlConfig:
        if self.group < 2 and self.advantage.needs_groups:
            raise ValueError(
                f"rl.group is {self.group}, but {self.advantage.estimator} compares the completions of a prompt: "
                "give at least 2, or use estimator = reinforce_pp or gae"
            )
        gfpo = self.advantage.gfpo
        if gfpo is not None and (gfpo.most > self.group or (gfpo.adaptive is None and gfpo.keep == self.group)):
            raise ValueError(
                f"gfpo keeps {gfpo.most} of rl.group = {self.group} completions, which filters nothing: sample more, "
                "or keep fewer"
            )
        return self

    @model_validator(mode="after")
    def _steps_fit_the_objective(self) -> RlConfig:
        if self.loss.objective == "reinforce" and self.epochs * self.minibatches > 1:
            raise ValueError(
                f"loss.objective = reinforce is the gradient of the policy that drew the tokens, but epochs * "
                f"minibatches = {self.epochs * self.minibatches} steps move away from it: take 1, or objective = clip"
            )
        if self.loss.correction.mode != "none" and self.old_log_probs == "sampler":
            raise ValueError(
                "loss.correction weighs the trainer's log-probs against the sampler's; old_log_probs = sampler makes "
                "them the same: use auto or trainer"
            )
        return self

    @model_validator(mode="after")
    def _what_changes_the_reward_is_not_lost(self) -> RlConfig:
        if self.advantage.takes_whole_reward:
            return self
        cause = (
            "objectives take the components apart" if self.advantage.objectives else "process leaves the outcome out"
        )
        if self.selection.soft_overlong is not None:
            raise ValueError(
                f"selection.soft_overlong changes the completion's whole reward, but advantage.{cause}: the punishment "
                "would be lost; leave it out, or have the profile judge the length and give that component a weight"
            )
        if self.loss.kl.place == "reward" and self.loss.kl.beta > 0.0:
            raise ValueError(
                f"loss.kl.place = reward changes the completion's whole reward, but advantage.{cause}: the divergence "
                "would hold the policy to nothing; set loss.kl.place = loss"
            )
        return self

    @model_validator(mode="after")
    def _a_refreshed_reference_is_used(self) -> RlConfig:
        if self.reference.refresh != "never" and self.loss.kl.beta == 0.0:
            raise ValueError(
                f"reference.refresh = {self.reference.refresh}, but loss.kl.beta is 0 and no reference is kept: "
                "give a beta, or leave the refresh out"
            )
        return self

    @model_validator(mode="after")
    def _a_sequence_ratio_has_one_advantage(self) -> RlConfig:
        if self.loss.ratio == "sequence" and self.advantage.varies_in_a_row:
            cause = "process supervision" if self.advantage.process else self.advantage.estimator
            raise ValueError(
                f"loss.ratio = sequence takes one advantage for a completion, but {cause} gives each token its own: "
                "use loss.ratio = sequence_token"
            )
        return self

    @model_validator(mode="after")
    def _dropped_groups_teach_nothing(self) -> RlConfig:
        if self.selection.dynamic_sampling is None:
            return self
        if not self.advantage.needs_groups or self.advantage.hybrid is not None:
            learner = "hybrid" if self.advantage.hybrid else self.advantage.estimator
            raise ValueError(
                "selection.dynamic_sampling drops groups of equal accuracy, of which a group mean leaves nothing; "
                f"{learner} learns from them: turn one off"
            )
        return self

    @model_validator(mode="after")
    def _a_critic_is_there_and_used(self) -> RlConfig:
        used = self.advantage.estimator == "gae" or self.advantage.hybrid is not None
        if used and self.critic is None:
            user = "hybrid" if self.advantage.hybrid else "estimator = gae"
            raise ValueError(f"advantage.{user} needs value estimates: add [rl.critic] (an empty table will do)")
        if self.critic is not None and not used:
            raise ValueError(
                f"rl.critic is given, but advantage.estimator = {self.advantage.estimator} uses no values: leave it "
                "out, or use estimator = gae or advantage.hybrid"
            )
        return self


class RewardConfig(Section):
    """The reward server and what happens when it does not answer."""

    url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://", description="base URL, without /v1")
    profile: str = Field(default="r1-zero-math", min_length=1, description="the server's profile that judges")
    api_key_env: str | None = Field(default=None, description="environment variable that holds the bearer key")
    batch_items: int = Field(
        default=64, ge=1, le=1024, description="most completions in one request; a group stays whole"
    )
    concurrency: Positive = Field(default=4, description="requests in flight")
    deadline_ms: int = Field(default=60_000, ge=1, le=600_000, description="the server's time for one request, in ms")
    timeout_seconds: Seconds = Field(default=90.0, description="our time for one attempt; longer than the deadline")
    backoff_seconds: Seconds = Field(default=0.25, description="first pause before a retry; doubles, with jitter")
    max_backoff_seconds: Seconds = Field(default=10.0, description="longest pause before a retry")
    max_item_retries: int = Field(default=3, ge=0, description="new attempts for items the server failed to judge")
    max_wait_seconds: float = Field(default=300.0, ge=0.0, description="patience with a dead server, for each step")
    on_unscored: Literal["mask", "stop"] = Field(default="mask", description="mask goes on without; stop ends the run")
    max_unscored_share: Share = Field(default=0.5, description="more than this unscored makes a step a bad one")
    max_unscored_steps: Positive = Field(default=3, description="this many bad steps in a row end the run")

    @field_validator("url")
    @classmethod
    def _host_and_port_can_be(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            possible = bool(parts.hostname) and parts.port != 0
        except ValueError:
            possible = False
        if not possible:
            raise ValueError("expected http(s)://HOST:PORT with a host and a port of 1..65535, such as the default")
        return url

    @model_validator(mode="after")
    def _attempt_outlasts_deadline(self) -> RewardConfig:
        if self.timeout_seconds * 1000 <= self.deadline_ms:
            raise ValueError(
                f"reward.timeout_seconds ({self.timeout_seconds} s) must be longer than "
                f"reward.deadline_ms ({self.deadline_ms} ms)"
            )
        return self


class EvalConfig(Section):
    """Held-out problems, greedy, judged by the same server."""

    every: int = Field(default=20, ge=0, description="RL steps between evaluations; 0: only before and after")
    problems: Positive = Field(default=256, description="held-out problems used, from the first")
    accuracy_component: str = Field(default="math", description="right means this component's value is 1")
    samples: int = Field(default=4, ge=0, description="completions written to samples.jsonl each time")


class TrainConfig(Section):
    """A whole run."""

    preset: str | None = Field(default=None, description="the algorithm that rl begins from; `presets` lists them")
    seed: int = Field(default=0, ge=0, description="of weights, order of data and sampling")
    resume: bool = Field(default=False, description="go on from the run's last complete checkpoint")
    run: RunConfig = Field(default_factory=RunConfig)
    model: ModelConfig
    data: DataConfig
    sft: SftConfig = Field(default_factory=SftConfig)
    rl: RlConfig = Field(default_factory=RlConfig)
    reward: RewardConfig = Field(default_factory=RewardConfig)
    evaluation: EvalConfig = Field(default_factory=EvalConfig)
    monitor: MonitorConfig = Field(default_factory=MonitorConfig)

    @model_validator(mode="after")
    def _stages_fit(self) -> TrainConfig:
        if self.sft.steps and not self.data.has_demonstrations:
            raise ValueError("sft.steps > 0 needs data.fields.completion: the key that holds the demonstrations")
        if self.data.task and self.evaluation.problems > self.data.task.held_out_problems:
            raise ValueError(
                f"evaluation.problems ({self.evaluation.problems}) is more than the "
                f"held_out_problems ({self.data.task.held_out_problems}) of the task in data"
            )
        if self.sft.steps == 0 and self.rl.steps == 0:
            raise ValueError("nothing to do: sft.steps and rl.steps are both 0")
        return self
