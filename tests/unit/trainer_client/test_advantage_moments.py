"""Statistics over ranks: two halves together are the whole, and equal values are never blown up."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.unit.trainer_client.ranks import on_ranks
from trainer_client.advantages import Reduce, global_moments, whiten
from trainer_client.advantages.moments import first_sums, moments, second_sums

finite = st.floats(-1e3, 1e3, allow_nan=False)


def tensor(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_numbers_worked_by_hand() -> None:
    # 1, 2, 3, 6 (the 100 is masked): mean 3; squares 4 + 1 + 0 + 9 = 14
    values, mask = tensor([1.0, 2.0, 100.0, 3.0, 6.0]), torch.tensor([True, True, False, True, True])
    sample, population = global_moments(values, mask, 1), global_moments(values, mask, 0)
    assert (sample.count, sample.mean) == (4.0, 3.0)
    assert sample.deviation == pytest.approx(math.sqrt(14 / 3), abs=1e-15)
    assert population.deviation == pytest.approx(math.sqrt(14 / 4), abs=1e-15)


def test_one_value_is_its_mean_and_two_have_a_deviation() -> None:
    one = global_moments(tensor([7.5]), torch.tensor([True]), 1)
    assert (one.count, one.mean, one.deviation) == (1.0, 7.5, 0.0)
    two = global_moments(tensor([1.0, 3.0]), torch.tensor([True, True]), 1)
    assert (two.count, two.mean) == (2.0, 2.0)
    assert two.deviation == pytest.approx(math.sqrt(2), abs=1e-15)


def test_masks_of_numbers_and_values_in_single_precision_are_taken_as_well() -> None:
    values = torch.tensor([[1e5, 1e5 + 0.25, 1e5 + 1.0, -3.0]], dtype=torch.float32)
    mask = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    found, exact = global_moments(values, mask, 1), global_moments(values.double(), mask.bool(), 1)
    assert found == exact
    assert whiten(values, mask, 1, 0.0)[0, 3].item() == 0.0


@given(st.lists(finite, min_size=2, max_size=30), st.lists(finite, min_size=1, max_size=30))
def test_two_halves_combined_are_the_whole(left: list[float], right: list[float]) -> None:
    halves = [tensor(left), tensor(right)]
    masks = [torch.ones_like(half, dtype=torch.bool) for half in halves]
    first = first_sums(halves[0], masks[0]) + first_sums(halves[1], masks[1])
    second = second_sums(halves[0], masks[0], first) + second_sums(halves[1], masks[1], first)
    joined = moments(first, second, ddof=1)
    whole = left + right
    assert joined.count == len(whole)
    assert joined.mean == pytest.approx(statistics.fmean(whole), rel=1e-12, abs=1e-12)
    assert joined.deviation == pytest.approx(statistics.stdev(whole), rel=1e-9, abs=1e-10)


def test_whitening_on_two_ranks_is_whitening_of_the_whole_and_not_of_each() -> None:
    torch.manual_seed(3)
    values = torch.randn(6, 5, dtype=torch.float64) + torch.arange(6).unsqueeze(1)
    mask = torch.rand(6, 5) < 0.7

    def work(share: tuple[Tensor, Tensor], reduce: Reduce) -> Tensor:
        return whiten(*share, 1, 1e-4, reduce)

    joined = torch.cat(on_ranks([(values[:2], mask[:2]), (values[2:], mask[2:])], work))
    whole = whiten(values, mask, 1, 1e-4)
    assert torch.allclose(joined, whole, rtol=0.0, atol=1e-12)
    alone = torch.cat([whiten(values[:2], mask[:2], 1, 1e-4), whiten(values[2:], mask[2:], 1, 1e-4)])
    assert (alone - whole).abs().max() > 0.1


def test_a_rank_without_any_value_takes_part() -> None:
    values, mask = tensor([1.0, 5.0]).unsqueeze(0), torch.tensor([[True, True]])
    nothing = torch.zeros_like(mask)

    def work(share: tuple[Tensor, Tensor], reduce: Reduce) -> Tensor:
        return whiten(*share, 0, 0.0, reduce)

    full, empty = on_ranks([(values, mask), (values, nothing)], work)
    assert full.tolist() == [[-1.0, 1.0]]
    assert empty.tolist() == [[0.0, 0.0]]


def test_whitened_values_have_mean_zero_and_deviation_one() -> None:
    torch.manual_seed(4)
    values, mask = torch.randn(8, 9, dtype=torch.float64) * 7 + 40, torch.rand(8, 9) < 0.5
    chosen = whiten(values, mask, 1, 0.0)[mask]
    assert float(chosen.mean()) == pytest.approx(0.0, abs=1e-12)
    assert float(chosen.std()) == pytest.approx(1.0, abs=1e-12)
    assert not whiten(values, mask, 1, 0.0)[~mask].any()


@pytest.mark.parametrize("value", [0.0, 0.1, 1.2, -3.7, 12345.678, 1e8])
@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_equal_values_whiten_to_exact_zeros(value: float, count: int) -> None:
    values = torch.full((1, count), value, dtype=torch.float64)
    assert not whiten(values, torch.ones_like(values, dtype=torch.bool), 1, 0.0).any()


def test_nothing_at_all_has_moments() -> None:
    found = global_moments(torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=torch.bool), 1)
    assert (found.count, found.mean, found.deviation) == (0.0, 0.0, 0.0)


def test_a_large_offset_costs_no_digits_of_the_deviation() -> None:
    values = tensor([1e6, 1e6 + 1e-3, 1e6 - 1e-3])
    found = global_moments(values, torch.ones(3, dtype=torch.bool), 1)
    assert found.deviation == pytest.approx(float(values.std()), rel=1e-9)
    assert found.deviation == pytest.approx(1e-3, rel=1e-6)


def whiten_one_half(rank: int, folder: str) -> None:
    """The work of one process: whiten its half of the values with sums that gloo adds."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)

    def reduce(sums: Tensor) -> Tensor:
        dist.all_reduce(sums)
        return sums

    values, mask = torch.load(f"{folder}/values.pt")
    half = slice(0, 1) if rank == 0 else slice(1, None)
    torch.save(whiten(values[half], mask[half], 1, 1e-4, reduce), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_on_gloo_whiten_as_one_does(tmp_path: Path) -> None:
    torch.manual_seed(8)
    values, mask = torch.randn(5, 7, dtype=torch.float64) * 3 + 9, torch.rand(5, 7) < 0.6
    torch.save((values, mask), tmp_path / "values.pt")
    mp.spawn(whiten_one_half, args=(str(tmp_path),), nprocs=2)
    joined = torch.cat([torch.load(tmp_path / "0.pt"), torch.load(tmp_path / "1.pt")])
    assert torch.allclose(joined, whiten(values, mask, 1, 1e-4), rtol=0.0, atol=1e-12)
