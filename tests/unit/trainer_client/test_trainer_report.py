"""What a person sees."""

from __future__ import annotations

import io
import json
import re
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


def test_summary_tells_alarms_and_gradients_that_were_left_out(tmp_path: Path) -> None:
    some = [
        record | ({"alarms": ["far away"]} if record["kind"] == "step" else {}) for record in records([0.1, None, 0.5])
    ]
    summary = write_report(tmp_path, some * 3, tmp_path / "model", 2, 12.34)
    told = summary_lines(summary)
    assert "gradients          2 were not finite; their optimizer steps were left out" in told
    assert "alarms             step 1: far away" in told
    assert "                   step 2: far away" in told
    assert "                   and 4 more: see summary.json" in told


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
            record["components"] = {"format": 0.9, "math": 0.5}
            display.step({**record, "log_prob_gap": 3e-6, "seconds": {"total": 0.5}}, 3)
        display.evaluation({"stage": "rl", "step": 3, "accuracy": 0.625, "scored": 8, "problems": 8})


def test_plain_lines_without_a_terminal() -> None:
    out = io.StringIO()
    show(Display(Console(file=out, width=200, highlight=False)))
    told = out.getvalue().splitlines()
    assert told[0] == "reward server is [back]"
    assert told[1] == "rl 1/3  loss 0.100  reward 0.250  accuracy 50.0%  unscored 2  gap 3e-06  s 0.50" + (
        "  by component: format 0.900, math 0.500"
    )
    assert told[-2].startswith("rl 3/3")
    assert told[-1] == "rl 3: held-out accuracy 62.5% (8 of 8 held-out problems judged)"


def test_table_on_a_terminal() -> None:
    out = io.StringIO()
    show(Display(Console(file=out, width=120, force_terminal=True, highlight=False)))
    told = out.getvalue()
    assert "held-out" in told
    assert "0.250" in told
    assert "\x1b[33mreward server is [back]\x1b[0m" in told


CONTROL = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|\r")
FULL: dict[str, Any] = {
    "stage": "rl", "step": 12, "loss": -0.0123, "reward": 0.8765, "accuracy": 0.6786, "length": 1019.5,
    "entropy": 0.312, "kl": 0.0123, "clip_share": 0.0123, "dead_group_share": 0.25, "unscored": 3,
    "log_prob_gap": 3e-6, "grad_norm": 0.4567, "components": {"format": 0.996, "math": 0.679}, "seconds": {"total": 70},
}  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_table_fits_the_terminal_and_loses_nothing(width: int) -> None:
    out = io.StringIO()
    with Display(Console(file=out, width=width, force_terminal=True, color_system=None)) as display:
        display.notice("held-out accuracy 62.5%")
        display.step(FULL, 60)
    last = out.getvalue().split("stage")[-1]
    assert max(len(CONTROL.sub("", line)) for line in last.splitlines()) <= width
    assert "\u2026" not in last  # nothing is cut
    for cell in ("12/60", "-0.012", "0.876", "67.9%", "1019.5", "0.312", "0.012", "1.2%", "25.0%", "3e-06", "0.46"):
        assert cell in last
    assert "by component: format 0.996, math 0.679" in last
    assert "about 56 min left" in last


def test_notices_stay_on_the_screen() -> None:
    out = io.StringIO()
    with Display(Console(file=out, width=100, force_terminal=True, color_system=None)) as display:
        for number in range(9):
            display.notice(f"alarm {number}")
            display.step(FULL, 60)
    told = out.getvalue()
    assert [told.count(f"alarm {number}") for number in range(9)] == [1] * 9
