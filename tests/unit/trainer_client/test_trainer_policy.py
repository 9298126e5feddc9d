"""Log-probs, entropies and hidden states of one pass, however its logits are cut."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, Gemma2Config, GPT2Config, PreTrainedConfig, Qwen3Config

from trainer_client.batching import demonstration_batch
from trainer_client.model import LanguageModel
from trainer_client.policy import distribution_entropy, head_is_plain, policy_outputs, trunk_of
from trainer_client.types import TrainBatch

SHAPE = {"vocab_size": 24, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "head_dim": 8}
HEADS = {"num_attention_heads": 2, "num_key_value_heads": 1}


def batch() -> TrainBatch:
    return demonstration_batch([([3, 4, 5], [6, 7, 8, 9, 1]), ([9], [10, 11, 1])], 0)


def naive_entropy(logits: Tensor, temperature: float) -> Tensor:
    probabilities = torch.softmax(logits.double() / temperature, -1)
    return -(probabilities * probabilities.log()).sum(-1)


def gradients_of(model: LanguageModel, chunk: int) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probs, entropies, and the gradient of a sum over both."""
    outputs = policy_outputs(model.network, batch(), 0.7, entropy=True, chunk=chunk)
    assert outputs.entropy is not None
    mask = batch().action_mask
    ((outputs.log_probs.sin() + outputs.entropy.square()) * mask).sum().backward()
    vector = torch.cat([p.grad.flatten() for p in model.network.parameters() if p.grad is not None])
    model.network.zero_grad(set_to_none=True)
    return outputs.log_probs.detach() * mask, outputs.entropy.detach() * mask, vector


@pytest.mark.parametrize("chunk", [1, 3, 9])
def test_cut_logits_give_the_same_values_and_gradients(tiny_model: LanguageModel, chunk: int) -> None:
    assert head_is_plain(tiny_model.network)
    for cut, whole in zip(gradients_of(tiny_model, chunk), gradients_of(tiny_model, 4096), strict=True):
        assert torch.allclose(cut, whole, atol=1e-5)
        assert whole.abs().max() > 0.1


def test_entropy_is_that_of_the_tempered_distribution(tiny_model: LanguageModel) -> None:
    rows = batch()
    entropy = policy_outputs(tiny_model.network, rows, 0.7, entropy=True).entropy
    logits = tiny_model.network(input_ids=rows.input_ids[:1]).logits[0, 2:7]  # the first row has no padding
    assert entropy is not None
    assert torch.allclose(entropy[0].double(), naive_entropy(logits, 0.7), atol=1e-5)
    assert policy_outputs(tiny_model.network, rows, 0.7).entropy is None


def test_a_token_without_any_chance_adds_no_entropy() -> None:
    logits = torch.tensor([0.0, 0.0, -torch.inf], requires_grad=True)
    entropy = distribution_entropy(logits, 1.0)
    assert entropy.item() == pytest.approx(torch.log(torch.tensor(2.0)).item())
    entropy.backward()
    assert torch.isfinite(logits.grad[:2]).all()  # type: ignore[index]


@pytest.mark.parametrize(("chunk", "kept"), [(2, False), (4096, True)])
def test_cut_logits_are_not_kept_for_the_gradient(tiny_model: LanguageModel, chunk: int, kept: bool) -> None:
    vocabulary = tiny_model.network.config.vocab_size
    rows_kept = []

    def pack(tensor: Tensor) -> Tensor:
        if tensor.ndim >= 2 and tensor.shape[-1] == vocabulary:
            rows_kept.append(tensor.shape[0])
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        policy_outputs(tiny_model.network, batch(), 1.0, entropy=True, chunk=chunk)
    assert bool(rows_kept) == kept


@pytest.mark.parametrize(
    ("config", "plain"),
    [
        (Qwen3Config(**SHAPE, **HEADS), True),
        (GPT2Config(vocab_size=24, n_embd=16, n_layer=1, n_head=2, n_positions=64), True),
        (Gemma2Config(**SHAPE, **HEADS, sliding_window=6), False),
        (Gemma2Config(**SHAPE, **HEADS, sliding_window=6, final_logit_softcapping=None), True),
    ],
    ids=["qwen3", "gpt2", "gemma2", "gemma2 uncapped"],
)
def test_networks_that_change_their_logits_are_told_apart(config: PreTrainedConfig, plain: bool) -> None:
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(config).eval()
    assert head_is_plain(network) == plain
    rows = batch()
    outputs = policy_outputs(network, rows, 1.0, chunk=3)
    positions = (rows.attention_mask.cumsum(-1) - 1).clamp(min=0)
    full = network(input_ids=rows.input_ids, attention_mask=rows.attention_mask, position_ids=positions)
    log_probs = full.logits[:, 2:-1].log_softmax(-1).gather(-1, rows.input_ids[:, 3:, None]).squeeze(-1)
    states = trunk_of(network)(
        input_ids=rows.input_ids, attention_mask=rows.attention_mask, position_ids=positions
    ).last_hidden_state[:, 2:-1]
    assert torch.allclose(outputs.log_probs * rows.action_mask, log_probs * rows.action_mask, atol=1e-5)
    assert torch.allclose(outputs.states * rows.action_mask[..., None], states * rows.action_mask[..., None], atol=1e-5)
