"""Checkpoints and the record: whole or absent, cut back, restored to the bit."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from trainer_client.checkpoint import CheckpointStore
from trainer_client.config.optim import OptimConfig
from trainer_client.errors import CheckpointError
from trainer_client.model import LanguageModel, load_model
from trainer_client.optim import build_optimizer
from trainer_client.progress import Progress, Stage
from trainer_client.randomness import random_state, restore_random_state, seed_everything
from trainer_client.run_log import RunLog, cut_back, flat_numbers, read_records


@pytest.fixture
def warnings_seen() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, warnings_seen: list[str]) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints", 2, warnings_seen.append)


def save(store: CheckpointStore, model: LanguageModel, stage: Stage, step: int) -> Path:
    optimizer = build_optimizer(model.network.parameters(), OptimConfig(lr=0.1))
    ids = torch.tensor([[3, 4, 5]])
    model.network(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    return store.save(Progress(stage, step, rl_cursor=step), model, optimizer, random_state(torch.Generator()))


def test_everything_comes_back(store: CheckpointStore, tiny_model: LanguageModel) -> None:
    save(store, tiny_model, Stage.SFT, 3)
    saved = store.newest()
    assert saved is not None
    assert saved.progress == Progress(Stage.SFT, 3, rl_cursor=3)
    loaded = load_model(saved.model_dir, torch.device("cpu"))
    for name, weight in tiny_model.network.state_dict().items():
        assert torch.equal(weight, loaded.network.state_dict()[name])
    assert saved.optimizer is not None
    assert saved.optimizer["state"][0]["exp_avg"].abs().sum() > 0


def test_checkpoint_is_a_model_that_transformers_loads(store: CheckpointStore, tiny_model: LanguageModel) -> None:
    path = save(store, tiny_model, Stage.RL, 1) / "model"
    AutoModelForCausalLM.from_pretrained(path)
    assert AutoTokenizer.from_pretrained(path)("<think>1")["input_ids"] == tiny_model.tokenizer("<think>1")["input_ids"]


def test_newest_follows_the_order_of_the_run_and_old_ones_go(store: CheckpointStore, tiny_model: LanguageModel) -> None:
    paths = [save(store, tiny_model, *at) for at in [(Stage.SFT, 900), (Stage.RL, 0), (Stage.RL, 20)]]
    saved = store.newest()
    assert saved is not None
    assert (saved.progress.stage, saved.progress.step) == (Stage.RL, 20)
    assert [path.exists() for path in paths] == [False, True, True]


@pytest.mark.parametrize("file", ["model/config.json", "model/model.safetensors", "trainer.pt"])
def test_what_cannot_be_written_is_told_and_the_one_before_stays(
    store: CheckpointStore, tiny_model: LanguageModel, file: str
) -> None:
    whole = save(store, tiny_model, Stage.RL, 1)
    room = (whole / file).stat().st_size - 1
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(CheckpointError, match=r"rl-000002 cannot be written.*Make room"):
            save(store, tiny_model, Stage.RL, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in whole.parent.iterdir()] == ["rl-000001"]
    saved = store.newest()
    assert saved is not None
    assert saved.progress.step == 1


def truncate(path: Path) -> None:
    os.truncate(path / "trainer.pt", 100)


def flip(path: Path) -> None:
    file = path / "model" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)


def lose_manifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def empty_manifest(path: Path) -> None:
    (path / "manifest.json").write_text('{"files": {}}')


def lose_weights(path: Path) -> None:
    (path / "model" / "model.safetensors").unlink()


@pytest.mark.parametrize("damage", [truncate, flip, lose_manifest, empty_manifest, lose_weights])
def test_damaged_checkpoint_is_passed_over_with_a_warning(
    store: CheckpointStore, tiny_model: LanguageModel, warnings_seen: list[str], damage: object
) -> None:
    save(store, tiny_model, Stage.RL, 1)
    damage(save(store, tiny_model, Stage.RL, 2))  # type: ignore[operator]
    saved = store.newest()
    assert saved is not None
    assert saved.progress.step == 1
    assert len(warnings_seen) == 1
    assert "rl-000002 is passed over" in warnings_seen[0]


def test_unfinished_write_is_no_checkpoint(store: CheckpointStore, tiny_model: LanguageModel) -> None:
    path = save(store, tiny_model, Stage.RL, 2)
    shutil.copytree(path, path.with_name(".unfinished-abc"))
    shutil.rmtree(path)
    assert store.newest() is None
    assert not store.exists()


def test_same_step_can_be_saved_again(store: CheckpointStore, tiny_model: LanguageModel) -> None:
    path = save(store, tiny_model, Stage.RL, 2)
    assert save(store, tiny_model, Stage.RL, 2) == path
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert store.newest() is not None


def test_all_generators_are_restored(tmp_path: Path) -> None:
    sampler = torch.Generator().manual_seed(4)
    seed_everything(3)

    def draw() -> list[float]:
        return [random.random(), np.random.rand(), torch.rand(1).item(), torch.rand(1, generator=sampler).item()]

    draw()
    torch.save(random_state(sampler), tmp_path / "state")
    expected = draw()
    draw()
    restore_random_state(torch.load(tmp_path / "state", weights_only=True), sampler)
    assert draw() == expected


def test_a_run_of_a_gpu_goes_on_where_there_is_none(tmp_path: Path) -> None:
    sampler = torch.Generator().manual_seed(4)
    state = random_state(sampler)
    gpu = torch.arange(16, dtype=torch.uint8)  # seed and offset: what a CUDA generator's state is
    before = torch.rand(3, generator=torch.Generator().manual_seed(4))
    restore_random_state(state | {"cuda": [gpu, gpu], "sampler": gpu}, sampler)
    assert torch.equal(torch.rand(3, generator=sampler), before)


def lines(*places: tuple[str, int]) -> str:
    return "".join(json.dumps({"kind": "step", "stage": stage, "step": step}) + "\n" for stage, step in places)


def test_record_is_cut_back_to_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(lines(("sft", 1), ("sft", 9), ("rl", 0), ("rl", 1), ("rl", 2)) + '{"kind": "st')
    cut_back(path, Progress(Stage.RL, 1))
    assert [(r["stage"], r["step"]) for r in read_records(path)] == [("sft", 1), ("sft", 9), ("rl", 0), ("rl", 1)]
    cut_back(path, Progress(Stage.SFT, 4))
    assert path.read_text() == lines(("sft", 1))


@pytest.mark.parametrize("line", [b'{"kind": "step"}', b"[1]", b"7", b'{"stage": "x", "step": 1}', b"\xff\xfe\x00"])
def test_line_that_is_no_record_is_left_out(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(lines(("sft", 1)).encode() + line + b"\n" + lines(("rl", 1)).encode())
    cut_back(path, Progress(Stage.RL, 1))
    assert path.read_text() == lines(("sft", 1), ("rl", 1))


@contextmanager
def no_room() -> Iterator[None]:
    """No file can grow beyond ten bytes, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_record_that_cannot_be_written_is_told_with_its_file(tmp_path: Path) -> None:
    log = RunLog(tmp_path, Progress())
    with no_room(), pytest.raises(CheckpointError, match=r"metrics\.jsonl"):
        log.step(Stage.RL, 1, {"reward": 0.5})
    log.close()


def test_record_that_cannot_be_cut_back_is_told_with_its_file_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(lines(("sft", 1), ("rl", 1)))
    with no_room(), pytest.raises(CheckpointError, match=r"metrics\.jsonl cannot be written: File too large"):
        cut_back(path, Progress(Stage.SFT, 1))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        ("metrics.jsonl", lines(("sft", 1), ("rl", 1)))
    ]


@pytest.fixture
def threads_say_nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What TensorBoard's threads hand over is told once, without a trace of theirs."""
    said: list[object] = []
    monkeypatch.setattr(threading, "excepthook", said.append)
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
    assert said == []


@pytest.mark.usefixtures("threads_say_nothing")
def test_tensorboard_files_that_cannot_be_written_are_told_with_their_folder(tmp_path: Path) -> None:
    with no_room(), pytest.raises(CheckpointError, match="tensorboard/sft cannot be written: File too large"):
        RunLog(tmp_path / "new", Progress())
    log = RunLog(tmp_path, Progress())
    with no_room():
        log._boards[Stage.RL].add_scalar("rl/reward", 0.5, 1)
        with pytest.raises(CheckpointError, match="tensorboard/rl cannot be written: File too large"):
            log.close()


def test_record_is_written_as_json_and_for_tensorboard(tmp_path: Path) -> None:
    log = RunLog(tmp_path, Progress())
    log.step(Stage.RL, 1, {"reward": 0.5, "components": {"math": None, "format": 1.0}})
    log.evaluation(Stage.RL, 1, {"accuracy": 0.25}, [{"prompt": "1+1="}])
    log.close()
    assert [record["kind"] for record in log.records()] == ["step", "eval"]
    assert log.has_evaluation(Stage.RL, 1)
    assert not log.has_evaluation(Stage.RL, 2)
    assert read_records(tmp_path / "samples.jsonl") == [{"stage": "rl", "step": 1, "prompt": "1+1="}]
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(tmp_path / "tensorboard" / "rl")).Reload()
    assert sorted(board.Tags()["scalars"]) == ["eval/accuracy", "rl/components/format", "rl/reward"]


def test_resumed_stage_hides_what_lay_beyond_and_nothing_of_the_stage_before(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = RunLog(tmp_path, Progress())
    for stage in Stage:
        for step in range(1, 10):
            log.step(stage, step, {"loss": float(step)})
    log.close()
    time.sleep(1.01)  # TensorBoard reads files by name, and that begins with the second
    resumed = RunLog(tmp_path, Progress(Stage.RL, 4))
    resumed.step(Stage.RL, 5, {"loss": 50.0})
    resumed.close()
    shown = {
        stage: [
            event.value
            for event in EventAccumulator(str(tmp_path / "tensorboard" / stage)).Reload().Scalars(f"{stage}/loss")
        ]
        for stage in ("sft", "rl")
    }
    assert shown == {"sft": [float(n) for n in range(1, 10)], "rl": [1.0, 2.0, 3.0, 4.0, 50.0]}


def test_only_finite_numbers_are_drawn() -> None:
    assert flat_numbers({"a": 1, "b": None, "c": {"d": float("nan"), "e": 2.5}, "f": "x"}) == {"a": 1.0, "c/e": 2.5}
