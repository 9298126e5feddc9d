"""The command line: `sandbox check` and `sandbox run`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.__main__ import main

pytestmark = pytest.mark.sandbox


def test_check_says_what_the_host_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert "isolation level" in capsys.readouterr().out
    assert main(["check", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["level"] in ("base", "uid", "namespaces")
    assert report["tests"]["read_outside"] == "pass"


@pytest.mark.parametrize(
    ("source", "arguments", "status", "stdout", "says"),
    [
        ("print(input()[::-1])", [], 0, "cba\n", "exited 0"),
        ("exit(3)", [], 3, "", "exited 3"),
        ("while True: pass", ["--cpu-seconds", "0.2"], 124, "", "cpu_limit"),
        ("import os; os.kill(os.getpid(), 9)", [], 137, "", "signaled 9"),
    ],
)
def test_run_runs_one_program(
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    source: str,
    arguments: list[str],
    status: int,
    stdout: str,
    says: str,
) -> None:
    program, stdin = tmp_path / "p.py", tmp_path / "in.txt"
    program.write_text(source)
    stdin.write_text("abc\n")
    assert main(["run", str(program), "--stdin", str(stdin), *arguments]) == status
    captured = capfdbinary.readouterr()
    assert captured.out.decode() == stdout
    assert says in captured.err.decode()


def test_run_can_answer_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "p.py"
    program.write_text("print(1)")
    assert main(["run", str(program), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stdout"] == "1\n"


def test_missing_file_is_our_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "/nowhere.py"]) == 125
    assert "nowhere" in capsys.readouterr().err
