"""Kept samples as a table: what JSONL holds, and data to learn from."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from rich.console import Console

from trainer_client.config.recipes import ProblemsConfig
from trainer_client.recipes import parquet
from trainer_client.recipes.ledger import json_lines
from trainer_client.recipes.parquet import ENCODED, write_parquet
from trainer_client.recipes.problems import open_problems
from trainer_client.recipes.sample import sample_rows
from trainer_client.types import Example, Judged, Prompt, Rollout, RolloutGroup, RolloutScore, ScoredGroup

CHAT = (("system", "be brief"), ("user", "1+1="))


def rows(number: int, *, truth: Any = "2", turns: Any = (), text: str = "π 面\u2028积") -> list[dict[str, Any]]:
    """Rows as `sample` makes them."""
    import torch

    nothing = torch.zeros(3)
    rollout = Rollout(torch.zeros(3, dtype=torch.long), nothing, nothing, text, truncated=False, policy_version=0)
    score = RolloutScore(Judged.SCORED, 1.25, {"math": 1.0, "language": None}, ("late",))
    made = []
    for place in range(number):
        example = Example(id=f"p{place}", prompt="1+1=", ground_truth=truth, turns=turns)
        group = RolloutGroup(Prompt(example, "1+1=", (1,)), (rollout,))
        made += list(sample_rows(ScoredGroup(group, (score,)), {"model": "m", "seed": 5, "system": None}))
    return made


def written(tmp_path: Path, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    source, target = tmp_path / "samples.jsonl", tmp_path / "samples.parquet"
    source.write_bytes(json_lines(made))
    write_parquet(source, target, len(made), Console(file=io.StringIO()))
    assert not list(tmp_path.glob("*.unfinished"))
    cells: list[dict[str, Any]] = pyarrow.parquet.read_table(target).to_pylist()
    return [{name: json.loads(cell) if name in ENCODED else cell for name, cell in row.items()} for row in cells]


def test_table_holds_every_key_and_value_of_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 4)
    made = rows(11)
    assert written(tmp_path, made) == made
    assert pyarrow.parquet.ParquetFile(tmp_path / "samples.parquet").num_row_groups == 3


def test_chat_prompts_are_read_back_as_messages(tmp_path: Path) -> None:
    made = rows(3, turns=CHAT)
    assert [row["prompt"] for row in written(tmp_path, made)] == [row["prompt"] for row in made]
    for name in ("samples.parquet", "samples.jsonl"):
        found = open_problems(ProblemsConfig(path=tmp_path / name), demonstrated=True)
        assert [(one.turns, one.completion) for one in found] == [(CHAT, "π 面\u2028积")] * 3


def test_ground_truth_that_is_no_text_becomes_json(tmp_path: Path) -> None:
    (row,) = written(tmp_path, rows(1, truth={"tests": [1, None]}))
    assert json.loads(row["ground_truth"]) == {"tests": [1, None]}


def test_half_of_a_character_does_not_stop_the_table(tmp_path: Path) -> None:
    (row,) = written(tmp_path, rows(1, truth="\ud83d?"))
    assert row["ground_truth"] == "??"


def test_nothing_kept_is_an_empty_table(tmp_path: Path) -> None:
    assert written(tmp_path, []) == []
