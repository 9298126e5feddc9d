"""Records what TRL's own loss code returns on fixed tensors, for `tests/unit/trainer_client/test_loss_trl.py`.

Runs in an environment of its own, which nothing else here needs:

    python3 -m venv trlvenv && trlvenv/bin/pip install torch==2.13.0 trl==1.16.0
    trlvenv/bin/python tests/parity/record_trl_losses.py tests/unit/trainer_client/cases/trl_losses.json

`GRPOTrainer._compute_loss` and `DPOTrainer._compute_loss` are called as they are, with a light object in place of the
trainer: its model hands out log-probs (leaves, in float64) and its accelerator is a single process. Values and the
gradients with respect to the log-probs are recorded together with the inputs.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import trl
from torch import Tensor
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.grpo_trainer import GRPOTrainer

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
}


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


def grpo_loss(case: dict[str, Any]) -> dict[str, Any]:
    """TRL's loss and its gradient with respect to log-probs, and to entropies where they are in it."""
    tensors = grpo_tensors()
    log_probs, entropy = tensors["log_probs"].requires_grad_(), tensors["entropy"].requires_grad_()
    mask = tensors["mask"] * tensors["tools"] if case.get("tools") else tensors["mask"]
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
    loss = GRPOTrainer._compute_loss(trainer, None, inputs)
    loss.backward()
    metrics = {name: float(values[-1]) for name, values in trainer._metrics["train"].items()}
    answer = {"settings": case, "loss": loss.item(), "gradient": log_probs.grad.tolist(), "metrics": metrics}
    return answer | ({"entropy_gradient": entropy.grad.tolist()} if entropy.grad is not None else {})


def dpo_loss(case: dict[str, Any]) -> dict[str, Any]:
    """TRL's loss of preference pairs and its gradient with respect to log-probs."""
    tensors = dpo_tensors()
    leaf = tensors["log_probs"].requires_grad_()
    mask = tensors["mask"]
    prompted = torch.cat([torch.zeros(len(LENGTHS), 1, dtype=mask.dtype), mask], 1)
    trainer = SimpleNamespace(
        accelerator=alone(),
        model=SimpleNamespace(training=True),
        args=SimpleNamespace(gradient_checkpointing_kwargs=None, gradient_checkpointing=False),
        aux_loss_enabled=False,
        beta=case["beta"],
        f_divergence_type="reverse_kl",
        label_smoothing=0.0,
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
        "input_ids": torch.zeros(len(LENGTHS), WIDTH + 1, dtype=torch.long),
        "attention_mask": torch.ones_like(prompted),
        "completion_mask": prompted,
        "ref_chosen_logps": reference[0],
        "ref_rejected_logps": reference[1],
    }

    def model(**_: Any) -> Any:
        unused = torch.zeros(len(LENGTHS), WIDTH, dtype=torch.float64)
        return SimpleNamespace(log_probs=leaf * mask, entropy=unused, mean_logits=unused, is_top1=unused.bool())

    loss = DPOTrainer._compute_loss(trainer, model, inputs, return_outputs=False)
    loss.backward()
    metrics = {name: float(values[-1]) for name, values in trainer._metrics["train"].items() if "rewards" in name}
    return {"settings": case, "loss": loss.item(), "gradient": leaf.grad.tolist(), "metrics": metrics}


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
    }
    Path(sys.argv[1]).write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
