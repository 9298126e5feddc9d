"""How rewards become advantages: the estimator and its refinements. The formulas are in `trainer_client.advantages`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from trainer_client.config.section import Positive, Section, Share, refuse_unused

Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Kept = Annotated[int, Field(ge=2)]

Estimator = Literal["grpo", "rloo", "reinforce_pp", "reinforce_pp_baseline", "gae"]
Scale = Literal["group", "batch", "none"]

_WHITENED: frozenset[Estimator] = frozenset({"reinforce_pp", "reinforce_pp_baseline", "gae"})
_WITH_GROUPS: frozenset[Estimator] = frozenset({"grpo", "rloo", "reinforce_pp_baseline"})


class ProcessConfig(Section):
    """Process supervision: rewards of single steps beside the reward of the whole completion.

    Two ways to join them. Apart (`outcome_as_step = false`): each kind is normalised on its own and the advantages
    are added, `outcome_weight * A_outcome + step_weight * A_steps`; `outcome_weight = 0` is the paper's own process
    supervision. As a step: the outcome reward becomes one more step at the last token, and all steps, each times its
    weight, are normalised together.
    """

    outcome_weight: Weight = Field(default=1.0, description="weight of the completion's own reward; 0 leaves it out")
    step_weight: Weight = Field(default=1.0, description="weight of the step rewards")
    outcome_as_step: bool = Field(default=False, description="the outcome is one more step, at the last token")

    @model_validator(mode="after")
    def _steps_count(self) -> ProcessConfig:
        if self.step_weight == 0.0:
            raise ValueError("process.step_weight is 0: nothing is left of the steps; leave `process` out instead")
        if self.outcome_as_step and self.outcome_weight == 0.0:
            raise ValueError(
                "process.outcome_as_step with outcome_weight = 0 adds a step of reward 0 to every completion, which "
                "moves the mean of the steps: set outcome_as_step = false to leave the outcome out"
            )
        return self


class ObjectivesConfig(Section):
    """The trainer's own weights for the server's components, and where the normalisation takes place."""

    weights: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default_factory=dict, description="component -> weight, to be given; one that is not named does not count"
    )
    combine: Literal["sum_then_normalise", "normalise_then_sum"] = Field(
        default="normalise_then_sum", description="the latter is GDPO: each component by its own group deviation"
    )
    whiten: bool = Field(default=False, description="GDPO's last stage: the sums by mean and deviation of the batch")

    @model_validator(mode="after")
    def _something_is_wanted(self) -> ObjectivesConfig:
        if not self.weights:
            raise ValueError(
                "objectives.weights says which of the profile's components count, and how much; none is given: name "
                "them, such as { math = 1.0, format = 0.2 }"
            )
        if not any(self.weights.values()):
            raise ValueError(f"objectives.weights are all 0 ({', '.join(self.weights)}): there is nothing to learn")
        if self.whiten and self.combine == "sum_then_normalise":
            raise ValueError(
                "objectives.whiten belongs to normalise_then_sum: sum_then_normalise has normalised its sum already"
            )
        return self


class AdaptiveKeepConfig(Section):
    """How many members of a group are kept, by how hard its prompt is at the moment (k of G = 16 in the paper)."""

    very_hard: Kept = Field(default=8, description="kept in the quarter of the groups with the lowest mean reward")
    hard: Kept = Field(default=8, description="kept in the second quarter")
    medium: Kept = Field(default=6, description="kept in the third quarter")
    easy: Kept = Field(default=4, description="kept in the quarter with the highest mean reward")
    window: Positive = Field(default=4096, description="newest groups whose mean rewards are ranked")
    warm_up: Positive = Field(default=128, description="groups to be seen before the first ranking; until then most")

    @model_validator(mode="after")
    def _window_holds_the_warm_up(self) -> AdaptiveKeepConfig:
        if self.window < self.warm_up:
            raise ValueError(
                f"gfpo.adaptive.window ({self.window} groups) never fills warm_up ({self.warm_up}): make it larger"
            )
        return self

    @property
    def most(self) -> int:
        """The largest number kept in any group."""
        return max(self.very_hard, self.hard, self.medium, self.easy)


class GfpoConfig(Section):
    """Group filtering: of G completions the k best by a metric are learnt from; the loss's divisor counts all G."""

    metric: Literal["length", "token_efficiency"] = Field(
        default="length", description="length keeps the shortest; token_efficiency the highest reward per token"
    )
    keep: Kept = Field(default=8, description="k for every group; `adaptive`, where given, takes its place")
    adaptive: AdaptiveKeepConfig | None = Field(default=None, description="k by difficulty instead")

    @property
    def most(self) -> int:
        """The largest number kept in any group."""
        return self.adaptive.most if self.adaptive else self.keep


class HybridConfig(Section):
    """The group's mean as baseline by default, a value head's estimate on chosen prompts.

    `few_scored` and `one_sided` choose without looking at the rewards, so the gradient stays unbiased. `dead` chooses
    the groups whose rewards turned out equal: they teach again, at the price of a bias, because the choice depends
    on what was sampled. `all` is a baseline by value alone. The estimate itself is learnt from every prompt.
    """

    choose: Literal["few_scored", "one_sided", "dead", "all"] = Field(
        default="few_scored", description="which prompts take the estimate"
    )
    min_scored: int = Field(default=2, ge=1, description="few_scored: groups with fewer scored members than this")
    low: float = Field(default=0.1, description="one_sided: estimates below this, in units of the reward...")
    high: float = Field(default=0.9, description="... or above this: the group's rewards will likely be equal")

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> HybridConfig:
        if self.low >= self.high:
            raise ValueError(f"hybrid.low ({self.low}) must be below hybrid.high ({self.high})")
        return self

    @model_validator(mode="after")
    def _settings_belong_to_the_choice(self) -> HybridConfig:
        refuse_unused(self, self.choose == "few_scored", ("min_scored",), "hybrid", "choose = few_scored")
        refuse_unused(self, self.choose == "one_sided", ("low", "high"), "hybrid", "choose = one_sided")
        return self


class AdvantageConfig(Section):
    """The estimator; a setting that it does not use is refused."""

    estimator: Estimator = Field(default="grpo", description="how the baseline is found; gae needs a critic")
    scale: Scale | None = Field(
        default=None, description="deviation grpo divides by: of the group (default), of the batch, or none (Dr. GRPO)"
    )
    ddof: int = Field(default=1, ge=0, le=1, description="divisor n - ddof of every variance (1 as TRL and verl)")
    eps: float = Field(default=1e-4, ge=0.0, description="added to every deviation (1e-4 as TRL)")
    whiten: bool | None = Field(
        default=None, description="tokens of the whole batch to mean 0, deviation 1; none: reinforce_pp* and gae do"
    )
    gamma: float = Field(default=1.0, gt=0.0, le=1.0, description="discount for each token: reinforce_pp* and gae")
    lam: Share = Field(default=1.0, description="gae: 1 is the whole return, 0 one step of it")
    process: ProcessConfig | None = Field(default=None, description="process supervision; grpo only")
    objectives: ObjectivesConfig | None = Field(default=None, description="several objectives; grpo only")
    gfpo: GfpoConfig | None = Field(default=None, description="keep k of G; grpo only")
    hybrid: HybridConfig | None = Field(default=None, description="value estimates on chosen prompts; grpo only")

    @property
    def scaled_by(self) -> Scale:
        """The deviation that grpo divides by."""
        return self.scale or "group"

    @property
    def whitens(self) -> bool:
        """Whether token advantages are whitened over the batch."""
        return self.estimator in _WHITENED if self.whiten is None else self.whiten

    @property
    def varies_in_a_row(self) -> bool:
        """Whether the tokens of one completion get different advantages."""
        return self.process is not None or self.estimator in ("reinforce_pp", "gae")

    @property
    def takes_whole_reward(self) -> bool:
        """Whether the completion's one reward decides: not with several objectives, nor with steps alone."""
        outcome_left_out = self.process is not None and self.process.outcome_weight == 0.0
        return self.objectives is None and not outcome_left_out

    @property
    def needs_groups(self) -> bool:
        """Whether a prompt needs more than one completion to have a baseline."""
        return self.estimator in _WITH_GROUPS and (self.hybrid is None or self.hybrid.choose != "all")

    @model_validator(mode="after")
    def _settings_belong_to_the_estimator(self) -> AdvantageConfig:
        if self.estimator != "grpo":
            self._refuse_what_only_grpo_uses()
        elif self.whiten:
            raise ValueError(
                "advantage.whiten is not for grpo, which divides by a deviation of its own: use scale = 'batch', "
                "or estimator = 'reinforce_pp_baseline' (group mean, then whitening)"
            )
        if self.gamma != 1.0 and self.estimator in ("grpo", "rloo"):
            raise ValueError(
                f"advantage.gamma is {self.gamma}, but {self.estimator} has one reward for a whole completion and "
                "discounts nothing: leave it at 1"
            )
        if self.lam != 1.0 and self.estimator != "gae":
            raise ValueError(f"advantage.lam is {self.lam}, but only gae uses it: leave it at 1")
        return self

    def _refuse_what_only_grpo_uses(self) -> None:
        only_grpo = {
            "scale": "divides by no group or batch deviation",
            "process": "has no group of steps to normalise over",
            "objectives": "normalises no objectives; weigh the components in the server's profile",
            "gfpo": "would need advantages over the kept set, which are defined for grpo",
            "hybrid": "has a baseline of its own",
        }
        for name, reason in only_grpo.items():
            if getattr(self, name) is not None:
                raise ValueError(f"advantage.{name} is for estimator = 'grpo': {self.estimator} {reason}")

    @model_validator(mode="after")
    def _refinements_fit(self) -> AdvantageConfig:
        if self.process and self.process.outcome_as_step and self.objectives:
            raise ValueError(
                "process.outcome_as_step needs one outcome reward, but `objectives` make several normalised ones: "
                "set outcome_as_step = false"
            )
        if self.hybrid is None:
            return self
        if self.scaled_by != "none":
            raise ValueError(
                f"hybrid needs scale = 'none', not '{self.scaled_by}': the rewards of a chosen group, or of a whole "
                "batch, may all be equal, and their distance to the estimate would be divided by eps alone"
            )
        for name in ("process", "objectives", "gfpo"):
            if getattr(self, name) is not None:
                raise ValueError(f"hybrid and {name} exclude each other: a value estimate is of the whole reward")
        return self
