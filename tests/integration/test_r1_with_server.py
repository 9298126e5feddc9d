"""The whole R1 recipe with the real reward server: killed by SIGKILL inside a stage, and gone on with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.trainer_command import Command
from trainer_client.run_dir import alone_in

CONFIG = """
[run]
checkpoint_every = 10
[model.fresh]
hidden = 32
intermediate = 64
[data]
addition = { terms = 2, max_number = 9, train_problems = 60, held_out_problems = 16 }
[comparison]
sampler = { max_new_tokens = 16 }
[cold_start]
steps = 90
batch = 32
optim = { lr = 1e-2, warmup_steps = 5, decay = "cosine" }
[rl]
steps = 12
prompts = 4
group = 4
sampler = { max_new_tokens = 16 }
[rejection_sampling]
sampler = { max_new_tokens = 16 }
[refining]
steps = 30
batch = 32
optim = { lr = 1e-2, warmup_steps = 5 }
[refining.demonstrations]
limit = 9
split = "train"
addition = { terms = 2, max_number = 9, train_problems = 60, held_out_problems = 16 }
[[all_profiles]]
profile = "r1-math"
steps = 2
prompts = 4
group = 4
sampler = { max_new_tokens = 16 }
[distillation]
steps = 15
batch = 32
optim = { lr = 1e-2, warmup_steps = 5 }
model = { fresh = { hidden = 16, intermediate = 32 } }
draw = { sampler = { max_new_tokens = 16 } }
"""
STAGES = ["0-base", "1-cold-start", "2-rl", "3-rejection-sampling", "4-refining", "5-rl-r1-math",
          "6-teacher-samples", "7-distillation"]  # fmt: skip


class Sequence(Command):
    """The recipe in one run directory."""

    def __init__(self, run: Path, server_url: str) -> None:
        super().__init__("r1", CONFIG, run, "--reward.url", server_url)

    def steps(self, stage: str) -> list[dict[str, Any]]:
        return [row for row in self.rows(f"{stage}/metrics.jsonl") if row["kind"] == "step"]

    def report(self) -> dict[str, Any]:
        return self.value("report.json")

    def numbers(self) -> list[dict[str, Any]]:
        """The report without what a clock says."""
        return [{key: value for key, value in row.items() if key != "seconds"} for row in self.report()["stages"]]

    def weights(self, stage: str) -> bytes:
        return (self.run / stage / "model" / "model.safetensors").read_bytes()


def test_killed_and_resumed_sequence_equals_an_uninterrupted_one(tmp_path: Path, server_url: str) -> None:
    whole, killed = Sequence(tmp_path / "whole", server_url), Sequence(tmp_path / "killed", server_url)
    told = whole()
    rows = whole.report()["stages"]
    assert [row["stage"] for row in rows] == STAGES
    assert all(f"{row['stage']}: {row['step']['told']}" in told for row in rows if "step" in row)
    assert [row["stage"] for row in rows if "step" not in row] == ["0-base", "3-rejection-sampling",
                                                                   "6-teacher-samples"]  # fmt: skip
    assert {row["problems"] for row in rows if "accuracy" in row} == {16}
    assert rows[1]["format_rate"] > 0.8
    assert rows[1]["step"]["outcome"] in ("better", "within noise")
    assert 0 < rows[3]["kept"] < rows[3]["drawn"] == 240
    mixed = (whole.run / "4-refining" / "demonstrations.jsonl").read_text().splitlines()
    assert len(mixed) == rows[3]["kept"] + 9
    assert rows[7]["weight_bytes"] < rows[5]["weight_bytes"]
    assert (whole.run / "stages.png").stat().st_size > 10_000

    killed.stop_when(lambda: len(killed.steps("2-rl")) >= 11)
    assert not (killed.run / "3-rejection-sampling").exists()
    told = killed("--resume")
    assert "1-cold-start: done before" in told
    assert "going on after rl step" in told
    assert killed.numbers() == whole.numbers()
    for stage in ("1-cold-start", "2-rl", "4-refining", "5-rl-r1-math", "7-distillation"):
        assert [row["step"] for row in killed.steps(stage)] == [row["step"] for row in whole.steps(stage)]
        assert killed.weights(stage) == whole.weights(stage)

    assert "go on with --resume" in whole(expected=1)
    assert "stage 2-rl began with other settings" in whole("--resume", "--rl.steps", "13", expected=1)
    untouched = whole("--resume", "--reward.url", "http://127.0.0.1:9")  # nothing is left to ask a server for
    assert untouched.count("done before") == len(STAGES)
    again = whole("--resume", "--comparison.limit", "5")
    assert again.count("done before") == len(STAGES)
    assert {row["problems"] for row in whole.report()["stages"] if "accuracy" in row} == {5}

    with alone_in(whole.run):
        assert "another process works in" in whole("--resume", expected=1)
    marker = whole.run / "2-rl" / "stage.json"
    marker.write_text(marker.read_text()[:20])
    assert "stage.json cannot be read" in whole("--resume", expected=1)
    shutil.rmtree(whole.run / "2-rl")
    told = whole("--resume", expected=1)
    assert "stage 3-rejection-sampling began with other settings, or from a stage that was since made anew" in told
    assert not (whole.run / "2-rl").exists()
