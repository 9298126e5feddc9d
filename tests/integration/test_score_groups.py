"""`reward-server score` with a profile of one's own that compares the completions of a prompt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reward_server.errors import ConfigError
from reward_server.offline.groups import require_whole_groups
from reward_server.wire import ScoreItem

PROFILE = """
description = "right and short"
[[checks]]
check = "exact"
[[checks]]
check = "kimi_length"
weight = 0.5
params = { correct_by = "exact", unit = "characters" }
"""
SIZES = [3, 1, 4, 2, 5]


def score(folder: Path, out: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reward_server", "score", "--profile", "short", *more]
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / "short.toml").write_text(PROFILE)
    return subprocess.run(
        [*command, "--in", str(folder / "in.jsonl"), "--out", str(folder / out)],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "REWARD_SERVER_PROFILES_DIR": str(folder / "profiles")},
    )


def write_rows(folder: Path) -> None:
    rows = [
        {"id": f"{g}-{n}", "group_id": str(g), "completion": " " * n + "4", "ground_truth": "4"}
        for g, size in enumerate(SIZES)
        for n in range(size)
    ]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_group_is_judged_as_a_whole_and_again_as_a_whole_after_a_kill(tmp_path: Path) -> None:
    write_rows(tmp_path)
    done = score(tmp_path, "out.jsonl")
    assert done.returncode == 0, done.stderr
    whole = (tmp_path / "out.jsonl").read_text().splitlines()
    shares = [0.5 - n / (size - 1) if size > 1 else None for size in SIZES for n in range(size)]
    assert [json.loads(line)["components"]["kimi_length"]["value"] for line in whole] == shares
    for kept in (2, 4, 9):  # in the middle of a group, at its border, in the middle of another
        (tmp_path / "again.jsonl").write_text("".join(line + "\n" for line in whole[:kept]))
        (tmp_path / "again.jsonl.meta.json").write_bytes((tmp_path / "out.jsonl.meta.json").read_bytes())
        again = score(tmp_path, "again.jsonl")
        assert again.returncode == 0, again.stderr
        assert (tmp_path / "again.jsonl").read_text().splitlines() == whole


def test_a_row_that_does_not_fit_does_not_divide_its_group(tmp_path: Path) -> None:
    rows = [json.dumps({"group_id": "g", "completion": " " * n + "4", "ground_truth": "4"}) for n in range(3)]
    bad = json.dumps({"group_id": "g", "completion": None})
    (tmp_path / "in.jsonl").write_text("\n".join([rows[0], bad, rows[1], "{", rows[2]]))
    done = score(tmp_path, "out.jsonl")
    assert done.returncode == 0, done.stderr
    scored = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [one["components"]["kimi_length"]["value"] for one in scored] == [0.5, None, 0.0, None, -0.5]


def test_a_file_whose_groups_are_not_whole_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    """Its rows would get the rewards of other groups, and nobody would know."""
    rows = [{"group_id": group, "completion": "4", "ground_truth": "4"} for group in "abba"]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = score(tmp_path, "out.jsonl")
    assert done.returncode == 2
    assert "group 'a' are in several places" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()
    assert score(tmp_path, "out.jsonl", "--limit", "3").returncode == 0


def test_a_group_that_no_request_could_hold_is_refused() -> None:
    items = [ScoreItem(group_id="all", completion="4")] * 1025
    require_whole_groups(items[:1024])
    with pytest.raises(ConfigError, match="1,025 rows, expected at most 1,024"):
        require_whole_groups(items)
    require_whole_groups([ScoreItem(completion="4")] * 2000)


def test_a_profile_that_is_wrong_is_named_before_anything_is_scored(tmp_path: Path) -> None:
    write_rows(tmp_path)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "other.toml").write_text('description = "x"\n[[checks]]\ncheck = "nope"\n')
    refused = score(tmp_path, "out.jsonl")
    assert refused.returncode == 2
    assert "other.toml: no check 'nope'" in refused.stderr
    (tmp_path / "profiles" / "other.toml").write_text("description = ")
    assert "other.toml cannot be read" in score(tmp_path, "out.jsonl").stderr
    (tmp_path / "profiles" / "other.toml").rename(tmp_path / "profiles" / "gsm8k.toml")
    assert "gsm8k ship with the server" in score(tmp_path, "out.jsonl").stderr
