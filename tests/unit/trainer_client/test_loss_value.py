"""The critic's loss."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainer_client.config.loss import ValueConfig
from trainer_client.losses.aggregation import StepNormaliser
from trainer_client.losses.value import ValueSums, value_loss


def tensors(seed: int, rows: int = 16, width: int = 6) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Values that want gradients, old values, returns and a mask with uneven rows, one of them empty."""
    random = torch.Generator().manual_seed(seed)
    old = torch.randn(rows, width, generator=random, dtype=torch.float64)
    values = (old + 0.4 * torch.randn(rows, width, generator=random, dtype=torch.float64)).requires_grad_()
    returns = torch.randn(rows, width, generator=random, dtype=torch.float64)
    lengths = torch.randint(1, width + 1, (rows,), generator=random)
    lengths[1] = 0
    return values, old, returns, (torch.arange(width) < lengths.unsqueeze(1)).double()


def by_formula(values: Tensor, old: Tensor, returns: Tensor, mask: Tensor, clip: float | None, coef: float) -> float:
    total, tokens = 0.0, 0
    for i in range(len(mask)):
        for t in range(mask.shape[1]):
            if not mask[i, t]:
                continue
            v, o, r = values[i, t].item(), old[i, t].item(), returns[i, t].item()
            worst = (v - r) ** 2
            if clip is not None:
                worst = max(worst, (min(max(v, o - clip), o + clip) - r) ** 2)
            total, tokens = total + 0.5 * worst, tokens + 1
    return coef * total / tokens


@pytest.mark.parametrize("clip", [None, 0.2, 0.5])
@pytest.mark.parametrize("coef", [0.1, 1.0])
def test_loss_is_that_of_the_formula(clip: float | None, coef: float) -> None:
    values, old, returns, mask = tensors(0)
    parts = value_loss(
        values, old, returns, mask, StepNormaliser.of(mask, 6), ValueConfig.model_validate({"clip": clip, "coef": coef})
    )
    assert parts.loss.item() == pytest.approx(by_formula(values, old, returns, mask, clip, coef), abs=1e-12)


def test_loss_and_gradient_worked_by_hand() -> None:
    values = torch.tensor([[1.0, 0.5, 0.5]], dtype=torch.float64, requires_grad=True)
    old = torch.tensor([[0.0, 0.5, 0.0]], dtype=torch.float64)
    returns = torch.tensor([[1.0, 1.0, -1.0]], dtype=torch.float64)
    mask = torch.ones(1, 3, dtype=torch.float64)
    parts = value_loss(values, old, returns, mask, StepNormaliser.of(mask, 3), ValueConfig(clip=0.2, coef=1.0))
    # (1 - 1)^2 = 0 against (0.2 - 1)^2; 0.25 against 0.25; (1.5)^2 against (1.2)^2
    assert parts.loss.item() == pytest.approx((0.64 + 0.25 + 2.25) / 6)
    parts.loss.backward()
    assert values.grad is not None
    assert values.grad.tolist()[0] == pytest.approx([0.0, -0.5 / 3, 1.5 / 3])  # the first waits at its bound
    assert parts.sums.clipped == 1


def test_only_errors_that_the_bound_made_larger_are_counted_and_a_single_token_divides_by_one() -> None:
    ones, zeros = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    total = StepNormaliser.of(ones, 3)
    towards = value_loss(ones, zeros, ones, ones, total, ValueConfig(clip=0.25, coef=1.0))
    assert (towards.sums.clipped, towards.loss.item()) == (1.0, 0.5 * 0.75**2)
    away = value_loss(ones, zeros, -ones, ones, total, ValueConfig(clip=0.25, coef=1.0))
    assert (away.sums.clipped, away.loss.item()) == (0.0, 0.5 * 2**2)
    assert value_loss(ones, zeros, ones, ones, total, ValueConfig(clip=None)).sums.clipped == 0.0
    assert value_loss(ones, zeros, ones, zeros, StepNormaliser.of(zeros, 3), ValueConfig()).loss.item() == 0.0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gradient_does_not_depend_on_micro_batches(dtype: torch.dtype) -> None:
    values, old, returns, mask = (tensor.detach().to(dtype) for tensor in tensors(1, rows=64))
    values.requires_grad_()
    total, config = StepNormaliser.of(mask, 6), ValueConfig()
    whole = value_loss(values, old, returns, mask, total, config)
    expected = torch.autograd.grad(whole.loss, values)[0]
    for size in (8, 1):
        gradient, sums = torch.zeros_like(expected), ValueSums()
        for at in range(0, 64, size):
            rows = slice(at, at + size)
            part = value_loss(values[rows], old[rows], returns[rows], mask[rows], total, config)
            gradient += torch.autograd.grad(part.loss, values)[0]
            sums = sums.plus(part.sums)
        assert torch.allclose(gradient, expected, rtol=0, atol=1e-6)
        assert sums.squared_errors == pytest.approx(whole.sums.squared_errors, rel=1e-5)


@pytest.mark.parametrize("filler", [1e30, math.inf, math.nan])
def test_masked_positions_may_hold_anything(filler: float) -> None:
    values, old, returns, mask = tensors(2)
    total = StepNormaliser.of(mask, 6)
    clean = value_loss(values, old, returns, mask, total, ValueConfig())
    strange = [torch.where(mask.bool(), tensor.detach(), filler) for tensor in (values, old, returns)]
    strange[0].requires_grad_()
    parts = value_loss(*strange, mask, total, ValueConfig())
    assert parts.loss.item() == clean.loss.item()
    assert torch.equal(torch.autograd.grad(parts.loss, strange[0])[0], torch.autograd.grad(clean.loss, values)[0])
    assert parts.sums == clean.sums


def test_explained_variance_of_known_critics() -> None:
    _, old, returns, mask = tensors(3)
    total, config = StepNormaliser.of(mask, 6), ValueConfig(clip=None)

    def of(values: Tensor) -> float | None:
        return value_loss(values, old, returns, mask, total, config).sums.explained_variance()

    assert of(returns) == pytest.approx(1.0)
    assert of(returns + 3) == pytest.approx(1.0)  # a constant offset explains as much
    assert of(torch.zeros_like(returns)) == pytest.approx(0.0, abs=1e-12)
    assert of(-returns) == pytest.approx(-3.0)
    assert value_loss(old, old, torch.ones_like(old), mask, total, config).sums.explained_variance() is None
    assert ValueSums().explained_variance() is None
    rounded = ValueSums(tokens=3.0, returns=0.3, squared_returns=0.03 + 1e-13, squared_errors=1.0)
    assert rounded.explained_variance() is None  # returns that differ by rounding alone
