"""A causal language model with its tokenizer: loaded from a directory, or built small and random on the spot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as transformers_logging

from trainer_client.config import FreshModelConfig, ModelConfig
from trainer_client.errors import CheckpointError, DataError

transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # a bar for each checkpoint would tear the live table

PAD, EOS, UNKNOWN = "<pad>", "<eos>", "<unk>"


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """`eos_ids` end a completion; `pad_id` fills what is masked, so any id will do."""

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    eos_ids: tuple[int, ...]
    pad_id: int

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.network.device

    @property
    def positions(self) -> int | None:
        """How many tokens prompt and completion may have together; None for a model that sets no bound."""
        room: int | None = getattr(self.network.config, "max_position_embeddings", None)
        return room

    def save(self, directory: Path) -> None:
        """Write weights (safetensors), config and tokenizer: a directory that transformers loads.

        Raises CheckpointError where it cannot be written, such as for a full disk.
        """
        try:
            self.network.save_pretrained(directory)
            self.tokenizer.save_pretrained(directory)
        except Exception as error:  # safetensors and tokenizers raise exceptions of their own, or plain ones
            raise CheckpointError(f"cannot write the model into {directory}: {error}; is the disk full?") from error


def open_model(config: ModelConfig, device: torch.device) -> LanguageModel:
    """The configured model in fp32, with dropout off: sampler and loss must see the same distribution."""
    if config.fresh is not None:
        return _assemble(fresh_network(config.fresh), fresh_tokenizer(config.fresh), device)
    if config.path is None:
        raise DataError("neither model.path nor model.fresh is given")
    return load_model(config.path, device)


def load_model(directory: Path, device: torch.device) -> LanguageModel:
    """The model that lies in a Hugging Face directory. Never downloads and never runs code from it.

    Raises DataError for one that is not whole: where weights are missing transformers would put random ones.
    """
    if not (directory / "config.json").is_file():
        raise DataError(f"model.path {directory} is no Hugging Face directory: it has no config.json")
    loaded: Any
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            directory, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    except Exception as error:  # safetensors, tokenizers and transformers raise exceptions of their own, or plain ones
        raise DataError(
            f"cannot load the model in {directory}: {error}\nIs the directory whole, and are config.json, weights and "
            "tokenizer of the same model?"
        ) from error
    network, report = loaded
    _check_whole(directory, network, report["missing_keys"])
    _check_vocabulary(directory, network, tokenizer)
    return _assemble(network, tokenizer, device)


def _check_whole(directory: Path, network: Any, missing: Iterable[str]) -> None:
    if some := sorted(missing):
        raise DataError(f"model.path {directory} is not whole: it lacks {_first(some)}; copy it again")
    broken = [name for name, weight in network.named_parameters() if not bool(torch.isfinite(weight).all())]
    if broken:
        raise DataError(
            f"model.path {directory} has weights that are not finite in {_first(broken)}: take a checkpoint from "
            "before they broke"
        )


def _check_vocabulary(directory: Path, network: Any, tokenizer: Any) -> None:
    """Tokens added behind the vocabulary may lie beyond the embeddings, as Gemma's for pictures; text's may not."""
    rows = network.get_input_embeddings().num_embeddings
    if tokenizer.vocab_size > rows:
        raise DataError(
            f"the tokenizer in {directory} has {tokenizer.vocab_size} tokens, the model embeds {rows}: they do not "
            "belong together"
        )


def _first(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _assemble(network: Any, tokenizer: Any, device: torch.device) -> LanguageModel:
    eos_ids = _eos_ids(network, tokenizer)
    if not eos_ids:
        raise DataError("neither the tokenizer nor the generation config names an end-of-sequence token")
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else eos_ids[0]
    return LanguageModel(network.to(device).eval(), tokenizer, eos_ids, pad_id)


def _eos_ids(network: Any, tokenizer: Any) -> tuple[int, ...]:
    """The tokenizer's end token first (it closes demonstrations), then those of the generation config."""
    configured = getattr(network.generation_config, "eos_token_id", None)
    more = configured if isinstance(configured, list) else [configured]
    return tuple(dict.fromkeys(token for token in [tokenizer.eos_token_id, *more] if token is not None))


def fresh_network(config: FreshModelConfig) -> LlamaForCausalLM:
    """A Llama-shaped network with random weights from torch's global generator.

    Not Qwen2-shaped: for that type transformers 5 puts Qwen2's own tokenizer in the place of any other it finds.
    """
    vocabulary = fresh_vocabulary(config)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocabulary),
            hidden_size=config.hidden,
            intermediate_size=config.intermediate,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=config.max_positions,
            tie_word_embeddings=True,
            attention_bias=True,
            pad_token_id=vocabulary[PAD],
            eos_token_id=vocabulary[EOS],
            bos_token_id=None,
        )
    )


def fresh_vocabulary(config: FreshModelConfig) -> dict[str, int]:
    """Token to id: padding, end, unknown, the tags, then the alphabet."""
    tokens = [PAD, EOS, UNKNOWN, *config.tags, *config.alphabet]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


def fresh_tokenizer(config: FreshModelConfig) -> PreTrainedTokenizerFast:
    """One token for each tag and each character; decoding joins them without spaces."""
    backend = Tokenizer(models.WordLevel(fresh_vocabulary(config), unk_token=UNKNOWN))
    pieces = "|".join([*(re.escape(tag) for tag in config.tags), r"[\s\S]"])
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(pieces), behavior="isolated")
    backend.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        pad_token=PAD,
        eos_token=EOS,
        unk_token=UNKNOWN,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=config.max_positions,
    )
