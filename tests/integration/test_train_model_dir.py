"""`configs/gsm8k.toml` on a model directory and JSONL files, with a chat template and a KL to the reference."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, Qwen3Config

from tests.unit.trainer_client.stand_in import StandIn
from trainer_client.__main__ import main
from trainer_client.config import FreshModelConfig
from trainer_client.model import fresh_tokenizer

CONFIG = Path(__file__).parents[2] / "configs" / "gsm8k.toml"
CHAT = "{% for turn in messages %}[{{ turn['content'] }}]{% endfor %}{% if add_generation_prompt %}:{% endif %}"


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn()
    yield stand_in
    stand_in.kill()


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = fresh_tokenizer(FreshModelConfig(alphabet=string.ascii_letters + string.digits + " ?,:.[]\n"))
    tokenizer.chat_template = CHAT
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "head_dim": 8}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 512}
    config = Qwen3Config(vocab_size=len(tokenizer), **shape, **heads, eos_token_id=tokenizer.eos_token_id)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def write_problems(path: Path, first: int, count: int) -> None:
    rows = [{"question": f"What is {n} and 1?", "answer": f"Count.\n#### {n + 1}"} for n in range(first, first + count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_gsm8k_config_trains_a_model_directory(tmp_path: Path, model_dir: Path, server: StandIn) -> None:
    write_problems(tmp_path / "train.jsonl", 0, 30)
    write_problems(tmp_path / "test.jsonl", 100, 5)
    run = tmp_path / "run"
    words = ["train", str(CONFIG), "--reward.url", server.url, "--run.dir", str(run), "--run.device", "cpu"]
    words += ["--model.path", str(model_dir)]
    words += ["--data.train", str(tmp_path / "train.jsonl"), "--data.held_out", str(tmp_path / "test.jsonl")]
    words += ["--rl.steps", "3", "--rl.prompts", "2", "--rl.group", "4", "--rl.sampler.max_new_tokens", "12"]
    assert main([*words, "--run.checkpoint_every", "2"]) == 0
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [record for record in records if record["kind"] == "step"]
    assert [record["rollouts"] for record in steps] == [8, 8, 8]
    assert steps[0]["kl"] == pytest.approx(0.0, abs=1e-6)  # policy and reference begin equal
    assert all(record["log_prob_gap"] < 1e-4 for record in steps)
    samples = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    assert samples[0]["prompt"].startswith("[What is 100 and 1?")
    assert samples[0]["prompt"].endswith("]:")
    assert samples[0]["ground_truth"] == "Count.\n#### 101"
    assert (run / "reference" / "model.safetensors").exists()
    AutoModelForCausalLM.from_pretrained(run / "model")
    assert main([*words, "--resume", "--rl.steps", "4"]) == 0
