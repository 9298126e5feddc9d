"""What a person sees."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from trainer_client.display import Display
from trainer_client.report import moving_average, summary_lines, write_report


def records(rewards: list[float | None]) -> list[dict[str, Any]]:
    steps = [
        {"kind": "step", "stage": "rl", "step": n, "reward": reward, "rollouts": 8, "unscored": 1, "skipped": 0}
        for n, reward in enumerate(rewards, start=1)
    ]
    before = {"kind": "eval", "stage": "rl", "step": 0, "accuracy": 0.5, "problems": 200}
    after = {**before, "step": len(rewards), "accuracy": 0.75}
    return [{"kind": "step", "stage": "sft", "step": 1}, before, *steps, after]


def test_summary_tells_before_and_after_and_where_things_lie(tmp_path: Path) -> None:
    summary = write_report(tmp_path, records([0.1, None, 0.5]), tmp_path / "model", 0, 12.34)
    told = "\n".join(summary_lines(summary))
    assert "50.0 % -> 75.0 %  (+25.0 points)" in told
    assert "3 without a score" in told
    assert str(tmp_path / "reward.png") in told
    written = json.loads((tmp_path / "summary.json").read_text())
    assert (written["accuracy_before"], written["accuracy_after"], written["rollouts"]) == (0.5, 0.75, 24)


def test_picture_is_a_png_of_a_readable_size(tmp_path: Path) -> None:
    write_report(tmp_path, records([0.1, 0.3, 0.5]), tmp_path / "model", 0, 1.0)
    data = (tmp_path / "reward.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
    assert (width, height) == (1080, 600)


@pytest.mark.parametrize("rewards", [[], [None]])
def test_run_without_any_reward_is_reported_too(tmp_path: Path, rewards: list[float | None]) -> None:
    some = [record | {"accuracy": None} if record["kind"] == "eval" else record for record in records(rewards)]
    told = "\n".join(summary_lines(write_report(tmp_path, some, tmp_path / "model", 0, 1.0)))
    assert "not measured -> not measured" in told


def test_moving_average_worked_by_hand() -> None:
    assert moving_average([1.0, 3.0, 5.0, 7.0], 2) == [1.0, 2.0, 4.0, 6.0]


def show(display: Display) -> None:
    with display:
        display.notice("reward server is [back]")
        for step in (1, 2, 3):
            record = {"stage": "rl", "step": step, "loss": 0.1, "reward": 0.25, "accuracy": 0.5, "unscored": 2}
            display.step({**record, "log_prob_gap": 3e-6, "seconds": {"total": 0.5}}, 3)
        display.evaluation({"stage": "rl", "step": 3, "accuracy": 0.625, "scored": 8, "problems": 8})


def test_plain_lines_without_a_terminal() -> None:
    out = io.StringIO()
    show(Display(Console(file=out, width=200, highlight=False)))
    told = out.getvalue().splitlines()
    assert told[0] == "reward server is [back]"
    assert told[1] == "rl 1/3  loss 0.100  reward 0.250  accuracy 50.0%  unscored 2  gap 3e-06  s 0.50"
    assert told[-2].startswith("rl 3/3")
    assert told[-1] == "rl 3: held-out accuracy 62.5% (8 of 8 held-out problems judged)"


def test_table_on_a_terminal() -> None:
    out = io.StringIO()
    show(Display(Console(file=out, width=120, force_terminal=True)))
    told = out.getvalue()
    assert "held-out" in told
    assert "0.250" in told
    assert "[back]" in told
