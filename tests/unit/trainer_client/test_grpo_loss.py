"""The loss: numbers straight from the formula in float64, signs of gradients, divisors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainer_client.config.loss import KlConfig, LossConfig
from trainer_client.losses.aggregation import AGGREGATIONS, StepNormaliser
from trainer_client.losses.demonstration import demonstration_loss
from trainer_client.losses.divergence import k3_divergence
from trainer_client.losses.objective import clip_loss
from trainer_client.losses.parts import LossParts, PolicyInputs
from trainer_client.losses.policy_loss import policy_loss

MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
LOG_PROBS = torch.log(torch.tensor([[0.5, 0.2, 0.9], [0.3, 0.1, 0.1]], dtype=torch.float64))
OLD = torch.log(torch.tensor([[0.4, 0.4, 0.8], [0.1, 0.1, 0.1]], dtype=torch.float64))
ADVANTAGES = torch.tensor([[1.0, 1.0, 1.0], [-2.0, -2.0, -2.0]], dtype=torch.float64)


def grpo_loss(
    log_probs: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    total: StepNormaliser,
    config: LossConfig,
    reference: Tensor | None = None,
) -> LossParts:
    return policy_loss(PolicyInputs(log_probs, old, advantages, mask, reference), total, config)


def clipped_policy_loss(config: LossConfig) -> Tensor:
    return clip_loss((LOG_PROBS - OLD).exp(), ADVANTAGES, config)


def by_formula(config: LossConfig) -> list[list[float]]:
    """-min(r A, clip(r) A) token by token, in plain Python."""
    table = []
    for now, old, advantage in zip(LOG_PROBS.exp().tolist(), OLD.exp().tolist(), ADVANTAGES.tolist(), strict=True):
        row = []
        for p, q, a in zip(now, old, advantage, strict=True):
            ratio = p / q
            clipped = min(max(ratio, 1 - config.eps_low), 1 + config.eps_high)
            row.append(-min(ratio * a, clipped * a))
        table.append(row)
    return table


@pytest.mark.parametrize("config", [LossConfig(), LossConfig(eps_low=0.1, eps_high=0.28)])
def test_token_losses_follow_the_formula(config: LossConfig) -> None:
    got = clipped_policy_loss(config)
    for row, expected in zip(got.tolist(), by_formula(config), strict=True):
        assert row == pytest.approx(expected, abs=1e-12)


def test_clip_worked_by_hand() -> None:
    # ratios 1.25, 0.5, 1.125 with A = 1: -1.2, -0.5, -1.125; ratio 3 with A = -2: min(-6, -2.4) = -6, loss 6
    got = clipped_policy_loss(LossConfig())
    assert got[0].tolist() == pytest.approx([-1.2, -0.5, -1.125], abs=1e-12)
    assert got[1, 0].item() == pytest.approx(6.0, abs=1e-12)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("seq_mean", ((-1.2 - 0.5 - 1.125) / 3 + 6.0) / 2),
        ("token_mean", (-1.2 - 0.5 - 1.125 + 6.0) / 4),
        ("constant", (-1.2 - 0.5 - 1.125 + 6.0) / (2 * 10)),
        ("seq_sum", (-1.2 - 0.5 - 1.125 + 6.0) / 2),
    ],
)
def test_aggregations_worked_by_hand(aggregation: str, expected: float) -> None:
    config = LossConfig.model_validate({"aggregation": aggregation})
    parts = grpo_loss(LOG_PROBS, OLD, ADVANTAGES, MASK, StepNormaliser.of(MASK, 10), config)
    assert parts.loss.item() == pytest.approx(expected, abs=1e-12)
    assert (parts.sums.clipped_high, parts.sums.clipped_low) == (1, 0)  # 1.25 with A > 0; 3 with A < 0 goes on
    assert parts.sums.tokens == 4


@pytest.mark.parametrize("aggregation", ["seq_mean", "token_mean", "constant", "seq_sum"])
def test_a_step_of_a_single_token_is_divided_by_one(aggregation: str) -> None:
    weights = AGGREGATIONS[aggregation](torch.ones(1, 1), StepNormaliser(rows=1, tokens=1, max_tokens=1))
    assert weights.tolist() == [[1.0]]


def test_rows_without_actions_do_not_count() -> None:
    mask = torch.cat([MASK, torch.zeros(3, 3, dtype=torch.float64)])
    assert StepNormaliser.of(mask, 10) == StepNormaliser.of(MASK, 10) == StepNormaliser(2, 4, 10)


def gradient(advantage: float, log_ratio: float) -> float:
    log_probs = torch.tensor([[-1.0]], dtype=torch.float64, requires_grad=True)
    old = torch.tensor([[-1.0 - log_ratio]], dtype=torch.float64)
    mask = torch.ones(1, 1, dtype=torch.float64)
    advantages = torch.tensor([[advantage]], dtype=torch.float64)
    grpo_loss(log_probs, old, advantages, mask, StepNormaliser.of(mask, 1), LossConfig()).loss.backward()
    assert log_probs.grad is not None
    return log_probs.grad.item()


def test_gradient_raises_good_tokens_and_lowers_bad_ones() -> None:
    assert gradient(1.0, 0.0) == pytest.approx(-1.0)  # descent raises log pi
    assert gradient(-1.0, 0.0) == pytest.approx(1.0)


def test_clipped_tokens_have_no_gradient_and_the_way_back_stays_open() -> None:
    assert gradient(1.0, math.log(1.3)) == 0.0
    assert gradient(-1.0, math.log(0.7)) == 0.0
    assert gradient(1.0, math.log(0.7)) == pytest.approx(-0.7)
    assert gradient(-1.0, math.log(1.3)) == pytest.approx(1.3)


def test_at_ratio_one_the_gradient_is_the_plain_policy_gradient() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, 3, 7, dtype=torch.float64, requires_grad=True)
    tokens = torch.randint(7, (4, 3))
    advantages = torch.randn(4, 1, dtype=torch.float64).expand(4, 3)
    mask = torch.ones(4, 3, dtype=torch.float64)

    def chosen() -> Tensor:
        return torch.log_softmax(logits, -1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)

    total = StepNormaliser.of(mask, 3)
    config = LossConfig(aggregation="token_mean")
    clipped = grpo_loss(chosen(), chosen().detach(), advantages, mask, total, config).loss
    plain = -(advantages * chosen()).mean()
    ours = torch.autograd.grad(clipped, logits)[0]
    assert torch.allclose(ours, torch.autograd.grad(plain, logits)[0], atol=1e-14)


def test_k3_worked_by_hand_and_its_clamp() -> None:
    log_probs = torch.tensor([math.log(0.5), math.log(0.2), -100.0, 0.0], dtype=torch.float64)
    reference = torch.tensor([math.log(0.25), math.log(0.2), 0.0, -100.0], dtype=torch.float64)
    got = k3_divergence(log_probs, reference, 20.0).tolist()
    assert got[0] == pytest.approx(0.5 - math.log(0.5) - 1, abs=1e-12)
    assert got[1] == 0.0
    assert got[2] == pytest.approx(math.exp(20) - 20 - 1)
    assert got[3] == pytest.approx(math.exp(-20) + 20 - 1)


def test_kl_pulls_towards_the_reference() -> None:
    log_probs = torch.tensor([[-2.0, -1.0]], dtype=torch.float64, requires_grad=True)
    reference = torch.tensor([[-1.0, -2.0]], dtype=torch.float64)
    mask = torch.ones(1, 2, dtype=torch.float64)
    nothing = torch.zeros(1, 2, dtype=torch.float64)
    config = LossConfig(kl=KlConfig(beta=0.1))
    parts = grpo_loss(log_probs, log_probs.detach(), nothing, mask, StepNormaliser.of(mask, 2), config, reference)
    parts.loss.backward()
    assert log_probs.grad is not None
    assert log_probs.grad[0, 0] < 0 < log_probs.grad[0, 1]
    expected = (math.e - 2 + math.exp(-1)) / 2  # (e - 1 - 1) and (1/e + 1 - 1)
    assert parts.loss.item() == pytest.approx(0.1 * expected, abs=1e-12)
    assert parts.sums.kl == pytest.approx(2 * expected, abs=1e-12)


def test_extreme_ratios_stay_finite() -> None:
    log_probs = torch.tensor([[-1000.0]], dtype=torch.float64, requires_grad=True)
    mask = torch.ones(1, 1, dtype=torch.float64)
    for old in (-2000.0, 0.0):
        parts = grpo_loss(log_probs, torch.full((1, 1), old), -mask, mask, StepNormaliser.of(mask, 1), LossConfig())
        assert math.isfinite(parts.loss.item())


def test_demonstration_of_a_single_token_is_its_log_prob() -> None:
    assert demonstration_loss(torch.tensor([[-0.7]]), torch.ones(1, 1), total_tokens=1).item() == pytest.approx(0.7)


def test_demonstration_loss_is_a_token_mean() -> None:
    assert demonstration_loss(LOG_PROBS, MASK, 4).item() == pytest.approx(
        -(math.log(0.5) + math.log(0.2) + math.log(0.9) + math.log(0.3)) / 4
    )


@pytest.mark.parametrize("filler", [1e30, -math.inf, math.nan])
def test_demonstrations_end_where_their_mask_ends(filler: float) -> None:
    log_probs = torch.where(MASK.bool(), LOG_PROBS, filler).requires_grad_()
    loss = demonstration_loss(log_probs, MASK, 4)
    assert loss.item() == demonstration_loss(LOG_PROBS, MASK, 4).item()
    assert torch.equal(torch.autograd.grad(loss, log_probs)[0], -MASK / 4)
    assert demonstration_loss(LOG_PROBS, torch.zeros_like(MASK), 0).item() == 0.0
