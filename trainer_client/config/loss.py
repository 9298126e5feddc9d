"""What is minimised: the policy's objective, the critic's, and that of preference pairs. Every default lives here.

A combination that computes nothing sensible is refused, with the reason and a way out.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer_client.config.section import Section, Share, refuse_unused

LARGEST_SEQUENCE_CLIP = 0.1
KlEstimator = Literal["k1", "k2", "k3", "k3_plus"]
CorrectionMode = Literal["none", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask", "geometric_mask"]


class KlConfig(Section):
    """The divergence from the reference policy."""

    beta: float = Field(
        default=0.0, ge=0.0, allow_inf_nan=False, description="weight of the divergence; 0 keeps no reference"
    )
    estimator: KlEstimator | None = Field(
        default=None,
        description="per token; none: k3 in the loss (GRPO), k1 in the reward (PPO), where k2 and k3 do not hold the "
        "policy; k3_plus: value of k3, gradient of k2",
    )
    place: Literal["loss", "reward"] = Field(
        default="loss", description="added to the loss (GRPO), or taken from each token's reward (PPO, REINFORCE++)"
    )
    bias_correction: bool | None = Field(
        default=None,
        description="multiply the divergence in the loss by the token's ratio: unbiased gradient (DeepSeek-V3.2); "
        "none: k1 alone is, because without it k1 in the loss holds the policy to nothing",
    )
    target: float | None = Field(
        default=None, gt=0.0, description="adapt beta to this divergence, in nats per token; none: beta stays"
    )
    horizon: int = Field(
        default=10_000, ge=1, description="completions over which a divergence 20 % off moves beta by 20 %"
    )

    @property
    def estimated_by(self) -> KlEstimator:
        """The estimate of a token's divergence."""
        return self.estimator or ("k1" if self.place == "reward" else "k3")

    @property
    def weighed(self) -> bool:
        """Whether the divergence in the loss is multiplied by the token's ratio."""
        return self.estimated_by == "k1" if self.bias_correction is None else self.bias_correction

    @property
    def holds_the_policy(self) -> bool:
        """False for a divergence in the reward whose mean gradient is not that of the divergence.

        With k3 it is the gradient of KL(pi || pi_ref) minus that of KL(pi_ref || pi): next to none near the reference,
        as with k2, which also punishes what has become rarer than under the reference, and makes it rarer still.
        """
        return self.beta == 0.0 or self.place == "loss" or self.estimated_by == "k1"

    @model_validator(mode="after")
    def _gradient_is_that_of_a_divergence(self) -> KlConfig:
        if self.place == "reward" and self.estimated_by == "k3_plus":
            raise ValueError(
                "kl.estimator k3_plus differs from k3 in its gradient, a reward has none: use k1, k2 or k3"
            )
        if self.place == "reward" and self.bias_correction:
            raise ValueError("kl.bias_correction weighs the divergence in the loss; it needs kl.place = loss")
        if self.place == "loss" and self.estimated_by == "k1" and self.bias_correction is False:
            raise ValueError(
                "the bare gradient of k1 = log pi - log pi_ref is that of log pi: zero on average on the policy's own "
                "tokens, whatever the reference, and away from the sampling policy after a step. Leave "
                "kl.bias_correction out (k1 times the ratio has the gradient of the divergence), use k2 or k3, or set "
                "kl.place = reward"
            )
        if self.bias_correction and self.estimated_by in ("k2", "k3_plus"):
            raise ValueError(
                f"kl.bias_correction makes the gradients of k1 and k3 unbiased, got {self.estimated_by}, "
                "whose gradient is already that of the divergence: turn it off, or use k3"
            )
        return self

    @model_validator(mode="after")
    def _beta_is_there_to_work_with(self) -> KlConfig:
        if self.target is not None and self.place == "loss":
            raise ValueError(
                "kl.target adapts beta between rollouts, for a penalty in the reward: set kl.place = reward"
            )
        if self.target is not None and self.beta == 0.0:
            raise ValueError("kl.target multiplies kl.beta, which is 0 and would stay 0: give a first beta above 0")
        refuse_unused(self, self.target is not None, ("horizon",), "kl", "a target")
        if self.bias_correction and self.beta == 0.0:
            raise ValueError("kl.bias_correction weighs a divergence whose kl.beta is 0: give a beta above 0")
        return self


class EntropyConfig(Section):
    """The entropy bonus, and the choice of tokens by entropy. Entropies are in nats."""

    coef: float = Field(
        default=0.0,
        ge=0.0,
        allow_inf_nan=False,
        description="weight of the mean token entropy; the first one if adaptive",
    )
    target: float | None = Field(
        default=None, gt=0.0, description="adapt coef: up while the entropy is below this, else down; none: coef stays"
    )
    delta: float = Field(
        default=0.005,
        gt=0.0,
        description="step of the adaptive coef (as TRL; Skywork-OR1: 1e-4, up to a coef of 0.005)",
    )
    min_coef: float = Field(default=0.0, ge=0.0, description="smallest adaptive coef")
    max_coef: float = Field(default=1.0, gt=0.0, allow_inf_nan=False, description="largest adaptive coef")
    top_share: float = Field(
        default=1.0, gt=0.0, le=1.0, description="only this share of tokens, of highest entropy, teaches the policy"
    )

    @property
    def in_loss(self) -> bool:
        """Whether the loss can hold a bonus."""
        return self.coef > 0.0 or self.target is not None

    @model_validator(mode="after")
    def _coef_in_range(self) -> EntropyConfig:
        if self.min_coef >= self.max_coef:
            raise ValueError(f"expected entropy.min_coef < max_coef, got {self.min_coef} and {self.max_coef}")
        if self.target is not None and not self.min_coef <= self.coef <= self.max_coef:
            raise ValueError(
                f"entropy.coef must lie in min_coef..max_coef = {self.min_coef}..{self.max_coef}, got {self.coef}"
            )
        return self

    @model_validator(mode="after")
    def _adaptation_has_a_target(self) -> EntropyConfig:
        refuse_unused(self, self.target is not None, ("delta", "min_coef", "max_coef"), "entropy", "a target")
        return self


class CorrectionConfig(Section):
    """Importance weights pi_old / pi_sampler, for a sampler that computes other log-probs than the trainer."""

    mode: CorrectionMode = Field(
        default="none",
        description="truncate clamps the weight into [low, high], mask drops what lies outside; of a token, of the "
        "whole sequence (product over tokens), or of its geometric mean, whose rows keep their tokens' weights",
    )
    low: float = Field(default=0.0, ge=0.0, le=1.0, description="smallest weight")
    high: float = Field(default=2.0, ge=1.0, allow_inf_nan=False, description="largest weight")

    @model_validator(mode="after")
    def _some_weights_pass(self) -> CorrectionConfig:
        if self.mode.endswith("mask") and self.low == self.high:
            raise ValueError("correction.low = correction.high = 1 drops every token: widen the range")
        return self

    @model_validator(mode="after")
    def _range_has_a_mode(self) -> CorrectionConfig:
        refuse_unused(self, self.mode != "none", ("low", "high"), "correction", "a mode")
        return self


class LossConfig(Section):
    """The policy's objective."""

    objective: Literal["clip", "cispo", "reinforce"] = Field(
        default="clip", description="clip: PPO and GRPO; cispo: clipped weight times log pi; reinforce: log pi alone"
    )
    ratio: Literal["token", "sequence", "sequence_token"] = Field(
        default="token", description="pi / pi_old of a token, or of the sequence, by length (GSPO, GSPO-token)"
    )
    eps_low: float = Field(
        default=0.2, ge=0.0, le=1.0, description="the ratio is clipped at 1 - eps_low; 1: never (GSPO: 3e-4)"
    )
    eps_high: float = Field(
        default=0.2,
        ge=0.0,
        allow_inf_nan=False,
        description="and at 1 + eps_high (DAPO: 0.28; GSPO: 4e-4; cispo: the weight's cap, so TRL's 5.0 is 4.0 here)",
    )
    dual_clip: float | None = Field(
        default=None,
        gt=1.0,
        allow_inf_nan=False,
        description="where A < 0 the loss is at most this times -A; none: unbounded (usual: 3)",
    )
    aggregation: Literal["seq_mean", "token_mean", "constant", "seq_sum"] = Field(
        default="seq_mean",
        description="seq_mean: GRPO; token_mean: DAPO; constant: Dr. GRPO, by max_new_tokens; seq_sum: row sums",
    )
    kl: KlConfig = Field(default_factory=KlConfig, description="divergence from the reference")
    entropy: EntropyConfig = Field(default_factory=EntropyConfig, description="entropy bonus and choice of tokens")
    correction: CorrectionConfig = Field(default_factory=CorrectionConfig, description="sampler against trainer")
    log_ratio_limit: float = Field(default=20.0, gt=0.0, description="log-ratios are clamped here before exp, in nats")

    @model_validator(mode="after")
    def _objective_uses_what_is_set(self) -> LossConfig:
        if self.dual_clip is not None and self.objective != "clip":
            raise ValueError(f"dual_clip bounds the clipped objective, got objective = {self.objective}: leave it out")
        if self.ratio != "token" and self.objective != "clip":
            raise ValueError(
                f"ratio = {self.ratio} is clipped as one for the whole sequence, {self.objective} weighs single "
                "tokens: use objective = clip, or ratio = token"
            )
        if self.ratio != "token" and max(self.eps_low, self.eps_high) > LARGEST_SEQUENCE_CLIP:
            raise ValueError(
                f"a sequence's ratio stays within thousandths of 1, so eps_low = {self.eps_low} and eps_high = "
                f"{self.eps_high} would never clip: give at most {LARGEST_SEQUENCE_CLIP} (GSPO: 3e-4 and 4e-4)"
            )
        return self

    @model_validator(mode="after")
    def _a_clip_has_a_ratio(self) -> LossConfig:
        clips = self.objective != "reinforce"
        refuse_unused(self, clips, ("eps_low", "eps_high"), "loss", "a ratio (objective = clip or cispo)")
        return self

    @model_validator(mode="after")
    def _sequences_stay_whole(self) -> LossConfig:
        if self.ratio != "token" and self.correction.mode.startswith("token"):
            raise ValueError(
                f"ratio = {self.ratio} treats a sequence as one action, correction.mode = {self.correction.mode} "
                "weighs its tokens apart: use sequence_truncate, sequence_mask or geometric_mask"
            )
        if self.ratio == "sequence" and self.entropy.top_share < 1.0:
            raise ValueError(
                "entropy.top_share chooses tokens, ratio = sequence has one ratio for all: use sequence_token"
            )
        return self


class ValueConfig(Section):
    """The critic's loss."""

    clip: float | None = Field(
        default=0.2, gt=0.0, description="new values count at most this far from the old ones; none: unclipped"
    )
    coef: float = Field(default=0.1, gt=0.0, description="weight beside the policy's loss, in a trunk that they share")


class PreferenceConfig(Section):
    """The loss of pairs: a chosen completion and a rejected one of the same prompt."""

    loss: Literal["sigmoid", "ipo"] = Field(default="sigmoid", description="sigmoid: DPO; ipo: squared, by length")
    beta: float = Field(default=0.1, gt=0.0, description="how close to the reference; larger is closer")
    label_smoothing: Share = Field(default=0.0, lt=0.5, description="share of pairs thought to be swapped (cDPO)")

    @model_validator(mode="after")
    def _smoothing_has_a_sigmoid(self) -> PreferenceConfig:
        if self.loss == "ipo" and self.label_smoothing > 0.0:
            raise ValueError("label_smoothing is defined for loss = sigmoid; ipo has no labels to smooth: set it to 0")
        return self
