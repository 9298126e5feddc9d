"""The losses written out token by token in Python's floats, straight from the papers, and random cases to try them on.

Nothing here is shared with the trainer. What a paper puts under a stop-gradient is computed from `frozen`, so that
`finite_differences`, which moves the log-probs alone, gives the gradient that the paper means.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer_client.config.loss import KlConfig, LossConfig
from trainer_client.losses.parts import PolicyInputs

Table = list[list[float]]


@dataclass(frozen=True)
class Case:
    """A whole optimizer step in nested lists [B][T], in float64."""

    log_probs: Table
    old: Table
    advantages: Table
    mask: Table
    reference: Table
    sampler: Table
    entropy: Table

    def inputs(self, dtype: torch.dtype = torch.float64) -> PolicyInputs:
        """The same as tensors; log-probs and entropy want gradients."""

        def tensor(table: Table) -> Tensor:
            return torch.tensor(table, dtype=dtype)

        return PolicyInputs(
            tensor(self.log_probs).requires_grad_(),
            tensor(self.old),
            tensor(self.advantages),
            tensor(self.mask),
            tensor(self.reference),
            tensor(self.sampler),
            tensor(self.entropy).requires_grad_(),
        )


def random_case(
    seed: int, rows: int = 6, width: int = 5, drift: float = 0.5, constant_advantages: bool = False
) -> Case:
    """Uneven rows, tools' tokens between the actions, a row without any action; elsewhere numbers without effect."""
    random = torch.Generator().manual_seed(seed)

    def normal(scale: float) -> Tensor:
        return scale * torch.randn(rows, width, generator=random, dtype=torch.float64)

    lengths = torch.randint(1, width + 1, (rows,), generator=random)
    lengths[2] = 0
    old = -normal(1.0).abs() - 0.02
    advantages = normal(1.0)
    if constant_advantages:
        advantages = advantages[:, :1].expand(rows, width)
    now, reference, sampler = old + normal(drift), old + normal(drift), old + normal(0.3 * drift)
    entropy = normal(1.0).abs()
    written_by_a_tool = torch.rand(rows, width, generator=random) < 0.25
    written_by_a_tool[:, 0] = False
    mask = (torch.arange(width) < lengths.unsqueeze(1)) & ~written_by_a_tool
    tensors = (now, old, advantages, mask.double(), reference, sampler, entropy)
    return Case(*(tensor.tolist() for tensor in tensors))


def policy_loss(case: Case, config: LossConfig, max_tokens: int, threshold: float = 0.0) -> float:
    """The loss of the step."""
    return moved_policy_loss(case, case.log_probs, config, max_tokens, threshold)


def moved_policy_loss(case: Case, log_probs: Table, config: LossConfig, max_tokens: int, threshold: float) -> float:
    """The loss of the step at other log-probs, with everything under a stop-gradient as it was."""
    lengths = [int(sum(row)) for row in case.mask]
    acting = sum(length > 0 for length in lengths)
    tokens = sum(lengths)
    loss = 0.0
    for i, length in enumerate(lengths):
        if length == 0:
            continue
        ts = [t for t in range(len(case.mask[i])) if case.mask[i][t]]
        row = sum(_token_loss(case, log_probs, i, t, ts, config, threshold) for t in ts)
        divisor = {
            "seq_mean": length * acting,
            "token_mean": tokens,
            "constant": acting * max_tokens,
            "seq_sum": acting,
        }[config.aggregation]
        loss += row / divisor
        loss -= config.entropy.coef * sum(case.entropy[i][t] for t in ts) / tokens
    return loss


def _token_loss(
    case: Case, log_probs: Table, i: int, t: int, ts: list[int], config: LossConfig, threshold: float
) -> float:
    ratio = _ratio(case, log_probs, i, t, ts, config)
    advantage, now = case.advantages[i][t], log_probs[i][t]
    low, high = 1 - config.eps_low, 1 + config.eps_high
    if config.objective == "reinforce":
        loss = -advantage * now
    elif config.objective == "cispo":
        frozen = math.exp(case.log_probs[i][t] - case.old[i][t])
        loss = -min(max(frozen, low), high) * advantage * now
    else:
        surrogate = min(ratio * advantage, min(max(ratio, low), high) * advantage)
        if config.dual_clip is not None and advantage < 0:
            surrogate = max(surrogate, config.dual_clip * advantage)
        loss = -surrogate
    if config.entropy.top_share < 1 and case.entropy[i][t] < threshold:
        loss = 0.0
    loss *= weight(case, i, t, ts, config)
    if config.kl.beta and config.kl.place == "loss":
        own = math.exp(now - case.old[i][t]) if config.kl.weighed else 1.0
        loss += config.kl.beta * own * kl(now, case.reference[i][t], config.kl)
    return loss


def _ratio(case: Case, log_probs: Table, i: int, t: int, ts: list[int], config: LossConfig) -> float:
    if config.ratio == "token":
        return math.exp(log_probs[i][t] - case.old[i][t])
    source = log_probs if config.ratio == "sequence" else case.log_probs
    of_sequence = math.exp(sum(source[i][s] - case.old[i][s] for s in ts) / len(ts))
    if config.ratio == "sequence":
        return of_sequence
    return of_sequence * math.exp(log_probs[i][t]) / math.exp(case.log_probs[i][t])


def weight(case: Case, i: int, t: int, ts: list[int], config: LossConfig) -> float:
    """The importance weight of a token against its sampler."""
    mode, low, high = config.correction.mode, config.correction.low, config.correction.high
    gaps = [case.old[i][s] - case.sampler[i][s] for s in ts]
    token = math.exp(case.old[i][t] - case.sampler[i][t])
    sequence, geometric = math.exp(sum(gaps)), math.exp(sum(gaps) / len(gaps))
    return {
        "none": 1.0,
        "token_truncate": min(max(token, low), high),
        "token_mask": token if low <= token <= high else 0.0,
        "sequence_truncate": min(max(sequence, low), high),
        "sequence_mask": sequence if low <= sequence <= high else 0.0,
        "geometric_mask": token if low <= geometric <= high else 0.0,
    }[mode]


def kl(now: float, reference: float, config: KlConfig) -> float:
    """One token's estimate of KL(pi || pi_ref)."""
    p, q = math.exp(now), math.exp(reference)
    return {
        "k1": math.log(p / q),
        "k2": math.log(p / q) ** 2 / 2,
        "k3": q / p - math.log(q / p) - 1,
        "k3_plus": q / p - math.log(q / p) - 1,
    }[config.estimated_by]


def finite_differences(function: Callable[[Table], float], at: Table, step: float = 1e-6) -> Tensor:
    """The gradient [B, T] of the function by central differences."""
    gradient = torch.zeros(len(at), len(at[0]), dtype=torch.float64)
    for i, row in enumerate(at):
        for t in range(len(row)):
            sides = []
            for sign in (1, -1):
                table = [list(values) for values in at]
                table[i][t] += sign * step
                sides.append(function(table))
            gradient[i, t] = (sides[0] - sides[1]) / (2 * step)
    return gradient
