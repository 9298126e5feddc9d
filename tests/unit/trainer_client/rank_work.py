"""What one process and several do alike, to be compared: two steps of learning under many settings."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from trainer_client.batching import rollout_batch
from trainer_client.config import FreshModelConfig, ModelConfig, RlConfig, SftConfig
from trainer_client.config.presets import PRESETS, merged, with_preset
from trainer_client.control import adapted, current_entropy_coef
from trainer_client.critic import Critic
from trainer_client.errors import RewardRejected
from trainer_client.groups import scored_rows
from trainer_client.learner import Learner, Rates
from trainer_client.lesson import Lesson, lesson_of
from trainer_client.measure import measured
from trainer_client.model import LanguageModel, open_model
from trainer_client.optim import build_optimizer
from trainer_client.policy import frozen_copy_of, token_log_probs
from trainer_client.progress import Controls
from trainer_client.ranks import ALONE, Ranks, open_ranks
from trainer_client.sft import sft_step
from trainer_client.types import (
    Example,
    Judged,
    JudgedStep,
    Prompt,
    Rollout,
    RolloutGroup,
    RolloutScore,
    ScoredGroup,
)
from trainer_client.update import UpdateResult, accumulate_gradients, update_policy

EOS = 1
LONGEST = 10
STEPS = 2
SIZES = {"group": 4, "prompts": 16, "sampler": {"max_new_tokens": LONGEST}}


@dataclass(frozen=True, slots=True)
class Case:
    """Tables of `[rl]`, and the reward of each completion [P, G]: from chance where None, and None in it: unscored."""

    settings: dict[str, Any]
    rewards: list[list[float | None]] | None = None


def _preset(name: str, **settings: Any) -> Case:
    return Case(with_preset(name, merged(SIZES, settings)))


def _plain(**settings: Any) -> Case:
    return Case(merged(SIZES, settings))


DEAD: list[list[float | None]] = [[1.0] * 4] * 15
LONELY: list[float | None] = [1.0, 0.0, None, None]
GFPO = {"gfpo": {"metric": "length", "keep": 2}}
ADAPTIVE = {"very_hard": 3, "hard": 3, "medium": 2, "easy": 2, "window": 5, "warm_up": 4}

NEEDED = {  # what a preset leaves to the configuration, or has for larger groups
    "gfpo": {"advantage": GFPO},
    "gdpo": {"advantage": {"objectives": {"weights": {"math": 1.0, "format": 0.5}}}},
}

CASES: dict[str, Case] = {name: _preset(name, **NEEDED.get(name, {})) for name in PRESETS} | {
    "deviation of the batch": _plain(advantage={"scale": "batch"}),
    "process, outcome as a step": _preset("grpo_process", advantage={"process": {"outcome_as_step": True}}),
    "gfpo with a window of difficulty": _preset("gfpo", advantage={"gfpo": {"adaptive": ADAPTIVE}}),
    "ppo, shared trunk": _preset("ppo", critic={"trunk": "shared"}),
    "hybrid baseline": _plain(advantage={"scale": "none", "hybrid": {"choose": "dead"}}, critic={}),
    "adaptive divergence": _preset("rloo", loss={"kl": {"target": 0.01, "horizon": 100}}),
    "entropy bonus": _plain(loss={"entropy": {"coef": 0.1}}),
    "adaptive entropy": _plain(loss={"entropy": {"coef": 0.1, "target": 5.0}}),
    "tokens of high entropy": _plain(loss={"entropy": {"top_share": 0.3}}),
    "correction, several passes": _plain(loss={"correction": {"mode": "token_truncate"}}, epochs=2, minibatches=3),
    "minibatches of other sizes": _plain(minibatches=7),
    "one group in one minibatch teaches": Case(merged(SIZES, {"minibatches": 4}), [LONELY, *DEAD]),
    "one row teaches": Case(merged(SIZES, {"selection": {"overlong_filter": True}}), [LONELY, *DEAD]),
    "nothing teaches": Case(SIZES, [[0.0] * 4, *DEAD]),
    "one row's gradient is not a number": Case(
        merged(SIZES, {"selection": {"overlong_filter": True}, "advantage": {"scale": "none"}}),
        [[math.nan, *LONELY[1:]], *DEAD],
    ),
}


@dataclass(slots=True)
class Learnt:
    """`gradient` is that of the first step over the whole batch, `weights` those after each step, both in one row."""

    gradient: Tensor
    weights: list[Tensor]
    results: list[UpdateResult]
    controls: list[Controls]


def learnt(case: Case, micro_batch: int, ranks: Ranks) -> Learnt:
    """What the trainer does with the same groups in each of a few steps."""
    config = RlConfig.model_validate({**case.settings, "micro_batch": micro_batch})
    model = tiny_model()
    learner, groups, controls = learner_of(model, config, ranks), _groups(config, case.rewards), Controls()
    made = Learnt(torch.zeros(0), [], [], [])
    for step in range(STEPS):
        lesson = _lesson(learner, groups, config, controls, model.pad_id)
        coef = current_entropy_coef(controls, config.loss)
        if step == 0:
            accumulate_gradients(learner, lesson.batch, config, coef)
            made.gradient = _gradient(learner)
        result = update_policy(learner, lesson.batch, config, Rates(0.01, 0.01), coef)
        controls = adapted(
            controls, config.loss, result.sums, lesson.reward_kl, int(lesson.members.sum()), lesson.window
        )
        made.weights.append(_flat(learner, lambda weight: weight.detach().clone()))
        made.results.append(result)
        made.controls.append(controls)
    return made


def demonstrated(micro_batch: int, ranks: Ranks) -> Tensor:
    """The weights after a few steps on demonstrations of different lengths."""
    model = tiny_model()
    optimizer = build_optimizer(model.network.parameters(), SftConfig().optim)
    prompts = [Prompt(Example(str(n), "", None, "3" * (1 + n)), "", tuple(range(2, 4 + n % 3))) for n in range(7)]
    config = SftConfig(micro_batch=micro_batch)
    for _ in range(3):
        sft_step(model, optimizer, prompts, config, 0.01, ranks)
    return torch.cat([weight.detach().flatten() for weight in model.network.parameters()])


def tiny_model() -> LanguageModel:
    """16 wide, 2 layers, fp64, so that what is left of a difference is no rounding; logits are spread."""
    torch.manual_seed(0)
    model = open_model(ModelConfig(fresh=FreshModelConfig(hidden=16, intermediate=32, heads=2)), torch.device("cpu"))
    with torch.no_grad():
        for weight in model.network.parameters():
            weight.mul_(8 if weight.ndim >= 2 else 1)
    model.network.double()
    return model


def learner_of(
    model: LanguageModel, config: RlConfig, ranks: Ranks = ALONE, build: Callable[..., Optimizer] = build_optimizer
) -> Learner:
    """A learner with a reference and a critic that differ from the policy; `build` is as `build_optimizer`."""
    learner = Learner(model.network, build(model.network.parameters(), config.optim), ranks=ranks)
    if config.loss.kl.beta:
        learner.reference = frozen_copy_of(model.network)
        with torch.no_grad():
            for weight in learner.reference.parameters():
                weight.mul_(1.05)
    if config.critic is not None:
        learner.critic = Critic.beside(model.network, config.critic.trunk == "own").double()
        with torch.no_grad():
            learner.critic.head.weight.fill_(0.1)
        learner.critic_optimizer = build(learner.critic.parameters(), config.critic.optim)
    return learner


def _lesson(learner: Learner, groups: list[ScoredGroup], config: RlConfig, controls: Controls, pad_id: int) -> Lesson:
    """The lesson, from a sampler that was a little away from the policy."""
    batch = rollout_batch(groups, pad_id)
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        own = token_log_probs(learner.network, batch, 1.0).float()
    batch = replace(batch, sampler_log_probs=own + 0.05 * torch.randn(own.shape, generator=noise))
    return lesson_of(groups, measured(learner, batch, scored_rows(groups), config), config, controls)


def _groups(config: RlConfig, rewards: list[list[float | None]] | None) -> list[ScoredGroup]:
    """Completions of 1 to 10 tokens, some cut at the limit, some without a score, some groups of equal rewards."""
    chance = random.Random(0)
    if rewards is None:
        rewards = [[chance.choice([0.0, 0.5, 1.0, None]) for _ in range(config.group)] for _ in range(config.prompts)]
    return [_group(row, chance) for row in rewards]


def _group(rewards: list[float | None], chance: random.Random) -> ScoredGroup:
    prompt = tuple(chance.randrange(2, 20) for _ in range(chance.randrange(1, 7)))
    rollouts, scores = [], []
    for number, reward in enumerate(rewards):
        length = LONGEST if number == 1 else chance.randrange(1, LONGEST)
        ids = torch.tensor([chance.randrange(2, 20) for _ in range(length - 1)] + [5 if number == 1 else EOS])
        ends = torch.arange(1, length + 1)
        rollouts.append(Rollout(ids, torch.zeros(length), torch.zeros(length), "", number == 1, 0, ends))
        steps = tuple(JudgedStep("steps", at, at + 1, chance.choice([0.0, 1.0])) for at in range(0, length, 3))
        components = {"math": reward, "format": chance.choice([0.0, 1.0])}
        scores.append(
            RolloutScore(Judged.UNSCORED, None)
            if reward is None
            else RolloutScore(Judged.SCORED, reward, components, steps=steps)
        )
    return ScoredGroup(RolloutGroup(Prompt(Example("0", "", None), "", prompt), tuple(rollouts)), tuple(scores))


def _flat(learner: Learner, of: Callable[[Tensor], Tensor]) -> Tensor:
    parts = [learner.network, *([] if learner.critic is None else [learner.critic])]
    return torch.cat([of(weight).flatten() for part in parts for weight in part.parameters()])


def _gradient(learner: Learner) -> Tensor:
    """The gradients, zero where there is none; they are cleared."""
    found = _flat(learner, lambda weight: torch.zeros_like(weight) if weight.grad is None else weight.grad)
    learner.network.zero_grad(set_to_none=True)
    if learner.critic is not None:
        learner.critic.zero_grad(set_to_none=True)
    return found


def exchanged(ranks: Ranks) -> dict[str, Any]:
    """What this rank hears of the others."""

    def fails_on_the_second() -> None:
        if ranks.rank == 1:
            raise RewardRejected(status=401, code="unauthorized", detail="no key")

    heard: dict[str, Any] = {
        "any": [ranks.any(flag) for flag in (False, ranks.rank == 1, True)],
        "first": ranks.first(lambda: f"from {ranks.rank}"),
        "each": ranks.each(lambda: ranks.label("rl-3")),
    }
    try:
        ranks.each(fails_on_the_second)
    except RewardRejected as error:
        heard["fault"] = (error.status, error.code, error.detail)
    return heard


def be_a_rank(directory: str) -> None:
    """One rank, told by torchrun's variables which; writes what it learnt into DIRECTORY/RANK.pt."""
    torch.set_num_threads(1)
    with open_ranks(300) as ranks:
        made = {name: learnt(case, 8, ranks) for name, case in CASES.items()}
        more = {"demonstrated": demonstrated(3, ranks), "exchanged": exchanged(ranks)}
        torch.save({"learnt": made, **more}, f"{directory}/{ranks.rank}.pt")
