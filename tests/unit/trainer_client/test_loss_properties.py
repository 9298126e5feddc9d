"""What must hold for every policy loss, whatever the numbers: cuts, padding, masks, extremes, precision, signs."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from torch import Tensor

from tests.unit.trainer_client import naive_losses as naive
from trainer_client.config.loss import LossConfig
from trainer_client.losses.aggregation import StepNormaliser
from trainer_client.losses.objective import clipped_tokens
from trainer_client.losses.parts import LossParts, LossSums, PolicyInputs, StepState
from trainer_client.losses.policy_loss import policy_loss

AGGREGATIONS = ("seq_mean", "token_mean", "constant", "seq_sum")
SEQUENCE = {"eps_low": 0.03, "eps_high": 0.05}
VARIANTS: dict[str, dict[str, Any]] = {
    "clip": {"dual_clip": 1.5, "kl": {"beta": 0.1}, "correction": {"mode": "token_mask", "low": 0.8, "high": 1.2}},
    "sequence": {**SEQUENCE, "ratio": "sequence", "correction": {"mode": "geometric_mask", "low": 0.9, "high": 1.1}},
    "sequence_token": {**SEQUENCE, "ratio": "sequence_token", "entropy": {"coef": 0.1, "top_share": 0.5}},
    "cispo": {"objective": "cispo", "kl": {"beta": 0.1, "estimator": "k3_plus"}, "entropy": {"coef": 0.1}},
    "reinforce": {"objective": "reinforce", "correction": {"mode": "sequence_truncate", "low": 0.5, "high": 1.5}},
}
OTHERS: dict[str, dict[str, Any]] = {
    "k1": {"kl": {"beta": 0.1, "estimator": "k1"}, "correction": {"mode": "token_truncate", "low": 0.8, "high": 1.2}},
    "k2": {"kl": {"beta": 0.1, "estimator": "k2"}, "correction": {"mode": "sequence_mask", "low": 0.5, "high": 1.5}},
    "k3_weighed": {"kl": {"beta": 0.1, "bias_correction": True}, "aggregation": "token_mean"},
    "kl_in_reward": {"kl": {"beta": 0.1, "estimator": "k1", "place": "reward"}, "aggregation": "constant"},
}
EVERY = [
    pytest.param({**settings, "aggregation": aggregation}, id=f"{name}-{aggregation}")
    for name, settings in VARIANTS.items()
    for aggregation in AGGREGATIONS
] + [pytest.param(settings, id=name) for name, settings in OTHERS.items()]
STATE = StepState(entropy_threshold=0.6)


def rows_of(inputs: PolicyInputs, index: slice | Tensor, width: int | None = None) -> PolicyInputs:
    """Some rows, cut to the first `width` tokens."""
    return PolicyInputs(*(None if tensor is None else tensor[index][:, :width] for tensor in vars_of(inputs).values()))


def vars_of(inputs: PolicyInputs) -> dict[str, Tensor | None]:
    return {field.name: getattr(inputs, field.name) for field in fields(inputs)}


def whole(inputs: PolicyInputs, config: LossConfig) -> tuple[LossParts, Tensor]:
    """Loss parts and gradient of the step in one piece."""
    parts = policy_loss(inputs, StepNormaliser.of(inputs.action_mask, 9), config, STATE)
    return parts, gradient_of(parts.loss, inputs)


def gradient_of(loss: Tensor, inputs: PolicyInputs) -> Tensor:
    """Gradients with respect to log-probs and entropy, one below the other."""
    wanted = [tensor for tensor in (inputs.log_probs, inputs.entropy) if tensor is not None]
    found = torch.autograd.grad(loss, wanted, allow_unused=True)
    return torch.cat([torch.zeros_like(w) if g is None else g for w, g in zip(wanted, found, strict=True)])


def choices(section: type[BaseModel], prefix: str = "") -> set[tuple[str, Any]]:
    """Every value of every setting that is a choice of words."""
    found = set()
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= choices(field.annotation, f"{prefix}{name}.")
        elif get_origin(field.annotation) is Literal:
            found |= {(prefix + name, value) for value in get_args(field.annotation)}
    return found


def chosen(config: BaseModel, prefix: str = "") -> set[tuple[str, Any]]:
    found = set()
    for name, value in config:
        found |= chosen(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else {(prefix + name, value)}
    return found


def test_every_choice_of_the_loss_is_among_the_variants() -> None:
    tried = set().union(*(chosen(LossConfig.model_validate(variant.values[0])) for variant in EVERY))
    assert len(choices(LossConfig)) > 15
    assert choices(LossConfig) <= tried


@pytest.mark.parametrize("setting", EVERY)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_one_step_of_64_rows_is_8_times_8_and_64_times_1(setting: dict[str, Any], dtype: torch.dtype) -> None:
    """Rows are uneven and each piece is cut to its own longest; the metrics add up as well."""
    config = LossConfig.model_validate(setting)
    inputs = naive.random_case(5, rows=64, width=9).inputs(dtype)
    total = StepNormaliser.of(inputs.action_mask, 9)
    parts, expected = whole(inputs, config)
    assert expected.abs().max() > 1e-4
    for size in (8, 1):
        gradient, loss, sums = torch.zeros_like(expected), 0.0, LossSums()
        for start in range(0, 64, size):
            index = slice(start, start + size)
            width = max(int((inputs.action_mask[index].amax(0) * torch.arange(1, 10)).max()), 1)
            piece = policy_loss(rows_of(inputs, index, width), total, config, STATE)
            gradient += gradient_of(piece.loss, inputs)
            loss += piece.loss.item()
            sums = sums.plus(piece.sums)
        assert torch.allclose(gradient, expected, rtol=0, atol=1e-6)
        assert loss == pytest.approx(parts.loss.item(), abs=1e-6)
        for field in fields(LossSums):
            assert getattr(sums, field.name) == pytest.approx(getattr(parts.sums, field.name), rel=1e-4, abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 23), max_size=5), seed=st.integers(0, 10_000), variant=st.sampled_from(EVERY))
def test_any_cut_of_any_step_gives_the_same_gradient(cuts: list[int], seed: int, variant: Any) -> None:
    config = LossConfig.model_validate(variant.values[0])
    inputs = naive.random_case(seed, rows=24).inputs()
    total = StepNormaliser.of(inputs.action_mask, 9)
    edges = sorted({0, 24, *cuts})
    shares = [
        gradient_of(policy_loss(rows_of(inputs, slice(a, b)), total, config, STATE).loss, inputs)
        for a, b in pairwise(edges)
    ]
    assert torch.allclose(sum(shares, torch.zeros(1)), whole(inputs, config)[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("setting", EVERY)
def test_order_of_rows_and_padding_change_nothing(setting: dict[str, Any]) -> None:
    config = LossConfig.model_validate(setting)
    inputs = naive.random_case(6).inputs()
    parts, expected = whole(inputs, config)
    order = torch.tensor([4, 0, 5, 2, 1, 3])

    def padded(tensor: Tensor) -> Tensor:
        moved = tensor.detach()[order]
        return torch.cat([moved, torch.zeros(6, 3, dtype=tensor.dtype)], 1).requires_grad_(tensor.requires_grad)

    wide = PolicyInputs(*(None if t is None else padded(t) for t in vars_of(inputs).values()))
    got, gradient = whole(wide, config)
    assert got.loss.item() == pytest.approx(parts.loss.item(), abs=1e-12)
    assert torch.allclose(gradient[:, :5], torch.cat([expected[:6][order], expected[6:][order]]), atol=1e-12)
    assert not gradient[:, 5:].any()
    assert got.sums.tokens == parts.sums.tokens


@pytest.mark.parametrize("setting", EVERY)
@pytest.mark.parametrize("filler", [1e30, -1e30, math.inf, -math.inf, math.nan])
def test_masked_positions_may_hold_anything(setting: dict[str, Any], filler: float) -> None:
    config = LossConfig.model_validate(setting)
    inputs = naive.random_case(7).inputs(torch.float32)
    parts, expected = whole(inputs, config)
    mask = inputs.action_mask

    def filled(name: str, tensor: Tensor) -> Tensor:
        if name == "action_mask":
            return tensor
        return torch.where(mask.bool(), tensor.detach(), filler).requires_grad_(tensor.requires_grad)

    strange = PolicyInputs(**{n: None if t is None else filled(n, t) for n, t in vars_of(inputs).items()})
    got, gradient = whole(strange, config)
    assert got.loss.item() == parts.loss.item()
    assert torch.equal(gradient, expected)
    assert got.sums == parts.sums


@pytest.mark.parametrize("setting", EVERY)
def test_step_without_any_action_has_no_loss_and_no_gradient(setting: dict[str, Any]) -> None:
    inputs = naive.random_case(8).inputs()
    empty = replace(inputs, action_mask=torch.zeros_like(inputs.action_mask))
    parts, gradient = whole(empty, LossConfig.model_validate(setting))
    assert parts.loss.item() == 0.0
    assert not gradient.any()
    assert set(parts.sums.means().values()) == {None}
    assert parts.sums.effective_share() is None


@pytest.mark.parametrize("setting", EVERY)
def test_no_rows_at_all_are_no_fault(setting: dict[str, Any]) -> None:
    """A rank can be left without rows."""
    inputs = naive.random_case(8).inputs()
    total = StepNormaliser.of(inputs.action_mask, 9)
    parts = policy_loss(rows_of(inputs, slice(0, 0)), total, LossConfig.model_validate(setting), STATE)
    assert parts.loss.item() == 0.0
    assert parts.sums == LossSums()


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_rows_without_actions_count_nowhere(aggregation: str) -> None:
    config = LossConfig.model_validate({"aggregation": aggregation})
    inputs = naive.random_case(9).inputs()
    acting = rows_of(inputs, inputs.action_mask.any(1))
    assert len(acting.log_probs) < len(inputs.log_probs)
    assert whole(inputs, config)[0].loss.item() == pytest.approx(
        policy_loss(acting, StepNormaliser.of(acting.action_mask, 9), config).loss.item(), abs=1e-12
    )


@pytest.mark.parametrize("objective", [{}, {"dual_clip": 3.0}, {"objective": "cispo"}, {"objective": "reinforce"}])
def test_zero_advantages_give_a_zero_loss_and_gradient(objective: dict[str, Any]) -> None:
    inputs = naive.random_case(10).inputs()
    nothing = replace(inputs, advantages=torch.zeros_like(inputs.advantages))
    parts, gradient = whole(nothing, LossConfig.model_validate(objective))
    assert parts.loss.item() == 0.0
    assert not gradient.any()


@pytest.mark.parametrize("setting", EVERY)
def test_single_precision_agrees_with_double(setting: dict[str, Any]) -> None:
    config = LossConfig.model_validate(setting)
    case = naive.random_case(11, rows=32)
    exact, expected = whole(case.inputs(), config)
    rounded, gradient = whole(case.inputs(torch.float32), config)
    assert rounded.loss.dtype == torch.float32
    assert rounded.loss.item() == pytest.approx(exact.loss.item(), abs=1e-5)
    assert torch.allclose(gradient.double(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("variant", ["clip", "sequence", "sequence_token", "cispo", "reinforce"])
def test_at_ratio_one_the_gradient_is_the_plain_policy_gradient(variant: str) -> None:
    setting = VARIANTS[variant] | {"kl": {}, "entropy": {}, "correction": {}, "aggregation": "token_mean"}
    constant = variant == "sequence"  # whose ratio spreads over its tokens
    inputs = naive.random_case(12, constant_advantages=constant).inputs()
    now = replace(inputs, old_log_probs=inputs.log_probs.detach())
    plain = -(inputs.advantages * inputs.log_probs * inputs.action_mask).sum() / inputs.action_mask.sum()
    expected = torch.autograd.grad(plain, inputs.log_probs)[0]
    gradient = whole(now, LossConfig.model_validate(setting))[1][: len(expected)]
    assert torch.allclose(gradient, expected, atol=1e-14)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), drift=st.floats(0.0, 0.5), aggregation=st.sampled_from(AGGREGATIONS))
def test_gspo_and_gspo_token_are_equal_where_advantages_are_constant(seed: int, drift: float, aggregation: str) -> None:
    """In value and in gradient, clipped or not, with every divisor."""
    inputs = naive.random_case(seed, drift=drift, constant_advantages=True).inputs()
    common = {**SEQUENCE, "aggregation": aggregation, "dual_clip": 1.1}
    one, its_gradient = whole(inputs, LossConfig.model_validate({**common, "ratio": "sequence"}))
    other, gradient = whole(inputs, LossConfig.model_validate({**common, "ratio": "sequence_token"}))
    assert one.loss.item() == pytest.approx(other.loss.item(), abs=1e-13)
    assert torch.allclose(its_gradient, gradient, atol=1e-13)
    assert (one.sums.clipped_low, one.sums.clipped_high) == (other.sums.clipped_low, other.sums.clipped_high)


def test_gspo_and_gspo_token_differ_where_advantages_do() -> None:
    inputs = naive.random_case(1, drift=0.01).inputs()
    gradients = [
        whole(inputs, LossConfig(ratio=r, eps_low=0.1, eps_high=0.1))[1] for r in ("sequence", "sequence_token")
    ]
    assert not torch.allclose(*gradients, atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(
    advantage=st.floats(0.01, 9.0),
    gap=st.floats(-0.15, 0.15),
    objective=st.sampled_from(["clip", "cispo", "reinforce"]),
)
def test_descent_raises_good_tokens_and_lowers_bad_ones(advantage: float, gap: float, objective: str) -> None:
    for sign in (1.0, -1.0):
        log_probs = torch.tensor([[-1.0]], dtype=torch.float64, requires_grad=True)
        inputs = PolicyInputs(
            log_probs,
            log_probs.detach() - gap,
            torch.tensor([[sign * advantage]], dtype=torch.float64),
            torch.ones(1, 1, dtype=torch.float64),
        )
        _, gradient = whole(inputs, LossConfig.model_validate({"objective": objective}))
        assert gradient.item() * sign < 0


@pytest.mark.parametrize("setting", EVERY)
@pytest.mark.parametrize("far", [30.0, 1e4, 1e30])
def test_log_ratios_beyond_the_limit_stay_finite_and_have_no_gradient_through_the_ratio(
    setting: dict[str, Any], far: float
) -> None:
    config = LossConfig.model_validate({**setting, "log_ratio_limit": 20.0})
    inputs = naive.random_case(13).inputs(torch.float32)
    for sign in (1.0, -1.0):
        away = replace(inputs, old_log_probs=inputs.log_probs.detach() + sign * far)
        parts, gradient = whole(away, config)
        assert math.isfinite(parts.loss.item())
        assert gradient.isfinite().all()
        assert all(math.isfinite(getattr(parts.sums, field.name)) for field in fields(LossSums))
    bare = LossConfig.model_validate({k: v for k, v in setting.items() if k in ("ratio", "eps_low", "eps_high")})
    if config.objective == "clip":
        assert not whole(away, bare)[1].any()


def test_ratio_at_the_limit_is_its_exponential() -> None:
    log_probs = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    ones = torch.ones_like(log_probs)
    config = LossConfig(eps_low=1.0, eps_high=1e12, log_ratio_limit=3.0)
    for gap, expected in ((2.0, math.exp(2)), (3.5, math.exp(3)), (-9.0, math.exp(-3))):
        inputs = PolicyInputs(log_probs, log_probs.detach() - gap, ones, ones)
        assert whole(inputs, config)[0].loss.item() == pytest.approx(-expected)


def test_clipped_tokens_are_counted_by_side() -> None:
    ratios = torch.tensor([[1.5, 1.5, 0.5, 0.5, 4.0, 1.0]], dtype=torch.float64)
    advantages = torch.tensor([[1.0, -1.0, 1.0, -1.0, -1.0, 1.0]], dtype=torch.float64)
    mask = torch.ones_like(ratios)
    inputs = PolicyInputs(ratios.log(), torch.zeros_like(ratios), advantages, mask)
    sums = policy_loss(inputs, StepNormaliser.of(mask, 6), LossConfig(dual_clip=3.0)).sums
    assert (sums.clipped_high, sums.clipped_low, sums.clipped_dual, sums.tokens) == (1, 1, 1, 6)
    assert (sums.ratio, sums.ratio_max) == (pytest.approx(9.0), pytest.approx(4.0))
    expected = sum(r - 1 - math.log(r) for r in ratios[0].tolist())
    assert sums.old_kl == pytest.approx(expected, abs=1e-12)
    weights = policy_loss(inputs, StepNormaliser.of(mask, 6), LossConfig(objective="cispo")).sums
    assert (weights.clipped_high, weights.clipped_low) == (3, 2)  # a weight is bounded whatever the sign of A
    good = policy_loss(replace(inputs, advantages=mask), StepNormaliser.of(mask, 6), LossConfig(dual_clip=3.0)).sums
    assert (good.clipped_high, good.clipped_low, good.clipped_dual) == (3, 0, 0)
    bare = policy_loss(inputs, StepNormaliser.of(mask, 6), LossConfig(objective="reinforce")).sums
    assert (bare.clipped_high, bare.clipped_low, bare.clipped_dual) == (0, 0, 0)


@pytest.mark.parametrize("objective", ["clip", "cispo"])
def test_ratios_at_the_bounds_are_not_clipped(objective: str) -> None:
    ratios = torch.tensor([1.25, 0.75, 4.0], dtype=torch.float64)
    advantages = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
    config = LossConfig.model_validate({"objective": objective, "eps_low": 0.25, "eps_high": 0.25})
    clipped = clipped_tokens(ratios, advantages, config)
    assert (int(clipped.low.sum()), int(clipped.high.sum())) == (0, 1 if objective == "cispo" else 0)
    assert not clipped_tokens(ratios, advantages, LossConfig(dual_clip=4.0)).dual.any()


@pytest.mark.parametrize(
    ("setting", "missing"),
    [
        ({"kl": {"beta": 0.1}}, "reference_log_probs"),
        ({"correction": {"mode": "token_mask"}}, "sampler_log_probs"),
        ({"entropy": {"coef": 0.1}}, "entropy"),
        ({"entropy": {"top_share": 0.2}}, "entropy, entropy_threshold"),
    ],
)
def test_what_the_configuration_needs_is_not_left_out_in_silence(setting: dict[str, Any], missing: str) -> None:
    full = naive.random_case(0).inputs()
    bare = replace(full, reference_log_probs=None, sampler_log_probs=None, entropy=None)
    with pytest.raises(ValueError, match=f"needs {missing}, which"):
        policy_loss(bare, StepNormaliser.of(bare.action_mask, 9), LossConfig.model_validate(setting))


def test_shapes_that_differ_are_refused() -> None:
    inputs = naive.random_case(0).inputs()
    with pytest.raises(ValueError, match=r"but advantages has \(6,\)"):
        replace(inputs, advantages=inputs.advantages[:, 0])


def test_adaptive_coefficient_of_the_step_replaces_the_configured_one() -> None:
    inputs = naive.random_case(2).inputs()
    total = StepNormaliser.of(inputs.action_mask, 9)
    adaptive = LossConfig.model_validate({"entropy": {"coef": 0.3, "target": 0.2}})
    for coef in (0.0, 0.7):
        fixed = LossConfig.model_validate({"entropy": {"coef": coef}})
        got = policy_loss(inputs, total, adaptive, StepState(entropy_coef=coef)).loss.item()
        assert got == policy_loss(inputs, total, fixed).loss.item()
