"""A whole step of reinforcement learning, written again: a completion at a time, unpadded, in plain loops and floats.

Nothing of the trainer is used but its settings and its shapes. What is not here, such as adaptive weights, is tested
where it lives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor, nn

from trainer_client.config import RlConfig
from trainer_client.config.advantage import AdvantageConfig
from trainer_client.types import RolloutScore, ScoredGroup


@dataclass(slots=True)
class Row:
    """A completion with all that is known of it before the first optimizer step; `reward` None: without a score."""

    group: int
    prompt: list[int]
    tokens: list[int]
    truncated: bool
    score: RolloutScore
    sampler: Tensor
    reward: float | None = None
    kept: bool = True
    old: Tensor = field(default_factory=lambda: torch.zeros(0))
    reference: Tensor = field(default_factory=lambda: torch.zeros(0))
    values: list[float] = field(default_factory=list)
    advantages: list[float] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)

    @property
    def outcome(self) -> float:
        """The reward of a row that has one."""
        assert self.reward is not None
        return self.reward


@dataclass(frozen=True, slots=True)
class Networks:
    """`trunk` and `head` are the critic's; `trunk` is None where it reads the policy's."""

    policy: nn.Module
    reference: nn.Module | None = None
    trunk: nn.Module | None = None
    head: nn.Linear | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """Of one completion's tokens: log-probs, entropies and the states before them."""

    log_probs: Tensor
    entropy: Tensor
    states: Tensor


def spoken(network: Any, row: Row, temperature: float) -> Spoken:
    """What the network says of the completion, with its gradient."""
    output = network(input_ids=torch.tensor([row.prompt + row.tokens]), output_hidden_states=True, use_cache=False)
    before = slice(len(row.prompt) - 1, -1)
    log_probs = torch.log_softmax(output.logits[0, before] / temperature, -1)
    entropy = -(log_probs.exp() * log_probs).sum(-1)
    return Spoken(log_probs[range(len(row.tokens)), row.tokens], entropy, output.hidden_states[-1][0, before])


def values_of(networks: Networks, row: Row, of_policy: Spoken) -> Tensor:
    """The critic's values before the tokens."""
    assert networks.head is not None
    states = of_policy.states if networks.trunk is None else spoken(networks.trunk, row, 1.0).states
    return networks.head(states).squeeze(-1)  # type: ignore[no-any-return]


def known_rows(groups: Sequence[ScoredGroup], networks: Networks, config: RlConfig) -> list[Row]:
    """All completions, measured, kept or not, with advantages and returns."""
    rows = [
        Row(place, list(group.group.prompt.token_ids), one.token_ids.tolist(), one.truncated, score, one.log_probs)
        for place, group in enumerate(groups)
        for one, score in zip(group.group.rollouts, group.scores, strict=True)
    ]
    for row in rows:
        row.reward = shaped(row, config)
        row.advantages = [0.0] * len(row.tokens)
        _measure(row, networks, config.sampler.temperature)
    _keep(rows, config)
    _advise(rows, config)
    return rows


def shaped(row: Row, config: RlConfig) -> float | None:
    """The reward with the punishment of long completions."""
    soft, limit = config.selection.soft_overlong, config.sampler.max_new_tokens
    if row.score.reward is None or soft is None:
        return row.score.reward
    beyond = len(row.tokens) - (limit - soft.cache_share * limit)
    return row.score.reward - soft.weight * min(max(beyond / (soft.cache_share * limit), 0.0), 1.0)


@torch.no_grad()
def _measure(row: Row, networks: Networks, temperature: float) -> None:
    now = spoken(networks.policy, row, temperature)
    row.old = now.log_probs
    if networks.reference is not None:
        row.reference = spoken(networks.reference, row, temperature).log_probs
    if networks.head is not None:
        row.values = values_of(networks, row, now).tolist()


def _keep(rows: list[Row], config: RlConfig) -> None:
    gfpo = config.advantage.gfpo
    for group in _groups(rows) if gfpo else ():
        scored = [row for row in group if row.reward is not None]
        by_length = gfpo is not None and gfpo.metric == "length"
        ranked = sorted(scored, key=lambda row: len(row.tokens) if by_length else -row.outcome / len(row.tokens))
        for row in group:
            row.kept = gfpo is not None and any(row is one for one in ranked[: gfpo.keep])


def _groups(rows: Sequence[Row]) -> Iterator[list[Row]]:
    for place in sorted({row.group for row in rows}):
        yield [row for row in rows if row.group == place]


def divergences(row: Row, config: RlConfig) -> list[float]:
    """What each token's divergence takes from the reward."""
    kl = config.loss.kl
    if kl.beta == 0.0 or kl.place == "loss":
        return [0.0] * len(row.tokens)
    gaps = (row.reference - row.old).tolist()
    return [kl.beta * {"k1": -d, "k2": d * d / 2, "k3": math.exp(d) - d - 1}[kl.estimated_by] for d in gaps]


def _advise(rows: list[Row], config: RlConfig) -> None:
    """Advantages of the members; the others keep zeros."""
    advantage, members = config.advantage, [row for row in rows if row.reward is not None and row.kept]
    if advantage.estimator in ("grpo", "rloo"):
        for row, value in zip(members, _of_completions(members, config), strict=True):
            weight = 1.0 if advantage.process is None else advantage.process.outcome_weight
            row.advantages = [weight * value] * len(row.tokens)
        if advantage.process is not None:
            _add_steps(members, advantage, advantage.process.step_weight)
    else:
        _on_tokens(members, config)
    if advantage.whitens:
        flat = [value for row in members for value in row.advantages]
        mean, deviation = fmean(flat), stdev(flat)
        for row in members:
            row.advantages = [(value - mean) / (deviation + advantage.eps) for value in row.advantages]
    for row in members:
        row.returns = row.returns or [row.outcome] * len(row.tokens)


def _of_completions(members: list[Row], config: RlConfig) -> list[float]:
    """One advantage for each member."""
    advantage = config.advantage
    rewards = [row.outcome - sum(divergences(row, config)) for row in members]
    if advantage.objectives is not None:
        return _of_objectives(members, advantage)
    spread = stdev(rewards) if advantage.scaled_by == "batch" else None
    found = dict.fromkeys(range(len(members)), 0.0)
    for group in _groups(members):
        places = [place for place, row in enumerate(members) if row.group == group[0].group]
        told = [rewards[place] for place in places]
        dead = len({row.outcome for row in group}) == 1
        if advantage.hybrid is not None and dead:
            baseline = fmean(row.values[0] for row in group)
            of_group = [reward - baseline for reward in told]
        elif advantage.estimator == "rloo":
            others = len(told) - 1
            of_group = [one - (sum(told) - one) / others if others else 0.0 for one in told]
        else:
            of_group = normalised(told, advantage, spread)
        found |= dict(zip(places, of_group, strict=True))
    return list(found.values())


def normalised(values: Sequence[float], advantage: AdvantageConfig, of_batch: float | None = None) -> list[float]:
    """Distance to the mean by the deviation that is asked for; zeros where nothing differs."""
    if len(set(values)) < 2:
        return [0.0] * len(values)
    mean = fmean(values)
    if advantage.scaled_by == "none":
        return [value - mean for value in values]
    deviation = stdev(values) if of_batch is None else of_batch
    return [(value - mean) / (deviation + advantage.eps) for value in values]


def _of_objectives(members: list[Row], advantage: AdvantageConfig) -> list[float]:
    assert advantage.objectives is not None
    totals = [0.0] * len(members)
    for name, weight in advantage.objectives.weights.items():
        for group in _groups(members):
            having = [
                (place, value)
                for place, row in enumerate(members)
                if row.group == group[0].group and (value := row.score.components.get(name)) is not None
            ]
            told = normalised([value for _, value in having], advantage)
            for (place, _), value in zip(having, told, strict=True):
                totals[place] += weight * value
    mean, deviation = fmean(totals), stdev(totals)
    dead = [all(totals[n] == 0 for n, one in enumerate(members) if one.group == row.group) for row in members]
    return [0.0 if d else (t - mean) / (deviation + advantage.eps) for t, d in zip(totals, dead, strict=True)]


def _add_steps(members: list[Row], advantage: AdvantageConfig, weight: float) -> None:
    """A step is one token for each character here; it ends at the token before `end`."""
    for group in _groups(members):
        steps = [(row, step) for row in group for step in row.score.steps]
        told = normalised([step.value for _, step in steps], advantage)
        for (row, step), value in zip(steps, told, strict=True):
            for t in range(step.end):
                row.advantages[t] += weight * value


def _on_tokens(members: list[Row], config: RlConfig) -> None:
    advantage = config.advantage
    for row in members:
        reward = row.outcome
        if advantage.estimator == "reinforce_pp_baseline":
            told = [one.outcome for one in members if one.group == row.group]
            reward -= fmean(told)
        rewards = [-cost for cost in divergences(row, config)]
        rewards[-1] += reward
        if advantage.estimator == "gae":
            _gae(row, rewards, advantage)
        else:
            last = len(rewards)
            row.advantages = [
                sum(advantage.gamma ** (later - t) * rewards[later] for later in range(t, last)) for t in range(last)
            ]


def _gae(row: Row, rewards: list[float], advantage: AdvantageConfig) -> None:
    values = [*row.values, 0.0]
    errors = [reward + advantage.gamma * values[t + 1] - values[t] for t, reward in enumerate(rewards)]
    decay = advantage.gamma * advantage.lam
    row.advantages = [sum(decay**n * error for n, error in enumerate(errors[t:])) for t in range(len(errors))]
    row.returns = [value + gain for value, gain in zip(row.values, row.advantages, strict=True)]


def step_loss(rows: Sequence[Row], networks: Networks, config: RlConfig) -> Tensor | None:
    """The loss of one optimizer step on these rows; None where they teach nothing."""
    loss = config.loss
    in_loss = [row for row in rows if row.reward is not None]
    if config.selection.overlong_filter:
        in_loss = [row for row in in_loss if not row.truncated]
    everyone = loss.kl.beta > 0 or loss.entropy.coef > 0 or networks.head is not None
    if not in_loss or (not everyone and not any(any(row.advantages) for row in in_loss)):
        return None
    said = [spoken(networks.policy, row, config.sampler.temperature) for row in in_loss]
    tokens, total = sum(len(row.tokens) for row in in_loss), torch.zeros((), dtype=torch.float64)
    for row, now in zip(in_loss, said, strict=True):
        length, limit = len(row.tokens), config.sampler.max_new_tokens
        weight = {
            "seq_mean": 1 / (len(in_loss) * length),
            "token_mean": 1 / tokens,
            "constant": 1 / (len(in_loss) * limit),
            "seq_sum": 1 / len(in_loss),
        }[loss.aggregation]
        terms = [_token_loss(row, now.log_probs, t, config) for t in range(length)]
        total = total + weight * torch.stack(terms).sum() - loss.entropy.coef * now.entropy.sum() / tokens
        if networks.head is not None:
            total = total + _value_loss(row, values_of(networks, row, now), config) / tokens
    return total


def _token_loss(row: Row, log_probs: Tensor, t: int, config: RlConfig) -> Tensor:
    loss, advantage, now = config.loss, row.advantages[t], log_probs[t]
    steps = config.epochs * config.minibatches
    old = row.old if loss.correction.mode != "none" else row.sampler
    gaps = log_probs - (log_probs.detach() if steps == 1 else old)
    ratio = gaps[t].exp()
    if loss.ratio != "token":
        own = now - now.detach() if loss.ratio == "sequence_token" else torch.zeros_like(now)
        mean = gaps.mean() if loss.ratio == "sequence" else gaps.mean().detach()
        ratio = (mean + own).exp()
    bounded = ratio.clamp(1 - loss.eps_low, 1 + loss.eps_high)
    if loss.objective == "reinforce":
        found = -advantage * now
    elif loss.objective == "cispo":
        found = -bounded.detach() * advantage * now
    else:
        found = -torch.minimum(ratio * advantage, bounded * advantage)
        if loss.dual_clip is not None and advantage < 0:
            found = torch.minimum(found, torch.full_like(found, -loss.dual_clip * advantage))
    return found * _correction(row, t, config) + _divergence(row, now, gaps[t].exp(), t, config)


def _correction(row: Row, t: int, config: RlConfig) -> float:
    correction = config.loss.correction
    gaps = (row.old - row.sampler).tolist()
    low, high = correction.low, correction.high
    token, whole = math.exp(gaps[t]), math.exp(sum(gaps))
    weights = {
        "none": 1.0,
        "token_truncate": min(max(token, low), high),
        "token_mask": token if low <= token <= high else 0.0,
        "sequence_truncate": min(max(whole, low), high),
        "sequence_mask": whole if low <= whole <= high else 0.0,
        "geometric_mask": token if low <= math.exp(fmean(gaps)) <= high else 0.0,
    }
    return weights[correction.mode]


def _divergence(row: Row, now: Tensor, ratio: Tensor, t: int, config: RlConfig) -> Tensor:
    kl = config.loss.kl
    if kl.beta == 0.0 or kl.place == "reward":
        return torch.zeros_like(now)
    d = row.reference[t] - now
    k2, k3 = d * d / 2, d.exp() - d - 1
    told = {"k1": -d * ratio, "k2": k2, "k3": k3, "k3_plus": k3.detach() + k2 - k2.detach()}[kl.estimated_by]
    return kl.beta * (told * ratio if kl.bias_correction and kl.estimated_by == "k3" else told)


def _value_loss(row: Row, values: Tensor, config: RlConfig) -> Tensor:
    assert config.critic is not None
    clip, old, target = config.critic.loss.clip, torch.tensor(row.values), torch.tensor(row.returns)
    worst = (values - target) ** 2
    if clip is not None:
        worst = torch.maximum(worst, (old + (values - old).clamp(-clip, clip) - target) ** 2)
    return config.critic.loss.coef * worst.sum() / 2
