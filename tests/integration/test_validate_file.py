"""`reward-server validate` as a user runs it: what it counts, its exit code, broken lines, a file of any length."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reward_server.__main__ import main

COMMAND = [sys.executable, "-m", "reward_server", "validate"]


def validate(source: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, str(source), *more], capture_output=True, text=True, timeout=100)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_a_clean_file_ends_with_0_and_a_report_of_each_row(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", *({"problem_id": n, "problem": "?", "answer": str(n)} for n in range(200)))
    done = validate(source, "--out", str(tmp_path / "out.jsonl"))
    assert done.returncode == 0, done.stderr
    reports = lines(tmp_path / "out.jsonl")
    assert [report["id"] for report in reports] == [str(n) for n in range(200)]
    assert [report["index"] for report in reports] == list(range(200))
    assert {(r["status"], r["check"], r["self_score"]) for r in reports} == {("ok", "math", 1.0)}
    assert "200 rows" in done.stdout
    assert "math by math" in done.stdout
    assert "rows/s" in done.stderr


def test_rows_that_cannot_be_judged_are_named_and_the_exit_code_is_3(tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.jsonl",
        {"id": "good", "problem": "?", "answer": "5"},
        {"id": "proved", "problem": "?", "answer": "proof"},
        '{"id": "broken", ',
        "[1]",
        {"id": "mcq", "options": ["x", "y"], "answer": "D"},
        {"colour": "red"},
        {"id": "last", "problem": "?", "answer": "6"},
    )
    done = validate(source, "--out", str(tmp_path / "out.jsonl"))
    assert done.returncode == 3
    reports = lines(tmp_path / "out.jsonl")
    assert [r["status"] for r in reports] == ["ok", "skipped", "skipped", "skipped", "skipped", "skipped", "ok"]
    codes = [r["reason"] and r["reason"]["code"] for r in reports]
    assert codes == [None, "gold_invalid", "invalid_item", "invalid_item", "gold_invalid", "gold_invalid", None]
    assert "line 3" in reports[2]["reason"]["message"]
    for row_id in ("proved", "mcq", "#5"):
        assert row_id in done.stdout


def test_a_profile_and_a_mapping_say_what_is_read(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", *({"n": f"r{n}", "gold": {"text": str(n)}} for n in range(5)))
    mapped = ("--map", "id=n", "--map", "ground_truth=gold.text", "--profile", "gsm8k")
    done = validate(source, *mapped, "--out", str(tmp_path / "out.jsonl"), "--limit", "3")
    assert done.returncode == 0, done.stdout
    assert [(r["id"], r["normalised"]) for r in lines(tmp_path / "out.jsonl")] == [
        ("r0", "0"),
        ("r1", "1"),
        ("r2", "2"),
    ]


def test_references_are_judged_unless_that_is_not_wanted(tmp_path: Path) -> None:
    row = {"task_id": 1, "text": "?", "code": "def add(a, b):\n    return 7\n", "test_list": ["assert add(1, 2) == 3"]}
    source = write(tmp_path / "in.jsonl", row)
    assert validate(source, "--no-self-score").returncode == 0


@pytest.mark.sandbox
def test_reference_solutions_are_run(tmp_path: Path) -> None:
    row = {"task_id": 1, "text": "?", "code": "def add(a, b):\n    return 7\n", "test_list": ["assert add(1, 2) == 3"]}
    right = {**row, "task_id": 2, "code": "def add(a, b):\n    return a + b\n"}
    done = validate(write(tmp_path / "in.jsonl", row, right), "--out", str(tmp_path / "out.jsonl"))
    assert done.returncode == 3
    assert [r["self_score"] for r in lines(tmp_path / "out.jsonl")] == [0.0, 1.0]
    assert "self_score_below_1" in done.stdout


@pytest.mark.sandbox
def test_every_reference_of_humaneval_is_right(tmp_path: Path, shared: Path) -> None:
    done = validate(shared / "data" / "humaneval" / "HumanEval.jsonl.gz", "--out", str(tmp_path / "out.jsonl"))
    assert done.returncode == 0, done.stdout
    assert [r["self_score"] for r in lines(tmp_path / "out.jsonl")] == [1.0] * 164


def test_a_missing_file_and_an_unknown_profile_are_no_validation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path / "in.jsonl", {"answer": "5"})
    assert main(["validate", str(tmp_path / "nope.jsonl")]) == 2
    assert main(["validate", str(source), "--profile", "nope"]) == 2
    assert main(["validate", str(source), "--out", str(source)]) == 2
    assert "same file" in capsys.readouterr().err
    assert lines(source) == [{"answer": "5"}]


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_rows_is_no_validation(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.jsonl").write_text(content)
    assert main(["validate", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl")]) == 2
    assert "no rows" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_what_is_no_file_is_neither_written_nor_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A device given as --out was replaced by a file of that name."""
    source = write(tmp_path / "in.jsonl", {"problem": "?", "answer": "5"})
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for out in ("pipe", "folder", "missing/out.jsonl"):
        assert main(["validate", str(source), "--out", str(tmp_path / out)]) == 2
        assert main(["score", "--in", str(source), "--out", str(tmp_path / out), "--profile", "gsm8k"]) == 2
        assert main(["convert-lcb", str(source), "--out", str(tmp_path / out)]) == 2
        said = capsys.readouterr().err
        assert said.count("is not a file") + said.count("there is no folder") == 3, said
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "in.jsonl", "pipe"]


def peak_kib(source: Path) -> int:
    """The most memory that one process of a run has held."""
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", script, *COMMAND, str(source)], capture_output=True, check=True)
    return int(done.stdout)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    row = {"problem": "?", "solution": "words " * 3_000 + "\\boxed{5}", "answer": "5"}
    few = write(tmp_path / "few.jsonl", *([row] * 200))
    many = write(tmp_path / "many.jsonl", *([row] * 3_000))
    assert many.stat().st_size > 50_000_000
    assert peak_kib(many) < peak_kib(few) + 20_000
