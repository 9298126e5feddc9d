"""Two runs never write into one directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer_client.config import TrainConfig
from trainer_client.errors import CheckpointError
from trainer_client.run_dir import alone_in
from trainer_client.train import train


@pytest.mark.parametrize("resume", [False, True])
def test_run_in_a_directory_where_another_one_works_is_refused_before_any_work(tmp_path: Path, resume: bool) -> None:
    config = TrainConfig.model_validate(
        {
            "resume": resume,
            "run": {"dir": tmp_path},
            "model": {"fresh": {"hidden": 32, "intermediate": 64}},
            "data": {"addition": {"terms": 2, "max_number": 9, "train_problems": 50, "held_out_problems": 8}},
            "reward": {"url": "http://127.0.0.1:1"},
            "evaluation": {"problems": 8},
        }
    )
    with alone_in(tmp_path), pytest.raises(CheckpointError, match="another process works in"):
        train(config)
    assert not (tmp_path / "config.json").exists()
