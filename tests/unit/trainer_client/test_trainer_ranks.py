"""Two real processes over gloo learn what one does: gradients, weights, sums and what adapts."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest
import torch

from tests.ports import lasting_port
from tests.unit.trainer_client.rank_work import CASES, Learnt, demonstrated, learnt
from trainer_client.launch import process_count, process_name
from trainer_client.ranks import ALONE, Ranks, joined, open_ranks

SIZE = 2
pytestmark = pytest.mark.timeout(400)  # two processes begin with the first case


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two ranks learnt; they are started once for all cases."""
    directory = tmp_path_factory.mktemp("ranks")
    port = str(lasting_port())
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(SIZE), "OMP_NUM_THREADS": "1"}
    work = "import sys; from tests.unit.trainer_client.rank_work import be_a_rank; be_a_rank(sys.argv[1])"
    command = [sys.executable, "-c", work, str(directory)]
    environment = {**os.environ, **place}
    logs = [directory / f"{rank}.txt" for rank in range(SIZE)]
    workers = []
    for rank, log in enumerate(logs):
        with log.open("w") as told:
            workers.append(subprocess.Popen(command, env={**environment, "RANK": str(rank)}, stderr=told))
    try:
        assert [worker.wait(300) for worker in workers] == [0] * SIZE, [log.read_text() for log in logs]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return [torch.load(directory / f"{rank}.pt", weights_only=False) for rank in range(SIZE)]


def numbers(made: Learnt) -> dict[str, float]:
    """What is told of the steps, flat, for comparison."""
    told: dict[str, float | None] = {}
    for step, (result, controls) in enumerate(zip(made.results, made.controls, strict=True)):
        values = asdict(result) | asdict(controls)
        window = dict(enumerate(values.pop("difficulty")))
        for part, table in (("sums", values.pop("sums")), ("critic", values.pop("value_sums")), ("window", window)):
            told |= {f"{step} {part} {name}": value for name, value in table.items()}
        told |= {f"{step} {name}": value for name, value in values.items()}
    return {name: value for name, value in told.items() if value is not None}


@pytest.mark.parametrize("name", CASES)
def test_two_processes_learn_what_one_does(name: str, found: list[dict[str, Any]]) -> None:
    alone = learnt(CASES[name], 64, ALONE)
    for rank in found:
        together: Learnt = rank["learnt"][name]
        for ours, theirs in zip([together.gradient, *together.weights], [alone.gradient, *alone.weights], strict=True):
            assert torch.allclose(ours, theirs, rtol=0.0, atol=1e-6, equal_nan=True)
        assert numbers(together) == pytest.approx(numbers(alone), rel=1e-6, abs=1e-6, nan_ok=True)
    first = alone.results[0]
    if name == "nothing teaches":
        assert (first.steps, first.skipped_steps, alone.gradient.any()) == (0, 0, False)
    elif name == "one row's gradient is not a number":
        assert (first.steps, first.skipped_steps) == (0, 1)
    else:
        assert first.steps > 0
        assert alone.gradient.abs().max() > 1e-3


def test_ranks_keep_the_same_weights_to_the_bit(found: list[dict[str, Any]]) -> None:
    for name in CASES:
        first, second = (rank["learnt"][name] for rank in found)
        for one, other in zip([first.gradient, *first.weights], [second.gradient, *second.weights], strict=True):
            assert torch.equal(one.nan_to_num(), other.nan_to_num()), name


def test_two_processes_imitate_what_one_does(found: list[dict[str, Any]]) -> None:
    alone = demonstrated(64, ALONE)
    for rank in found:
        assert torch.allclose(rank["demonstrated"], alone, rtol=0.0, atol=1e-6)


def test_what_one_rank_tells_all_of_them_hear(found: list[dict[str, Any]]) -> None:
    for rank in found:
        heard = rank["exchanged"]
        assert heard["any"] == [False, True, True]
        assert heard["first"] == "from 0"
        assert heard["each"] == ["rl-3-rank0", "rl-3-rank1"]
        assert heard["fault"] == (401, "unauthorized", "no key")


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_joined_shares_are_the_whole(size: int) -> None:
    for count in range(12):
        items = list(range(count))
        shares = [Ranks(rank, size).own(items) for rank in range(size)]
        assert joined(shares) == items
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_each_rank_has_random_numbers_of_its_own() -> None:
    seeds = [Ranks(rank, 3).seed(7) for rank in range(3)]
    assert seeds[0] == ALONE.seed(7) == 7
    assert len(set(seeds)) == 3
    assert Ranks(1, 3).seed(8) != seeds[1]


def test_a_process_that_torchrun_did_not_start_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")  # a scheduler's variable without torchrun's others
    assert process_count() == 1
    with open_ranks(1) as ranks:
        assert ranks is ALONE
        assert not torch.distributed.is_initialized()
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    assert (process_count(), process_name()) == (4, "trainer-client, rank 2")
