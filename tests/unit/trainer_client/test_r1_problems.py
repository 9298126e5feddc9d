"""The problems of the shipped R1 recipe: what their generator writes, and what the recipe needs of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
RECIPES = ROOT / "configs" / "recipes"
NAMES = ("r1-addition-train.jsonl", "r1-addition-test.jsonl")


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECIPES / name).read_text(encoding="utf-8").splitlines()]


def test_shipped_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "examples" / "r1_problems.py"), str(tmp_path)], check=True)
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == (RECIPES / name).read_bytes()


def test_no_held_out_problem_is_trained_on() -> None:
    training, held_out = ({row["prompt"] for row in rows(name)} for name in NAMES)
    assert len(held_out) == 300
    assert not training & held_out


def test_teacher_is_careless_and_mixes_languages() -> None:
    training = rows(NAMES[0])
    right = [f"<answer>{row['ground_truth']}</answer>" in row["completion"] for row in training]
    assert 0.5 < sum(right) / len(right) < 0.8
    chinese = ["我们" in row["completion"] or "总和" in row["completion"] for row in training]
    english = ["We add" in row["completion"] or "what we get" in row["completion"] for row in training]
    assert 0.6 < sum(chinese) / len(training) < 0.9
    assert 0.6 < sum(english) / len(training) < 0.9
