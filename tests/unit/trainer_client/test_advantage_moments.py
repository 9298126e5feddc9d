"""Statistics of a batch: worked by hand and against the standard library; equal values are never blown up."""

from __future__ import annotations

import math
import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainer_client.advantages import masked_moments, whiten

finite = st.floats(-1e3, 1e3, allow_nan=False)


def tensor(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_numbers_worked_by_hand() -> None:
    # 1, 2, 3, 6 (the 100 is masked): mean 3; squares 4 + 1 + 0 + 9 = 14
    values, mask = tensor([1.0, 2.0, 100.0, 3.0, 6.0]), torch.tensor([True, True, False, True, True])
    sample, population = masked_moments(values, mask, 1), masked_moments(values, mask, 0)
    assert (sample.count, sample.mean) == (4.0, 3.0)
    assert sample.deviation == pytest.approx(math.sqrt(14 / 3), abs=1e-15)
    assert population.deviation == pytest.approx(math.sqrt(14 / 4), abs=1e-15)


def test_one_value_is_its_mean_and_two_have_a_deviation() -> None:
    one = masked_moments(tensor([7.5]), torch.tensor([True]), 1)
    assert (one.count, one.mean, one.deviation) == (1.0, 7.5, 0.0)
    two = masked_moments(tensor([1.0, 3.0]), torch.tensor([True, True]), 1)
    assert (two.count, two.mean) == (2.0, 2.0)
    assert two.deviation == pytest.approx(math.sqrt(2), abs=1e-15)


def test_masks_of_numbers_and_values_in_single_precision_are_taken_as_well() -> None:
    values = torch.tensor([[1e5, 1e5 + 0.25, 1e5 + 1.0, -3.0]], dtype=torch.float32)
    mask = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    found, exact = masked_moments(values, mask, 1), masked_moments(values.double(), mask.bool(), 1)
    assert found == exact
    assert whiten(values, mask, 1, 0.0)[0, 3].item() == 0.0


@given(st.lists(finite, min_size=2, max_size=30), st.lists(finite, max_size=5))
def test_moments_are_those_of_the_standard_library_over_the_masked_values(
    chosen: list[float], others: list[float]
) -> None:
    values = tensor([*others, *chosen])
    found = masked_moments(values, torch.arange(len(values)) >= len(others), 1)
    assert found.count == len(chosen)
    assert found.mean == pytest.approx(statistics.fmean(chosen), rel=1e-12, abs=1e-12)
    assert found.deviation == pytest.approx(statistics.stdev(chosen), rel=1e-9, abs=1e-10)


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
    found = masked_moments(torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=torch.bool), 1)
    assert (found.count, found.mean, found.deviation) == (0.0, 0.0, 0.0)


def test_a_large_offset_costs_no_digits_of_the_deviation() -> None:
    values = tensor([1e6, 1e6 + 1e-3, 1e6 - 1e-3])
    found = masked_moments(values, torch.ones(3, dtype=torch.bool), 1)
    assert found.deviation == pytest.approx(float(values.std()), rel=1e-9)
    assert found.deviation == pytest.approx(1e-3, rel=1e-6)
