"""The sampler: its log-probs, its groups, its ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from trainer_client.batching import demonstration_batch
from trainer_client.config import SamplerConfig
from trainer_client.model import LanguageModel, load_model
from trainer_client.policy import token_log_probs
from trainer_client.sampler.hf import TransformersSampler
from trainer_client.types import Example, Prompt, RolloutGroup


def prompts(*lengths: int) -> list[Prompt]:
    return [Prompt(Example(str(n), "", ""), "", tuple(7 + (n + k) % 10 for k in range(n))) for n in lengths]


def sampler(model: LanguageModel, seed: int = 0, **settings: object) -> TransformersSampler:
    return TransformersSampler(model, SamplerConfig.model_validate({"max_new_tokens": 12, **settings}), seed)


def tokens(groups: list[RolloutGroup]) -> list[list[int]]:
    return [rollout.token_ids.tolist() for group in groups for rollout in group.rollouts]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_probs_equal_a_full_forward(tiny_model: LanguageModel, temperature: float) -> None:
    groups = sampler(tiny_model, temperature=temperature).sample(prompts(1, 4, 9), 8, 0)
    assert len({len(ids) for ids in tokens(groups)}) > 3  # rows ended at many times and left the batch
    for group in groups:
        for rollout in group.rollouts:
            batch = demonstration_batch([(group.prompt.token_ids, rollout.token_ids.tolist())], 0)
            full = token_log_probs(tiny_model.network, batch, temperature)[0]
            assert torch.allclose(rollout.log_probs, full, atol=1e-5)


def test_greedy_is_the_same_alone_in_a_batch_and_as_a_group(tiny_model: LanguageModel) -> None:
    asked = prompts(2, 5, 8)
    together = tokens(sampler(tiny_model).greedy(asked, 0))
    alone = [tokens(sampler(tiny_model).greedy([prompt], 0))[0] for prompt in asked]
    assert together == alone
    cold = sampler(tiny_model, temperature=1e-6).sample(asked, 4, 0)  # so cold that sampling is the arg max
    assert tokens(cold) == [ids for ids in together for _ in range(4)]


def test_greedy_equals_transformers_generate(tiny_model: LanguageModel) -> None:
    for prompt in prompts(3, 6):
        ids = torch.tensor([prompt.token_ids])
        expected = tiny_model.network.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=12, eos_token_id=1, pad_token_id=0
        )
        assert tokens(sampler(tiny_model).greedy([prompt], 0))[0] == expected[0, len(prompt.token_ids) :].tolist()


def test_completion_ends_with_its_first_end_token_or_is_truncated(tiny_model: LanguageModel) -> None:
    groups = sampler(tiny_model).sample(prompts(3, 5), 32, 7)
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    assert {rollout.truncated for rollout in rollouts} == {True, False}
    for rollout in rollouts:
        ids = rollout.token_ids.tolist()
        assert 1 not in ids[:-1]
        assert (ids[-1] != 1) == rollout.truncated
        assert len(ids) == 12 or not rollout.truncated
        assert len(rollout.log_probs) == len(rollout.entropy) == len(ids)
        assert "<eos>" not in rollout.text
        assert rollout.policy_version == 7


def test_every_end_token_of_the_model_ends_a_completion(tiny_model: LanguageModel) -> None:
    model = replace(tiny_model, eos_ids=(1, 9, 10))
    for ids in tokens(sampler(model).sample(prompts(3), 32, 0)):
        assert not {1, 9, 10} & set(ids[:-1])


def test_padding_with_the_end_token_changes_nothing(tiny_model: LanguageModel) -> None:
    """Many chat models pad with their end token: it must neither end a completion nor lose its place as an action."""
    padded_with_end = replace(tiny_model, pad_id=tiny_model.eos_ids[0])
    groups = sampler(padded_with_end).sample(prompts(2, 9), 16, 0)
    assert tokens(groups) == tokens(sampler(tiny_model).sample(prompts(2, 9), 16, 0))
    pairs = [(group.prompt.token_ids, rollout.token_ids.tolist()) for group in groups for rollout in group.rollouts]
    batch = demonstration_batch(pairs, padded_with_end.pad_id)
    assert batch.action_mask.sum(1).tolist() == [len(ids) for _, ids in pairs]
    together = token_log_probs(tiny_model.network, batch, 1.0)
    for row, rollout in enumerate(rollout for group in groups for rollout in group.rollouts):
        assert torch.allclose(together[row, : len(rollout.token_ids)], rollout.log_probs, atol=1e-5)


def test_weights_that_lie_in_bf16_are_computed_in_fp32(tiny_model: LanguageModel, tmp_path: Path) -> None:
    tiny_model.network.bfloat16()
    tiny_model.save(tmp_path)
    loaded = load_model(tmp_path, torch.device("cpu"))
    for ours, saved in zip(loaded.network.parameters(), tiny_model.network.parameters(), strict=True):
        assert saved.dtype == torch.bfloat16
        assert ours.dtype == torch.float32
        assert torch.equal(ours, saved.float())


def test_generator_is_the_only_randomness(tiny_model: LanguageModel) -> None:
    first = tokens(sampler(tiny_model, seed=5).sample(prompts(3, 4), 4, 0))
    torch.rand(10)
    second = sampler(tiny_model, seed=5)
    assert tokens(second.sample(prompts(3, 4), 4, 0)) == first
    state = second.generator.get_state()
    more = tokens(second.sample(prompts(3, 4), 4, 0))
    second.greedy(prompts(3), 0)
    second.generator.set_state(state)
    assert tokens(second.sample(prompts(3, 4), 4, 0)) == more != first


def test_frequencies_are_the_probabilities(tiny_model: LanguageModel) -> None:
    prompt = prompts(4)[0]
    logits = tiny_model.network(torch.tensor([prompt.token_ids])).logits[0, -1]
    expected = torch.softmax(logits.double() / 2.0, -1)
    drawn = sampler(tiny_model, max_new_tokens=1, temperature=2.0).sample([prompt], 20_000, 0)
    counts = torch.bincount(torch.tensor([ids[0] for ids in tokens(drawn)]), minlength=len(expected))
    assert (counts / 20_000 - expected).abs().max() < 0.015


def test_entropy_is_that_of_the_distribution(tiny_model: LanguageModel) -> None:
    prompt = prompts(4)[0]
    probabilities = torch.softmax(tiny_model.network(torch.tensor([prompt.token_ids])).logits[0, -1].double(), -1)
    expected = -(probabilities * probabilities.log()).sum().item()
    drawn = sampler(tiny_model).sample([prompt], 2, 0)
    assert drawn[0].rollouts[1].entropy[0].item() == pytest.approx(expected, abs=1e-5)


def test_saved_model_speaks_the_same(tiny_model: LanguageModel, tmp_path: Path) -> None:
    tiny_model.save(tmp_path)
    loaded = load_model(tmp_path, torch.device("cpu"))
    text = "<think>7+15=22;</think><answer>30</answer>"
    ids = loaded.tokenizer(text)["input_ids"]
    assert ids == tiny_model.tokenizer(text)["input_ids"]
    assert len(ids) == len("7+15=22;") + len("30") + 4
    assert loaded.tokenizer.decode(ids) == text
    assert (loaded.eos_ids, loaded.pad_id) == (tiny_model.eos_ids, tiny_model.pad_id)
    assert tokens(sampler(loaded).greedy(prompts(3), 0)) == tokens(sampler(tiny_model).greedy(prompts(3), 0))
