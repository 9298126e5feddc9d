"""Where each token's text ends, in whole code points."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer_client.advantages import steps_on_tokens
from trainer_client.config import SamplerConfig
from trainer_client.model import LanguageModel
from trainer_client.sampler.hf import TransformersSampler
from trainer_client.sampler.text_ends import text_ends
from trainer_client.types import Example, JudgedStep, Prompt


def of_bytes(token_ids: Sequence[int]) -> str:
    """A tokenizer whose tokens are bytes."""
    return bytes(token_ids).decode("utf-8", "replace")


def of_words(token_ids: Sequence[int]) -> str:
    """A tokenizer that, like SentencePiece, drops the space before the first word of whatever it decodes."""
    return "".join(f" w{number}" for number in token_ids).removeprefix(" ")


def every_prefix(token_ids: Sequence[int]) -> list[int]:
    """The definition, for valid UTF-8 in tokens of bytes: the whole characters of each prefix."""
    whole, counts = bytes(token_ids), []
    for end in range(1, len(whole) + 1):
        counts.append(len(whole[:end].decode("utf-8", "ignore")))
    return counts


def test_a_character_of_several_tokens_ends_with_the_last_of_them() -> None:
    ids = list("añ😀b".encode())
    assert text_ends(ids, "añ😀b", of_bytes).tolist() == [1, 1, 2, 2, 2, 2, 3, 4]


def test_a_text_cut_in_the_middle_of_a_character_ends_with_the_mark_for_it() -> None:
    ids = list("a😀".encode())[:3]
    assert text_ends(ids, of_bytes(ids), of_bytes).tolist() == [1, 1, 2]


def test_a_decoder_that_drops_the_first_space_counts_the_others() -> None:
    assert text_ends([1, 22, 3], "w1 w22 w3", of_words).tolist() == [2, 6, 9]


def test_pieces_that_do_not_add_up_to_the_text_are_counted_by_prefixes() -> None:
    """A decoder that looks back further than one token: a, b and c become five letters."""

    def merging(token_ids: Sequence[int]) -> str:
        return "".join(map(chr, token_ids)).replace("abc", "XXXXX")

    ids = [ord(letter) for letter in "dabce"]
    assert text_ends(ids, "dXXXXXe", merging).tolist() == [1, 2, 3, 6, 7]


def test_no_token_and_no_text() -> None:
    assert text_ends([], "", of_bytes).tolist() == []


@given(st.text(max_size=30))
def test_ends_are_those_of_every_prefix(text: str) -> None:
    ids = list(text.encode("utf-8", "ignore"))
    if "\ufffd" not in text:
        assert text_ends(ids, of_bytes(ids), of_bytes).tolist() == every_prefix(ids)


@given(st.lists(st.integers(0, 255), max_size=30))
def test_ends_of_any_bytes_never_fall_and_reach_the_end_of_the_text(ids: list[int]) -> None:
    text = of_bytes(ids)
    ends = text_ends(ids, text, of_bytes).tolist()
    assert len(ends) == len(ids)
    assert ends == sorted(ends)
    assert not ends or (ends[0] >= 0 and ends[-1] == len(text))


def test_decoding_grows_with_the_tokens_and_not_with_their_square() -> None:
    seen = 0

    def counting(token_ids: Sequence[int]) -> str:
        nonlocal seen
        seen += len(token_ids)
        return of_bytes(token_ids)

    text = "x" * 2000
    text_ends(list(text.encode()), text, counting)
    assert seen < 5 * len(text)


@pytest.mark.parametrize("wanted", [False, True])
def test_sampler_says_where_text_ends_when_it_is_asked(tiny_model: LanguageModel, wanted: bool) -> None:
    sampler = TransformersSampler(tiny_model, SamplerConfig(max_new_tokens=12), 0, locate_text=wanted)
    [group] = sampler.sample([Prompt(Example("0", "", ""), "", (7, 8, 9))], 16, 0)
    assert {rollout.truncated for rollout in group.rollouts} == {True, False}
    for rollout in group.rollouts:
        assert (rollout.text_ends is not None) == wanted
        if rollout.text_ends is None:
            continue
        ids = rollout.token_ids.tolist()
        expected = [len(tiny_model.tokenizer.decode(ids[: n + 1]).removesuffix("<eos>")) for n in range(len(ids))]
        assert rollout.text_ends.tolist() == expected
        if rollout.text:
            [step] = steps_on_tokens([JudgedStep("c", 0, len(rollout.text), 1.0)], rollout.text_ends)
            assert step.token_index == len(ids) - 1 - (not rollout.truncated)
            assert torch.equal(rollout.text_ends[step.token_index], torch.tensor(len(rollout.text)))
