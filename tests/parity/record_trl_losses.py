"""Records what TRL's own loss code returns on fixed tensors, for `tests/unit/trainer_client/test_loss_trl.py`.

Runs in an environment of its own, which nothing else here needs:

    python3 -m venv trlvenv && trlvenv/bin/pip install torch==2.13.0 trl==1.16.0
    trlvenv/bin/python tests/parity/record_trl_losses.py tests/unit/trainer_client/cases/trl_losses.json

The trainers' `_compute_loss` are called as they are, with a light object in place of the trainer: its model hands out
log-probs (leaves, in float64) and its accelerator is a single process. Values and the gradients with respect to the
log-probs are recorded together with the inputs. Advantages are computed in the middle of a long method that generates
too: those lines of the installed package are run by themselves, on rewards of ours.
"""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import trl
from torch import Tensor
from trl.rewards import get_soft_overlong_punishment
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_trainer import RLOOTrainer
from trl.trainer.utils import nanstd

LENGTHS = (7, 3, 1, 5, 6, 2)
WIDTH = 7
MAX_COMPLETION = 9
TOKEN = {"epsilon_low": 0.2, "epsilon_high": 0.28}
SEQUENCE = {"epsilon_low": 0.03, "epsilon_high": 0.04, "importance_sampling_level": "sequence"}

GRPO_CASES: dict[str, dict[str, Any]] = {
    "grpo": {"loss_type": "grpo", **TOKEN},
    "grpo, first step": {"loss_type": "grpo", **TOKEN, "first_step": True},
    "grpo, beta": {"loss_type": "grpo", **TOKEN, "beta": 0.04},
    "grpo, beta, bias correction": {"loss_type": "grpo", **TOKEN, "beta": 0.04, "use_bias_correction_kl": True},
    "grpo, delta": {"loss_type": "grpo", **TOKEN, "delta": 1.5},
    "grpo, delta, beta": {"loss_type": "grpo", **TOKEN, "delta": 1.5, "beta": 0.04},
    "dr_grpo": {"loss_type": "dr_grpo", **TOKEN},
    "dr_grpo, beta": {"loss_type": "dr_grpo", **TOKEN, "beta": 0.04},
    "dapo": {"loss_type": "dapo", **TOKEN},
    "dapo, beta": {"loss_type": "dapo", **TOKEN, "beta": 0.04},
    "dapo, delta": {"loss_type": "dapo", **TOKEN, "delta": 1.5},
    "dapo, other tokens in the step": {"loss_type": "dapo", **TOKEN, "items": 61},
    "bnpo": {"loss_type": "bnpo", **TOKEN},
    "bnpo, beta": {"loss_type": "bnpo", **TOKEN, "beta": 0.04},
    "gspo": {"loss_type": "grpo", **SEQUENCE},
    "gspo, beta": {"loss_type": "grpo", **SEQUENCE, "beta": 0.04},
    "gspo, delta": {"loss_type": "grpo", **SEQUENCE, "delta": 1.1},
    "gspo, token mean": {"loss_type": "dapo", **SEQUENCE},
    "cispo": {"loss_type": "cispo", "epsilon_low": 0.2, "epsilon_high": 1.3},
    "cispo, beta": {"loss_type": "cispo", "epsilon_low": 0.2, "epsilon_high": 1.3, "beta": 0.04},
    "grpo, tool tokens": {"loss_type": "grpo", **TOKEN, "beta": 0.04, "tools": True},
    "grpo, top entropy": {"loss_type": "grpo", **TOKEN, "top_entropy_quantile": 0.4},
    "dapo, entropy bonus": {"loss_type": "dapo", **TOKEN, "entropy_coef": 0.02},
    "dapo, token_truncate": {"loss_type": "dapo", **TOKEN, "mode": "token_truncate", "clip_max": 1.1},
    "dapo, token_mask": {"loss_type": "dapo", **TOKEN, "mode": "token_mask", "clip_max": 1.1},
    "grpo, sequence_truncate": {"loss_type": "grpo", **TOKEN, "mode": "sequence_truncate", "clip_max": 1.2},
    "grpo, sequence_mask, beta": {"loss_type": "grpo", **TOKEN, "mode": "sequence_mask", "clip_max": 1.2, "beta": 0.04},
}
DPO_CASES: dict[str, dict[str, Any]] = {
    "sigmoid": {"loss_type": "sigmoid", "beta": 0.1},
    "ipo": {"loss_type": "ipo", "beta": 0.2},
    # TRL's sigmoid knows no label smoothing; its "aot" sorts the margins of the batch, and of one pair it is cDPO.
    "cdpo, first pair": {"loss_type": "aot", "beta": 0.1, "label_smoothing": 0.2, "pair": 0},
    "cdpo, second pair": {"loss_type": "aot", "beta": 0.5, "label_smoothing": 0.4, "pair": 1},
    "cdpo, third pair": {"loss_type": "aot", "beta": 2.0, "label_smoothing": 0.1, "pair": 2},
}
GROUP = 4
REWARD_WEIGHTS = (1.0, 0.5, -0.25)
ADVANTAGE_CASES: dict[str, dict[str, Any]] = {
    "sum, group": {"aggregation": "sum_then_normalize", "scale": "group"},
    "sum, batch": {"aggregation": "sum_then_normalize", "scale": "batch"},
    "sum, none": {"aggregation": "sum_then_normalize", "scale": "none"},
    "gdpo": {"aggregation": "normalize_then_sum", "scale": "group"},
    "rloo": {"beta": 0.0},
    "rloo, beta": {"beta": 0.3},
}
ENTROPY_TARGET = 0.4
ADAPTIVE_CASES: dict[str, dict[str, float]] = {  # what the step before measured, and the entropies' factor
    "low before, low now": {"coef": 0.1, "last": 0.3, "factor": 0.5},
    "low before, high now": {"coef": 0.1, "last": 0.3, "factor": 2.0},
    "high before, low now": {"coef": 0.1, "last": 0.6, "factor": 0.5},
    "at the target, low now": {"coef": 0.14, "last": 0.4, "factor": 0.5},
    "to the lowest": {"coef": 0.06, "last": 0.6, "factor": 2.0},
}
OVERLONG = {"max_completion_len": 20, "soft_punish_cache": 4}


def grpo_tensors() -> dict[str, Tensor]:
    """Six rows of uneven length; ratios inside and outside of every clip range, some of them far."""
    random = torch.Generator().manual_seed(49)

    def normal(scale: float) -> Tensor:
        return scale * torch.randn(len(LENGTHS), WIDTH, generator=random, dtype=torch.float64)

    old = -normal(1.0).abs() - 0.05
    mask = (torch.arange(WIDTH) < torch.tensor(LENGTHS).unsqueeze(1)).to(torch.float64)
    tools = torch.ones_like(mask)
    tools[0, 2:4] = tools[3, 1] = 0
    return {
        "log_probs": old + normal(0.5),
        "old_log_probs": old,
        "reference_log_probs": old + normal(0.4),
        "sampler_log_probs": old + normal(0.1),
        "entropy": normal(0.8).abs() + 0.01,
        "advantages": torch.tensor([1.2, -0.7, 0.9, -1.5, 0.4, -0.1], dtype=torch.float64),
        "mask": mask,
        "tools": tools,
    }


def dpo_tensors() -> dict[str, Tensor]:
    """Three pairs of uneven length: chosen rows first, then rejected ones, as TRL stacks them."""
    random = torch.Generator().manual_seed(7)
    shape = (len(LENGTHS), WIDTH)
    reference = -torch.randn(shape, generator=random, dtype=torch.float64).abs() - 0.05
    mask = (torch.arange(WIDTH) < torch.tensor(LENGTHS).unsqueeze(1)).to(torch.float64)
    drift = 0.5 * torch.randn(shape, generator=random, dtype=torch.float64)
    return {"log_probs": reference + drift, "reference_log_probs": reference, "mask": mask}


def reward_tensors() -> dict[str, Tensor]:
    """Rewards [12, 3] of three groups of four by three functions, NaN where one says nothing, and log-probs [12, 5].

    The second group's last row is judged by none of them, the third group's rewards of the first function are equal.
    """
    random = torch.Generator().manual_seed(11)
    rewards = torch.randint(0, 4, (3 * GROUP, len(REWARD_WEIGHTS)), generator=random).to(torch.float64) / 2
    rewards[1, 1] = rewards[4, 2] = rewards[5, 2] = rewards[6, 2] = torch.nan
    rewards[2 * GROUP - 1] = torch.nan
    rewards[2 * GROUP :, 0] = 0.5
    old = -torch.randn(3 * GROUP, 5, generator=random, dtype=torch.float64).abs()
    reference = old + 0.3 * torch.randn(3 * GROUP, 5, generator=random, dtype=torch.float64)
    lengths = torch.randint(1, 6, (3 * GROUP, 1), generator=random)
    return {
        "rewards": rewards,
        "old_log_probs": old,
        "reference_log_probs": reference,
        "mask": (torch.arange(5) < lengths).to(torch.float64),
    }


def alone() -> Any:
    """An accelerator of one process."""
    return SimpleNamespace(
        device=torch.device("cpu"),
        num_processes=1,
        sync_gradients=True,
        reduce=lambda value, reduction="sum": value,
        gather=lambda value: value,
        gather_for_metrics=lambda value: value,
        pad_across_processes=lambda value, dim=0, pad_index=0: value,
    )


def sampler_ratio(tensors: dict[str, Tensor], mask: Tensor, mode: str, clip_max: float) -> Tensor:
    """The ratio that TRL's generation step hands to its loss (written out: it cannot be called by itself)."""
    gap = (tensors["old_log_probs"] - tensors["sampler_log_probs"]) * mask
    ratio = (gap.sum(-1, keepdim=True) if mode.startswith("sequence") else gap).exp()
    return ratio.clamp(max=clip_max) if mode.endswith("truncate") else ratio.masked_fill(ratio > clip_max, 0.0)


def grpo_trainer(case: dict[str, Any], log_probs: Tensor, entropy: Tensor) -> Any:
    """What `GRPOTrainer._compute_loss` reads of its trainer."""
    bonus = case.get("entropy_coef", 0.0)
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *args, **kwargs: (log_probs, entropy, None),
        accelerator=alone(),
        model=SimpleNamespace(training=True),
        args=SimpleNamespace(
            delta=case.get("delta"),
            use_bias_correction_kl=case.get("use_bias_correction_kl", False),
            steps_per_generation=1,
        ),
        aux_loss_enabled=False,
        beta=case.get("beta", 0.0),
        current_gradient_accumulation_steps=1,
        entropy_coef=bonus,
        epsilon_high=case["epsilon_high"],
        epsilon_low=case["epsilon_low"],
        importance_sampling_level=case.get("importance_sampling_level", "token"),
        loss_type=case["loss_type"],
        max_completion_length=MAX_COMPLETION,
        off_policy_mask_threshold=None,
        top_entropy_quantile=case.get("top_entropy_quantile", 1.0),
        use_adaptive_entropy=False,
        use_vllm="mode" in case,
        vllm_importance_sampling_correction=True,
        _entropy_bonus_enabled=bonus > 0.0,
        _metrics={"train": defaultdict(list)},
    )
    trainer.get_high_entropy_mask = lambda *args: GRPOTrainer.get_high_entropy_mask(trainer, *args)
    return trainer


def grpo_inputs(case: dict[str, Any], tensors: dict[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
    """The batch as `GRPOTrainer._compute_loss` wants it."""
    inputs = {
        "prompt_ids": torch.zeros(len(LENGTHS), 1, dtype=torch.long),
        "prompt_mask": torch.ones(len(LENGTHS), 1, dtype=torch.long),
        "completion_ids": torch.zeros(len(LENGTHS), WIDTH, dtype=torch.long),
        "completion_mask": tensors["mask"],
        "advantages": tensors["advantages"],
        "ref_per_token_logps": tensors["reference_log_probs"],
        "num_items_in_batch": torch.tensor(float(case.get("items", mask.sum()))),
    }
    if not case.get("first_step"):
        inputs["old_per_token_logps"] = tensors["old_log_probs"]
    if case.get("tools"):
        inputs["tool_mask"] = tensors["tools"]
    if "mode" in case:
        inputs["importance_sampling_ratio"] = sampler_ratio(tensors, mask, case["mode"], case["clip_max"])
    return inputs


def grpo_loss(case: dict[str, Any]) -> dict[str, Any]:
    """TRL's loss and its gradient with respect to log-probs, and to entropies where they are in it."""
    tensors = grpo_tensors()
    log_probs, entropy = tensors["log_probs"].requires_grad_(), tensors["entropy"].requires_grad_()
    mask = tensors["mask"] * tensors["tools"] if case.get("tools") else tensors["mask"]
    trainer = grpo_trainer(case, log_probs, entropy)
    loss = GRPOTrainer._compute_loss(trainer, None, grpo_inputs(case, tensors, mask))
    loss.backward()
    metrics = {name: float(values[-1]) for name, values in trainer._metrics["train"].items()}
    answer = {"settings": case, "loss": loss.item(), "gradient": log_probs.grad.tolist(), "metrics": metrics}
    return answer | ({"entropy_gradient": entropy.grad.tolist()} if entropy.grad is not None else {})


def adaptive_entropy(case: dict[str, float]) -> dict[str, Any]:
    """TRL's loss with the bonus that is due, and the coefficient of the step after it."""
    tensors = grpo_tensors()
    settings = {"loss_type": "dapo", **TOKEN}
    entropy = (case["factor"] * tensors["entropy"]).requires_grad_()
    trainer = grpo_trainer(settings, tensors["log_probs"], entropy)
    trainer.use_adaptive_entropy = trainer._entropy_bonus_enabled = True
    trainer.entropy_coef, trainer._last_world_entropy, trainer._entropy_window_stats = case["coef"], case["last"], None
    trainer.args.entropy_target, trainer.args.entropy_coef_delta = ENTROPY_TARGET, 0.03
    trainer.args.entropy_coef_min, trainer.args.entropy_coef_max = 0.05, 0.15
    loss = GRPOTrainer._compute_loss(trainer, None, grpo_inputs(settings, tensors, tensors["mask"]))
    loss.backward()
    measured = {"next_coef": trainer.entropy_coef, "entropy": trainer._last_world_entropy}
    return {"settings": case, "loss": loss.item(), "entropy_gradient": entropy.grad.tolist(), **measured}


def rloo_gradient() -> list[list[float]]:
    """The gradient of TRL's RLOO loss at the policy that drew the tokens."""
    tensors = grpo_tensors()
    leaf, mask = tensors["log_probs"].requires_grad_(), tensors["mask"]
    trainer = grpo_trainer({"loss_type": "none", **TOKEN}, leaf, tensors["entropy"])
    inputs = grpo_inputs({}, tensors, mask) | {"old_logps": (leaf.detach() * mask).sum(1)}
    RLOOTrainer._compute_loss(trainer, None, inputs).backward()
    return leaf.grad.tolist()


def advantages(case: dict[str, Any]) -> list[float]:
    """What TRL makes of the rewards: its own lines, from the first that reads them to the last that cleans them."""
    tensors = reward_tensors()
    owner = RLOOTrainer if "beta" in case else GRPOTrainer
    lines = textwrap.dedent(inspect.getsource(owner._generate_and_score_completions)).splitlines()
    first = next(n for n, line in enumerate(lines) if line.strip().startswith("unscorable_mask ="))
    last = next(n for n, line in enumerate(lines) if line.strip().startswith("advantages = torch.nan_to_num"))
    trainer = SimpleNamespace(
        beta=case.get("beta"),
        multi_objective_aggregation=case.get("aggregation"),
        normalize_advantages=False,
        reward_clip_range=None,
        reward_funcs=REWARD_WEIGHTS,
        reward_weights=torch.tensor(REWARD_WEIGHTS, dtype=torch.float64),
        scale_rewards=case.get("scale"),
    )
    names = {
        "self": trainer,
        "torch": torch,
        "nanstd": nanstd,
        "gather": lambda value: value,
        "device": torch.device("cpu"),
        "num_generations": GROUP,
        "rewards_per_func": tensors["rewards"],
        "old_per_token_logps": tensors["old_log_probs"],
        "ref_per_token_logps": tensors["reference_log_probs"],
        "completion_mask": tensors["mask"],
    }
    exec(textwrap.dedent("\n".join(lines[first : last + 1])), names)
    return names["advantages"].tolist()


def dpo_loss(case: dict[str, Any]) -> dict[str, Any]:
    """TRL's loss of preference pairs and its gradient with respect to log-probs."""
    tensors = dpo_tensors()
    if "pair" in case:
        tensors = {name: tensor[[case["pair"], case["pair"] + 3]] for name, tensor in tensors.items()}
    leaf = tensors["log_probs"].requires_grad_()
    mask = tensors["mask"]
    rows = len(mask)
    prompted = torch.cat([torch.zeros(rows, 1, dtype=mask.dtype), mask], 1)
    trainer = SimpleNamespace(
        accelerator=alone(),
        model=SimpleNamespace(training=True),
        args=SimpleNamespace(gradient_checkpointing_kwargs=None, gradient_checkpointing=False),
        aux_loss_enabled=False,
        beta=case["beta"],
        f_divergence_type="reverse_kl",
        label_smoothing=case.get("label_smoothing", 0.0),
        ld_alpha=None,
        loss_types=[case["loss_type"]],
        loss_weights=[1.0],
        precompute_ref_logps=True,
        use_weighting=False,
        _metrics={"train": defaultdict(list)},
        _total_train_tokens=0,
        _tp_size=1,
    )
    reference = (tensors["reference_log_probs"] * mask).sum(1).chunk(2)
    inputs = {
        "input_ids": torch.zeros(rows, WIDTH + 1, dtype=torch.long),
        "attention_mask": torch.ones_like(prompted),
        "completion_mask": prompted,
        "ref_chosen_logps": reference[0],
        "ref_rejected_logps": reference[1],
    }

    def model(**_: Any) -> Any:
        unused = torch.zeros(rows, WIDTH, dtype=torch.float64)
        return SimpleNamespace(log_probs=leaf * mask, entropy=unused, mean_logits=unused, is_top1=unused.bool())

    loss = DPOTrainer._compute_loss(trainer, model, inputs, return_outputs=False)
    loss.backward()
    metrics = {name: float(values[-1]) for name, values in trainer._metrics["train"].items() if "rewards" in name}
    return {"settings": case, "loss": loss.item(), "gradient": leaf.grad.tolist(), "metrics": metrics}


def nested(tensor: Tensor) -> list[list[float | None]]:
    """Nested lists with None for NaN, which JSON has not."""
    return [[None if value != value else value for value in row] for row in tensor.tolist()]


def main() -> None:
    """Write the file named on the command line."""
    record = {
        "recorded_by": "tests/parity/record_trl_losses.py",
        "trl": trl.__version__,
        "torch": torch.__version__,
        "max_completion": MAX_COMPLETION,
        "grpo_inputs": {name: tensor.tolist() for name, tensor in grpo_tensors().items()},
        "grpo": {name: grpo_loss(case) for name, case in GRPO_CASES.items()},
        "dpo_inputs": {name: tensor.tolist() for name, tensor in dpo_tensors().items()},
        "dpo": {name: dpo_loss(case) for name, case in DPO_CASES.items()},
        "reward_inputs": {name: nested(tensor) for name, tensor in reward_tensors().items()},
        "reward_weights": REWARD_WEIGHTS,
        "advantages": {name: {"settings": case, "values": advantages(case)} for name, case in ADVANTAGE_CASES.items()},
        "rloo_gradient": rloo_gradient(),
        "entropy_target": ENTROPY_TARGET,
        "adaptive_entropy": {name: adaptive_entropy(case) for name, case in ADAPTIVE_CASES.items()},
        "overlong": get_soft_overlong_punishment(**OVERLONG)(completion_ids=[[0] * length for length in range(23)]),
    }
    Path(sys.argv[1]).write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
