"""Model directories that are not whole or do not fit together are refused before any work."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from trainer_client.errors import DataError
from trainer_client.model import LanguageModel, load_model

LAYER = "model.layers.0.mlp.gate_proj.weight"


def rewritten(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(path / "model.safetensors")
    change(weights)
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})


def configured(path: Path, name: str, **values: object) -> None:
    file = path / name
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def lose_layer(path: Path) -> None:
    rewritten(path, lambda weights: weights.pop(LAYER))


def break_layer(path: Path) -> None:
    rewritten(path, lambda weights: weights[LAYER].fill_(float("nan")))


def cut_weights(path: Path) -> None:
    os.truncate(path / "model.safetensors", 2000)


def lose_weights(path: Path) -> None:
    (path / "model.safetensors").unlink()


def lose_tokenizer(path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (path / name).unlink()


def another_shape(path: Path) -> None:
    configured(path, "config.json", intermediate_size=48)


def half_a_config(path: Path) -> None:
    (path / "config.json").write_text('{"model_type": "lla')


def fewer_embeddings(path: Path) -> None:
    name = "model.embed_tokens.weight"
    rewritten(path, lambda weights: weights.update({name: weights[name][:10].clone()}))
    configured(path, "config.json", vocab_size=10)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lose_layer, f"is not whole: it lacks {LAYER}"),
        (break_layer, f"not finite in {LAYER}"),
        (cut_weights, "Is the directory whole"),
        (lose_weights, "model.safetensors"),
        (lose_tokenizer, "Is the directory whole"),
        (another_shape, "of the same model"),
        (half_a_config, "not a valid JSON"),
        (fewer_embeddings, "do not belong together"),
    ],
)
def test_damaged_directory_is_refused(
    tmp_path: Path, tiny_model: LanguageModel, damage: Callable[[Path], None], told: str
) -> None:
    tiny_model.save(tmp_path)
    load_model(tmp_path, torch.device("cpu"))
    damage(tmp_path)
    with pytest.raises(DataError, match=told.replace("(", r"\(")):
        load_model(tmp_path, torch.device("cpu"))
