"""`reward-server checks`, and the page that is made with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reward_server.checks.registry import checks

ROOT = Path(__file__).parents[2]


def ask(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reward_server", "checks", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_the_list_names_every_check() -> None:
    lines = ask().stdout.splitlines()
    assert [name for name in checks() if not any(line.split()[:1] == [name] for line in lines)] == []


def test_one_check_tells_its_parameters_and_another_name_what_there_is() -> None:
    assert "| `min_think_chars` | integer | `1` |" in ask("format").stdout
    unknown = ask("nope")
    assert unknown.returncode == 2
    assert "format" in unknown.stderr


@pytest.mark.sandbox
def test_the_page_of_checks_is_current() -> None:
    """`make checks-page` writes it anew."""
    made = ask("--page")
    assert made.returncode == 0, made.stderr
    assert made.stdout == (ROOT / "docs" / "checks.md").read_text()
