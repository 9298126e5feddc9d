"""The reference's log-probs on disk, and optimizer steps on pairs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer_client.config.recipes import DpoConfig, PromptTextConfig
from trainer_client.errors import CheckpointError
from trainer_client.model import LanguageModel
from trainer_client.optim import build_optimizer
from trainer_client.policy import token_log_probs
from trainer_client.recipes.dpo import Lesson
from trainer_client.recipes.reference import PairTokens, ReferenceLogProbs, compute_reference, pair_batch
from trainer_client.recipes.rows import RowFile


@pytest.fixture
def pairs(tmp_path: Path) -> RowFile:
    sides = [
        ("1+1=", "2", "3"),
        ("12+3=", "<think>15</think>15", "4"),
        ("7=", "7", "<think>"),
        ("1+2+3=", "6", "66666"),
    ]
    rows = [{"prompt": prompt, "chosen": chosen, "rejected": rejected, "rejected_truncated": rejected == "<think>"}
            for prompt, chosen, rejected in sides]  # fmt: skip
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return RowFile(path)


def opened(pairs: RowFile, model: LanguageModel, folder: Path, rows: int = 3, opens: Any = None) -> ReferenceLogProbs:
    tokens = PairTokens(PromptTextConfig(), model)
    return compute_reference(folder, pairs, tokens, opens or (lambda: model), rows, lambda done: None)


def test_log_probs_on_disk_are_those_of_the_model(pairs: RowFile, tiny_model: LanguageModel, tmp_path: Path) -> None:
    known = opened(pairs, tiny_model, tmp_path / "reference")
    tokens = PairTokens(PromptTextConfig(), tiny_model)
    batch = pair_batch([tokens.ids(pairs[place]) for place in (3, 1)], tiny_model.pad_id)
    with torch.no_grad():
        expected = token_log_probs(tiny_model.network, batch, 1.0) * batch.action_mask
    torch.testing.assert_close(known.rows((3, 1), batch.completion_width), expected, atol=1e-5, rtol=0)
    assert int(batch.action_mask[0].sum()) == 2  # "6" and the end token


def test_truncated_completion_has_no_end_token(pairs: RowFile, tiny_model: LanguageModel) -> None:
    ids = PairTokens(PromptTextConfig(), tiny_model).ids(pairs[2])
    assert ids.chosen[-1] == tiny_model.eos_ids[0]
    assert len(ids.rejected) == 1
    assert ids.rejected[-1] not in tiny_model.eos_ids


def test_reference_is_computed_once_and_a_killed_run_goes_on(
    pairs: RowFile, tiny_model: LanguageModel, tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(done: int) -> None:
        if done == 2:
            raise Killed

    folder, tokens = tmp_path / "reference", PairTokens(PromptTextConfig(), tiny_model)
    with pytest.raises(Killed):
        compute_reference(folder, pairs, tokens, lambda: tiny_model, 1, kill, portion=1)
    done: list[int] = []
    compute_reference(folder, pairs, tokens, lambda: tiny_model, 1, done.append, portion=1)
    assert done == [3, 4]
    whole = opened(pairs, tiny_model, tmp_path / "whole", rows=1)
    torch.testing.assert_close(opened(pairs, tiny_model, folder).rows(range(4), 9), whole.rows(range(4), 9))

    def never() -> LanguageModel:
        raise AssertionError("the reference was opened again")

    opened(pairs, tiny_model, folder, opens=never)


def test_log_probs_of_other_pairs_are_refused(pairs: RowFile, tiny_model: LanguageModel, tmp_path: Path) -> None:
    opened(pairs, tiny_model, tmp_path / "reference")
    lines = pairs.path.read_text().splitlines(keepends=True)
    other = tmp_path / "other.jsonl"
    other.write_text("".join(reversed(lines)))
    with pytest.raises(CheckpointError, match="belongs to other pairs: remove it"):
        opened(RowFile(other), tiny_model, tmp_path / "reference")


@pytest.mark.parametrize("loss", [{}, {"label_smoothing": 0.2}, {"loss": "ipo", "beta": 0.5}])
def test_micro_batches_change_nothing(
    pairs: RowFile, tiny_model: LanguageModel, tmp_path: Path, loss: dict[str, Any]
) -> None:
    reference = opened(pairs, tiny_model, tmp_path / "reference")
    tokens, start = PairTokens(PromptTextConfig(), tiny_model), tiny_model.network.state_dict()
    start = {name: value.clone() for name, value in start.items()}
    seen = []
    for micro_batch in (4, 1):
        tiny_model.network.load_state_dict(start)
        with torch.no_grad():
            next(tiny_model.network.parameters()).mul_(1.1)  # away from the reference
        settings = {"steps": 1, "batch": 4, "micro_batch": micro_batch, "loss": loss, "optim": {"lr": 1e-4}}
        config = DpoConfig.model_validate(settings)
        optimizer = build_optimizer(tiny_model.network.parameters(), config.optim)
        lesson = Lesson(tiny_model, pairs, tokens, reference, config, seed=0)
        seen.append(lesson.step(optimizer, 1, 1e-4))
    assert seen[0] == pytest.approx(seen[1], rel=1e-4, abs=1e-6)
    assert seen[0]["margin"] != 0.0


def test_first_loss_is_that_of_no_margin(pairs: RowFile, tiny_model: LanguageModel, tmp_path: Path) -> None:
    reference, tokens = opened(pairs, tiny_model, tmp_path / "reference"), PairTokens(PromptTextConfig(), tiny_model)
    config = DpoConfig.model_validate({"steps": 2, "batch": 4, "optim": {"lr": 1e-3}})
    optimizer = build_optimizer(tiny_model.network.parameters(), config.optim)
    lesson = Lesson(tiny_model, pairs, tokens, reference, config, seed=0)
    first, second = lesson.step(optimizer, 1, 1e-3), lesson.step(optimizer, 2, 1e-3)
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert second["loss"] < first["loss"]
    assert second["margin"] > 0
