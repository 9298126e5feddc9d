"""`reward-server score` as a user runs it: mapped fields, a killed run, a file of any length."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_SECONDS, wait_until

COMMAND = [sys.executable, "-m", "reward_server", "score", "--profile", "gsm8k"]


def score(source: Path, out: Path, *more: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--in", str(source), "--out", str(out), *more]
    return subprocess.run(command, capture_output=True, text=True, check=check, timeout=200)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_rows(path: Path, count: int) -> None:
    with path.open("w") as file:
        for n in range(count):
            row = {"n": f"row-{n}", "text": f"The answer is \\boxed{{{n % 7}}}.", "gold": str(n % 5)}
            file.write(json.dumps(row) + "\n")


MAP = ("--map", "id=n", "--map", "completion=text", "--map", "ground_truth=gold")


def test_each_row_gets_one_line_in_order_and_a_summary(tmp_path: Path) -> None:
    write_rows(tmp_path / "in.jsonl", 300)
    done = score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", *MAP)
    results = lines(tmp_path / "out.jsonl")
    assert [r["id"] for r in results] == [f"row-{n}" for n in range(300)]
    assert [r["index"] for r in results] == list(range(300))
    assert [r["reward"] for r in results] == [float(n % 7 == n % 5) for n in range(300)]
    assert "300 rows" in done.stdout
    assert f"{sum(n % 7 == n % 5 for n in range(300)) / 300:.4f}" in done.stdout


def test_a_killed_run_goes_on_without_scoring_twice_or_losing_a_line(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_rows(source, 20_000)
    command = [*COMMAND, "--in", str(source), "--out", str(out), *MAP]
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    wait_until(lambda: out.exists() and out.stat().st_size >= 50_000)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    before = out.read_bytes()
    kept = before[: before.rindex(b"\n") + 1]
    assert 0 < kept.count(b"\n") < 20_000
    out.write_bytes(kept + b'{"index": 99, "half a li')
    done = score(source, out, *MAP)
    assert "resuming" in done.stderr
    assert out.read_bytes().startswith(kept)
    assert [r["id"] for r in lines(out)] == [f"row-{n}" for n in range(20_000)]
    assert "20,000 rows" in done.stdout
    assert score(source, out, *MAP).stdout == done.stdout


def test_results_of_another_run_are_not_mixed(tmp_path: Path) -> None:
    write_rows(tmp_path / "in.jsonl", 3)
    out = tmp_path / "out.jsonl"
    score(tmp_path / "in.jsonl", out, *MAP)
    write_rows(tmp_path / "in.jsonl", 4)
    refused = score(tmp_path / "in.jsonl", out, *MAP, check=False)
    assert refused.returncode == 2
    assert "another run" in refused.stderr
    score(tmp_path / "in.jsonl", out, *MAP, "--overwrite")
    assert len(lines(out)) == 4


def test_neither_the_input_nor_the_output_of_another_run_is_written_over(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_rows(source, 25_000)
    before = source.read_bytes()
    refused = score(source, source, *MAP, "--overwrite", check=False)
    assert (refused.returncode, source.read_bytes()) == (2, before)
    assert "same file" in refused.stderr
    first = subprocess.Popen([*COMMAND, "--in", str(source), "--out", str(out), *MAP], stderr=subprocess.DEVNULL)
    wait_until(lambda: out.exists() and out.stat().st_size)
    first.send_signal(signal.SIGSTOP)
    second = score(source, out, *MAP, check=False)
    first.send_signal(signal.SIGCONT)
    assert first.wait(PATIENCE_SECONDS) == 0
    assert second.returncode == 2
    assert "another run is writing" in second.stderr
    assert len(lines(out)) == 25_000


def test_what_cannot_be_read_or_written_is_said_without_a_traceback(tmp_path: Path) -> None:
    write_rows(tmp_path / "in.jsonl", 3)
    (tmp_path / "broken.jsonl.gz").write_bytes(b"no gzip")
    cases = [
        (tmp_path / "in.jsonl", tmp_path / "none" / "out.jsonl", ()),
        (tmp_path / "in.jsonl", tmp_path, ()),
        (tmp_path / "broken.jsonl.gz", tmp_path / "out.jsonl", ()),
        (tmp_path / "in.jsonl", tmp_path / "out.jsonl", ("--limit", "-1")),
    ]
    for source, out, more in cases:
        done = score(source, out, *MAP, *more, check=False)
        assert done.returncode in (1, 2)
        assert done.stderr.strip()
        assert "Traceback" not in done.stderr


def test_a_row_without_a_completion_is_skipped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "#### 4", "gold": "4"}\n{"gold": "4"}\n{"text": "#### 4"}\n')
    done = score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", *MAP)
    assert [r["status"] for r in lines(tmp_path / "out.jsonl")] == ["ok", "skipped", "skipped"]
    assert "invalid_item" in done.stdout
    assert "gold_invalid" in done.stdout


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for count in (2_000, 40_000):
        write_rows(tmp_path / "in.jsonl", count)
        program = (
            "import resource, sys; from reward_server.__main__ import main; main(sys.argv[1:]);"
            "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        command = [sys.executable, "-c", program, *COMMAND[3:], "--in", str(tmp_path / "in.jsonl")]
        out = tmp_path / f"out-{count}.jsonl"
        done = subprocess.run([*command, "--out", str(out), *MAP], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split("peak")[1]))
    assert peaks[1] < peaks[0] * 1.15


def test_a_gsm8k_file_is_judged_against_itself(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "gsm8k" / "test.jsonl"
    done = score(source, tmp_path / "out.jsonl", "--preset", "gsm8k", "--map", "completion=answer")
    assert "1,319 rows" in done.stdout
    assert {r["reward"] for r in lines(tmp_path / "out.jsonl")} == {1.0}
