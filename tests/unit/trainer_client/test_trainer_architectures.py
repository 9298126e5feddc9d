"""Any causal language model of transformers will do: the sampler and the loss agree on other shapes too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM as Auto
from transformers import (
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from trainer_client.batching import demonstration_batch
from trainer_client.config import FreshModelConfig, ModelConfig, SamplerConfig
from trainer_client.errors import DataError
from trainer_client.model import fresh_tokenizer, load_model, open_model
from trainer_client.policy import token_log_probs
from trainer_client.sampler.hf import TransformersSampler
from trainer_client.types import Example, Prompt

SHAPE = {
    "vocab_size": 24,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
CONFIGS = [
    Qwen2Config(**SHAPE, num_key_value_heads=1),
    Qwen3Config(**SHAPE, num_key_value_heads=1, head_dim=8),
    MistralConfig(**SHAPE, num_key_value_heads=1, head_dim=8, sliding_window=6),
    Gemma2Config(**SHAPE, num_key_value_heads=1, head_dim=8, sliding_window=6),
    GPTNeoXConfig(**SHAPE),
    GPT2Config(vocab_size=24, n_embd=16, n_layer=2, n_head=2, n_positions=64, bos_token_id=1, eos_token_id=1),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_sampled_log_probs_equal_those_of_the_trainer(config: PreTrainedConfig, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Auto.from_config(config)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim >= 2:
                parameter.mul_(6)
    network.save_pretrained(tmp_path)
    fresh_tokenizer(FreshModelConfig()).save_pretrained(tmp_path)
    model = load_model(tmp_path, torch.device("cpu"))
    sampler = TransformersSampler(model, SamplerConfig(max_new_tokens=14, temperature=0.8), 0)
    prompts = [Prompt(Example("0", "", ""), "", tuple(range(3, 3 + n))) for n in (2, 5, 9)]
    for group in sampler.sample(prompts, 6, 0):
        for rollout in group.rollouts:
            batch = demonstration_batch([(group.prompt.token_ids, rollout.token_ids.tolist())], 0)
            with torch.no_grad():
                full = token_log_probs(model.network, batch, 0.8)[0]
            assert torch.allclose(rollout.log_probs, full, atol=2e-5)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_padding_changes_no_log_prob(config: PreTrainedConfig) -> None:
    """GPT-2 counts positions absolutely: it notices when padding is counted."""
    torch.manual_seed(0)
    network = Auto.from_config(config).eval()
    pairs = [([3, 4, 5, 6, 7, 8], [7, 8, 1]), ([9], [10, 11, 12, 13, 14, 1])]
    with torch.no_grad():
        together = token_log_probs(network, demonstration_batch(pairs, 0), 1.0)
        for row, pair in enumerate(pairs):
            alone = token_log_probs(network, demonstration_batch([pair], 0), 1.0)
            assert torch.allclose(together[row, : len(pair[1])], alone[0], atol=1e-5)


def test_directory_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no config\.json"):
        open_model(ModelConfig(path=tmp_path), torch.device("cpu"))


def test_model_without_an_end_token_is_refused(tmp_path: Path) -> None:
    network = Auto.from_config(Qwen2Config(**{**SHAPE, "eos_token_id": None}, num_key_value_heads=1))
    network.save_pretrained(tmp_path)
    tokenizer = fresh_tokenizer(FreshModelConfig())
    tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(DataError, match="end-of-sequence"):
        load_model(tmp_path, torch.device("cpu"))
