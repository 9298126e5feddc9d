"""DPO, cDPO and IPO against their formulas, by hand and in the large."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from trainer_client.config.loss import PreferenceConfig
from trainer_client.losses.preference import PairSide, PreferenceSums, preference_loss

VARIANTS: dict[str, dict[str, Any]] = {
    "dpo": {},
    "cdpo": {"label_smoothing": 0.2, "beta": 0.3},
    "ipo": {"loss": "ipo", "beta": 0.4},
}


def side(seed: int, rows: int = 16, width: int = 5, dtype: torch.dtype = torch.float64) -> PairSide:
    """Random completions of uneven length; log-probs want gradients."""
    random = torch.Generator().manual_seed(seed)
    reference = -torch.randn(rows, width, generator=random, dtype=torch.float64).abs()
    log_probs = reference + 0.5 * torch.randn(rows, width, generator=random, dtype=torch.float64)
    lengths = torch.randint(1, width + 1, (rows, 1), generator=random)
    mask = (torch.arange(width) < lengths).to(dtype)
    return PairSide(log_probs.to(dtype).requires_grad_(), reference.to(dtype), mask)


def by_formula(chosen: PairSide, rejected: PairSide, config: PreferenceConfig) -> float:
    """The mean over pairs, pair by pair."""
    total = 0.0
    for b in range(len(chosen.action_mask)):
        ratios = []
        for one in (chosen, rejected):
            ts = [t for t in range(one.action_mask.shape[1]) if one.action_mask[b, t]]
            ratio = sum(one.log_probs[b, t].item() - one.reference_log_probs[b, t].item() for t in ts)
            ratios.append(ratio / len(ts) if config.loss == "ipo" else ratio)
        margin = ratios[0] - ratios[1]
        if config.loss == "ipo":
            total += (margin - 1 / (2 * config.beta)) ** 2
        else:
            right = 1 / (1 + math.exp(-config.beta * margin))
            total -= (1 - config.label_smoothing) * math.log(right) + config.label_smoothing * math.log(1 - right)
    return total / len(chosen.action_mask)


@pytest.mark.parametrize("setting", VARIANTS.values(), ids=VARIANTS)
def test_loss_is_that_of_the_formula(setting: dict[str, Any]) -> None:
    config = PreferenceConfig.model_validate(setting)
    chosen, rejected = side(0), side(1, width=8)
    parts = preference_loss(chosen, rejected, 16, config)
    assert parts.loss.item() == pytest.approx(by_formula(chosen, rejected, config), abs=1e-12)


def pair(chosen: list[float], rejected: list[float]) -> tuple[PairSide, PairSide]:
    """One pair with a reference of zeros."""
    sides = []
    for values in (chosen, rejected):
        tensor = torch.tensor([values], dtype=torch.float64, requires_grad=True)
        sides.append(PairSide(tensor, torch.zeros_like(tensor), torch.ones_like(tensor)))
    return sides[0], sides[1]


def test_dpo_worked_by_hand() -> None:
    chosen, rejected = pair([1.0, 2.0], [0.5])  # h = 3 - 0.5 = 2.5, beta h = 0.25
    parts = preference_loss(chosen, rejected, 1, PreferenceConfig())
    assert parts.loss.item() == pytest.approx(math.log(1 + math.exp(-0.25)))
    parts.loss.backward()
    pull = 0.1 / (1 + math.exp(0.25))
    assert chosen.log_probs.grad is not None
    assert rejected.log_probs.grad is not None
    assert chosen.log_probs.grad.tolist()[0] == pytest.approx([-pull, -pull])  # descent raises the chosen
    assert rejected.log_probs.grad.tolist()[0] == pytest.approx([pull])
    assert parts.sums == PreferenceSums(1.0, 1.0, pytest.approx(0.3), pytest.approx(0.05))


def test_untrained_policy_has_the_loss_of_a_coin() -> None:
    chosen, rejected = side(2), side(3)
    same = [PairSide(one.reference_log_probs, one.reference_log_probs, one.action_mask) for one in (chosen, rejected)]
    assert preference_loss(*same, 16, PreferenceConfig()).loss.item() == pytest.approx(math.log(2))


def test_a_pair_is_right_when_its_margin_is_above_zero() -> None:
    for margin, right in ((0.5, 1.0), (0.0, 0.0), (-0.5, 0.0)):
        assert preference_loss(*pair([margin], [0.0]), 1, PreferenceConfig()).sums.right == right


def test_no_pairs_at_all_have_no_loss() -> None:
    chosen, rejected = side(2, rows=2), side(3, rows=2)
    nothing = PairSide(rejected.log_probs, rejected.reference_log_probs, torch.zeros_like(rejected.action_mask))
    assert preference_loss(chosen, nothing, 0, PreferenceConfig()).loss.item() == 0.0


def test_cdpo_is_the_mixture_of_both_orders() -> None:
    chosen, rejected = side(4), side(5)
    plain = preference_loss(chosen, rejected, 16, PreferenceConfig()).loss
    swapped = preference_loss(rejected, chosen, 16, PreferenceConfig()).loss
    smoothed = preference_loss(chosen, rejected, 16, PreferenceConfig(label_smoothing=0.1)).loss
    assert smoothed.item() == pytest.approx((0.9 * plain + 0.1 * swapped).item(), abs=1e-12)


def test_ipo_is_at_rest_where_the_mean_margin_is_half_its_inverse_beta() -> None:
    # mean log-ratios 2.5 and 1.25: a margin of 1.25 = 1 / (2 * 0.4)
    chosen, rejected = pair([2.0, 3.0], [1.0, 1.5])
    parts = preference_loss(chosen, rejected, 1, PreferenceConfig(loss="ipo", beta=0.4))
    assert parts.loss.item() == pytest.approx(0.0, abs=1e-15)
    twice = preference_loss(*pair([2.0, 3.0, 2.0, 3.0], [1.0, 1.5]), 1, PreferenceConfig(loss="ipo", beta=0.4))
    assert twice.loss.item() == pytest.approx(0.0, abs=1e-15)  # length has no part in it


@pytest.mark.parametrize("setting", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gradient_does_not_depend_on_micro_batches(setting: dict[str, Any], dtype: torch.dtype) -> None:
    config = PreferenceConfig.model_validate(setting)
    chosen, rejected = side(6, 64, dtype=dtype), side(7, 64, dtype=dtype)
    leaves = (chosen.log_probs, rejected.log_probs)
    whole = preference_loss(chosen, rejected, 64, config)
    expected = torch.autograd.grad(whole.loss, leaves)
    for size in (8, 1):
        gradients, sums = [torch.zeros_like(one) for one in expected], PreferenceSums()
        for start in range(0, 64, size):
            rows = slice(start, start + size)
            cut = [
                PairSide(one.log_probs[rows], one.reference_log_probs[rows], one.action_mask[rows])
                for one in (chosen, rejected)
            ]
            part = preference_loss(cut[0], cut[1], 64, config)
            for gradient, found in zip(gradients, torch.autograd.grad(part.loss, leaves), strict=True):
                gradient += found
            sums = sums.plus(part.sums)
        for gradient, one in zip(gradients, expected, strict=True):
            assert torch.allclose(gradient, one, rtol=0, atol=1e-6)
        assert (sums.pairs, sums.right) == (whole.sums.pairs, whole.sums.right)


@pytest.mark.parametrize("setting", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("filler", [1e30, math.inf, math.nan])
def test_masked_positions_may_hold_anything(setting: dict[str, Any], filler: float) -> None:
    config = PreferenceConfig.model_validate(setting)
    chosen, rejected = side(8), side(9)
    strange = PairSide(
        torch.where(chosen.action_mask.bool(), chosen.log_probs.detach(), filler).requires_grad_(),
        torch.where(chosen.action_mask.bool(), chosen.reference_log_probs, filler),
        chosen.action_mask,
    )
    clean, parts = (preference_loss(one, rejected, 16, config) for one in (chosen, strange))
    assert parts.loss.item() == clean.loss.item()
    gradients = [torch.autograd.grad(p.loss, o.log_probs)[0] for p, o in ((clean, chosen), (parts, strange))]
    assert torch.equal(*gradients)


def test_row_with_an_empty_side_is_no_pair() -> None:
    chosen, rejected = side(10, rows=3), side(11, rows=3)
    mask = rejected.action_mask.clone()
    mask[1] = 0
    holed = PairSide(rejected.log_probs, rejected.reference_log_probs, mask)
    parts = preference_loss(chosen, holed, 2, PreferenceConfig())
    kept = torch.tensor([0, 2])
    others = [
        PairSide(one.log_probs[kept], one.reference_log_probs[kept], one.action_mask[kept])
        for one in (chosen, rejected)
    ]
    assert parts.loss.item() == pytest.approx(preference_loss(others[0], others[1], 2, PreferenceConfig()).loss.item())
    assert parts.sums.pairs == 2


def test_far_margins_stay_finite() -> None:
    for far in (1e4, -1e4):
        chosen, rejected = pair([far], [-far])
        parts = preference_loss(chosen, rejected, 1, PreferenceConfig(label_smoothing=0.1))
        assert math.isfinite(parts.loss.item())
        assert torch.autograd.grad(parts.loss, chosen.log_probs)[0].isfinite().all()
