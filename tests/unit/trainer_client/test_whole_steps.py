"""Whole steps of every preset, from sampled groups to moved weights, against plain loops over single completions.

What the parts do is tested beside them; here is tested that they are put together as the papers mean it: whose
log-probs, which rows in which mean and in which divisor, over minibatches, passes and micro-batches.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import Parameter

from tests.unit.trainer_client.naive_steps import Networks, known_rows, step_loss
from tests.unit.trainer_client.rank_work import learner_of, tiny_model
from trainer_client.batching import rollout_batch
from trainer_client.config import RlConfig, SamplerConfig
from trainer_client.config.optim import OptimConfig
from trainer_client.config.presets import PRESETS, merged, with_preset
from trainer_client.groups import scored_rows
from trainer_client.learner import Rates
from trainer_client.lesson import lesson_of
from trainer_client.measure import measured
from trainer_client.model import LanguageModel
from trainer_client.progress import Controls
from trainer_client.sampler.hf import TransformersSampler
from trainer_client.types import Example, Judged, JudgedStep, Prompt, RolloutGroup, RolloutScore, ScoredGroup
from trainer_client.update import update_policy

LIMIT, PROMPTS, GROUP, TEMPERATURE, RATE = 7, 6, 4, 0.7, 0.3
SIZES = {
    "prompts": PROMPTS,
    "group": GROUP,
    "sampler": {"temperature": TEMPERATURE, "max_new_tokens": LIMIT},
    "micro_batch": 5,
    "logits_chunk": 13,
}
NEEDED = {
    "gfpo": {"advantage": {"gfpo": {"keep": 3}}},
    "gdpo": {"advantage": {"objectives": {"weights": {"math": 1.0, "format": 0.5}}}},
}
SEVERAL = {"epochs": 2, "minibatches": 3}
IN_REWARD = {"beta": 0.1, "estimator": "k2", "place": "reward"}
LONG = {"selection": {"overlong_filter": True, "soft_overlong": {"cache_share": 0.5}}}


def preset(name: str, *more: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = NEEDED.get(name, {})
    for one in (SIZES, *more):
        settings = merged(settings, one)
    return with_preset(name, settings)


def loss(**settings: Any) -> dict[str, Any]:
    return {"loss": settings}


CASES: dict[str, dict[str, Any]] = {
    **{name: preset(name) for name in PRESETS},
    "grpo, several steps": preset("grpo", SEVERAL),
    "ppo, discounted, shared trunk": preset(
        "ppo", {"critic": {"trunk": "shared"}, "advantage": {"gamma": 0.9, "lam": 0.8}, "epochs": 2}
    ),
    "reinforce_pp, discounted": preset("reinforce_pp", SEVERAL, {"advantage": {"gamma": 0.9}}),
    "gfpo by efficiency, overlong rows": preset(
        "gfpo", SEVERAL, LONG, {"advantage": {"gfpo": {"metric": "token_efficiency"}}}
    ),
    "gfpo with steps and a divergence": preset("gfpo", SEVERAL, {"advantage": {"process": {}}}, loss(kl={"beta": 0.1})),
    "gdpo, overlong rows": preset("gdpo", {"selection": {"overlong_filter": True}}, {"minibatches": 2}),
    "steps alone, gspo_token": preset("gspo_token", {"advantage": {"process": {"outcome_weight": 0.0}}}),
    "hybrid with a divergence in the reward": preset("hybrid", loss(kl=IN_REWARD)),
    "deviation of the batch": preset("dr_grpo", SEVERAL, {"advantage": {"scale": "batch"}}),
    "bonus": preset("dapo", loss(entropy={"coef": 0.1})),
    **{
        f"overlong rows, {one}": preset("grpo", SEVERAL, LONG, loss(aggregation=one))
        for one in ("token_mean", "constant", "seq_sum")
    },
    **{
        f"divergence {one}": preset("grpo", SEVERAL, loss(kl={"beta": 0.5, "estimator": one}))
        for one in ("k1", "k2", "k3_plus")
    },
    "divergence k3, corrected": preset("grpo", SEVERAL, loss(kl={"beta": 0.5, "bias_correction": True})),
    **{
        f"correction {one}": preset("grpo", SEVERAL, loss(correction={"mode": one, "low": 0.7, "high": 1.3}))
        for one in ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask", "geometric_mask")
    },
    "correction in one step": preset("gspo", {"minibatches": 1}, loss(correction={"mode": "sequence_truncate"})),
}


def drawn(model: LanguageModel, noise: float) -> list[ScoredGroup]:
    """Groups of the real sampler: the second dead, the third with one score, the fourth with none."""
    chance = random.Random(1)
    prompts = [
        Prompt(Example(str(n), "", None), "", tuple(chance.randrange(2, 20) for _ in range(1 + chance.randrange(6))))
        for n in range(PROMPTS)
    ]
    sampler = TransformersSampler(model, SamplerConfig(temperature=TEMPERATURE, max_new_tokens=LIMIT), 5)
    return [judged(place, group, chance, noise) for place, group in enumerate(sampler.sample(prompts, GROUP, 0))]


def judged(place: int, group: RolloutGroup, chance: random.Random, noise: float) -> ScoredGroup:
    rollouts, scores = [], []
    for number, rollout in enumerate(group.rollouts):
        length = len(rollout.token_ids)
        missing = {2: number > 0, 3: True}.get(place, chance.random() < 0.15)
        reward = 0.5 if place == 1 else chance.choice([0.0, 0.25, 1.0])
        steps = tuple(JudgedStep("steps", at, at + 1, chance.choice([0.0, 1.0])) for at in range(0, length, 3))
        parts = {"math": reward, "format": chance.choice([0.0, 1.0, None])}
        score = RolloutScore(Judged.SCORED, reward, parts, steps=steps)
        scores.append(RolloutScore(Judged.UNSCORED, None) if missing else score)
        moved = rollout.log_probs + noise * torch.tensor([chance.gauss(0, 1) for _ in range(length)])
        rollouts.append(replace(rollout, text_ends=torch.arange(1, length + 1), log_probs=moved))
    return ScoredGroup(RolloutGroup(group.prompt, tuple(rollouts)), tuple(scores))


def plain_descent(parameters: Iterable[Parameter], _: OptimConfig) -> torch.optim.Optimizer:
    """Moves against the gradient and nothing else, so that weights tell gradients."""
    return torch.optim.SGD(parameters)


def naive_step(networks: Networks, groups: list[ScoredGroup], config: RlConfig) -> None:
    """The same weights moved by the loops."""
    rows = known_rows(groups, networks, config)
    trunk = getattr(networks.trunk, "base_model", None)
    trained = [list(networks.policy.parameters())]
    if networks.head is not None:
        trained.append([*(trunk.parameters() if trunk is not None else ()), *networks.head.parameters()])
    size = len(rows) // config.minibatches
    for _ in range(config.epochs):
        for start in range(0, len(rows), size):
            found = step_loss(rows[start : start + size], networks, config)
            if found is not None:
                found.backward()  # type: ignore[no-untyped-call]
                for weights in trained:
                    move(weights, config.optim.clip_norm)


@torch.no_grad()
def move(weights: Iterable[Parameter], clip_norm: float) -> None:
    moving = [weight for weight in weights if weight.grad is not None]
    norm = torch.sqrt(
        sum((weight.grad.square().sum() for weight in moving if weight.grad is not None), torch.zeros(()))
    )
    for weight in moving:
        if weight.grad is not None:
            weight -= RATE * weight.grad * min(1.0, clip_norm / (float(norm) + 1e-6))
            weight.grad = None


@pytest.mark.parametrize("name", CASES)
def test_weights_move_as_the_formulas_say(name: str) -> None:
    config = RlConfig.model_validate(CASES[name])
    assert PROMPTS * GROUP % config.minibatches == 0
    model = tiny_model()
    groups = drawn(model, noise=0.3 if config.loss.correction.mode != "none" else 0.0)
    learner = learner_of(model, config, build=plain_descent)
    ours, critic = copy.deepcopy(model.network), learner.critic
    trunk = copy.deepcopy(ours) if config.critic is not None and config.critic.trunk == "own" else None
    networks = Networks(ours, learner.reference, trunk, None if critic is None else copy.deepcopy(critic.head))
    before = flat(ours.parameters())

    batch = measured(learner, rollout_batch(groups, model.pad_id), scored_rows(groups), config)
    lesson = lesson_of(groups, batch, config, Controls())
    result = update_policy(learner, lesson.batch, config, Rates(RATE, RATE))
    naive_step(networks, groups, config)

    assert result.steps > 0
    assert_moved_alike(before, flat(model.network.parameters()), flat(ours.parameters()))
    if critic is not None and networks.head is not None:
        assert_alike(critic.head.parameters(), networks.head.parameters())
    if critic is not None and critic.trunk is not None and trunk is not None:
        assert_alike(critic.trunk.parameters(), trunk.base_model.parameters())


def assert_alike(ours: Iterable[Parameter], expected: Iterable[Parameter]) -> None:
    assert torch.allclose(flat(ours), flat(expected), rtol=1e-5, atol=1e-7)


def flat(weights: Iterable[Parameter]) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in weights])


def assert_moved_alike(before: torch.Tensor, one: torch.Tensor, other: torch.Tensor) -> None:
    moved, expected = one - before, other - before
    assert expected.norm() > 1e-3
    assert (moved - expected).norm() < 1e-5 * expected.norm()
