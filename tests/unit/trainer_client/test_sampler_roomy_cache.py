"""The sampler's KV cache: what transformers' own holds, without a copy for each token."""

from __future__ import annotations

import torch
from transformers import DynamicCache, GPT2Config, LlamaConfig, MistralConfig
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from trainer_client.batching import demonstration_batch
from trainer_client.config import SamplerConfig
from trainer_client.model import LanguageModel
from trainer_client.policy import token_log_probs
from trainer_client.sampler.hf import TransformersSampler
from trainer_client.sampler.roomy_cache import ROOM, RoomyLayer, roomy_cache
from trainer_client.types import Example, Prompt

SHAPE = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2, "vocab_size": 24}


def states(rows: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(rows, 2, tokens, 4), torch.randn(rows, 2, tokens, 4)


def test_it_holds_what_the_cache_of_transformers_holds_while_rows_leave_and_tokens_come() -> None:
    torch.manual_seed(0)
    ours, theirs = RoomyLayer(), DynamicLayer()
    prompt = states(3, 5)
    for layer in (ours, theirs):
        layer.update(*prompt)
        layer.batch_repeat_interleave(4)
    rows = 12
    for time in range(2 * ROOM + 10):
        new = states(rows, 1)
        for mine, other in zip(ours.update(*new), theirs.update(*new), strict=True):
            assert torch.equal(mine, other)
        assert ours.get_seq_length() == theirs.get_seq_length() == 6 + time
        if time % 20 == 10 and rows > 2:
            kept = torch.arange(1, rows)
            rows -= 1
            ours.batch_select_indices(kept)
            theirs.batch_select_indices(kept)


def test_a_token_is_added_in_place_while_there_is_room() -> None:
    layer = RoomyLayer()
    layer.update(*states(2, 5))
    places = set()
    for _ in range(ROOM + 1):
        keys, values = layer.update(*states(2, 1))
        places.add((keys.data_ptr(), values.data_ptr()))
    assert len(places) == 1
    full = keys.clone()
    keys, _ = layer.update(*states(2, 1))
    assert torch.equal(keys[:, :, :-1], full)


def test_rows_that_stay_keep_their_own_past_when_others_with_the_same_shape_leave() -> None:
    """Two rows leave one after the other: what is written behind the first choice must not reach the second's past."""
    torch.manual_seed(0)
    layer = RoomyLayer()
    keys, values = states(3, 4)
    layer.update(keys, values)
    added = states(3, 1)
    layer.update(*added)
    layer.batch_select_indices(torch.tensor([2, 1]))
    last = states(2, 1)
    held, _ = layer.update(*last)
    assert torch.equal(held, torch.cat([torch.cat([keys, added[0]], 2)[[2, 1]], last[0]], 2))


def test_only_plain_layers_are_replaced() -> None:
    plain = roomy_cache(LlamaConfig(**SHAPE))
    assert [type(layer) for layer in plain.layers] == [RoomyLayer, RoomyLayer]
    windows = roomy_cache(MistralConfig(**SHAPE, num_key_value_heads=2, sliding_window=6))
    assert [type(layer) for layer in windows.layers] == [DynamicSlidingWindowLayer] * 2
    assert all(type(layer) is DynamicLayer for layer in DynamicCache(config=GPT2Config()).layers)  # theirs stay theirs


def test_log_probs_equal_a_full_forward_far_beyond_the_room(tiny_model: LanguageModel) -> None:
    sampler = TransformersSampler(tiny_model, SamplerConfig(max_new_tokens=2 * ROOM + 20), 0)
    prompts = [Prompt(Example(str(n), "", ""), "", tuple(7 + k for k in range(n))) for n in (2, 6)]
    rollouts = [(group.prompt, rollout) for group in sampler.sample(prompts, 40, 0) for rollout in group.rollouts]
    rollouts.sort(key=lambda pair: len(pair[1].token_ids))
    assert len(rollouts[-1][1].token_ids) > ROOM + 10
    assert len(rollouts[0][1].token_ids) < ROOM  # rows left the batch on the way
    for prompt, rollout in rollouts[-3:]:
        batch = demonstration_batch([(prompt.token_ids, rollout.token_ids.tolist())], 0)
        with torch.no_grad():
            full = token_log_probs(tiny_model.network, batch, 1.0)[0]
        assert torch.allclose(rollout.log_probs, full, atol=1e-5)
