"""Golden cases, and what every check has to keep. `pytest examples/outside_check`, with the package installed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from assay_citations import CitationParams, Citations

from reward_server.checks.base import CheckInput, Verdict
from reward_server.errors import GroundTruthInvalid

CASES = [json.loads(line) for line in (Path(__file__).parent / "cases.jsonl").read_text().splitlines()]
SOURCES = ["Handbook", "Almanac", "Encyclopaedia"]


def judge(completion: str, ground_truth: Any = SOURCES, **params: Any) -> Verdict:
    verdict = Citations().judge(CheckInput(completion, ground_truth), CitationParams(**params))
    assert set(verdict.detail) == set(Citations.detail)
    return verdict


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_golden_cases(case: dict[str, Any]) -> None:
    verdict = judge(case["completion"], case.get("ground_truth", SOURCES), **case.get("params", {}))
    assert (verdict.value, verdict.detail["failed"]) == (case["value"], case.get("failed"))


@pytest.mark.parametrize("gold", [None, 0, -1, True, 2.5, "three", [], {}])
def test_sources_that_are_none_are_the_callers_fault(gold: Any) -> None:
    with pytest.raises(GroundTruthInvalid):
        judge("Water boils at 100 °C [1].", gold)


@pytest.mark.parametrize("unit", ["[", "[1", "[1,", "[1] ", "a. ", ".", "1.1", "[1 ,", "\n", "</think>", "９"])
def test_a_megabyte_is_linear_work(unit: str) -> None:
    started = time.process_time()
    judge(unit * (1_000_000 // len(unit)))
    assert time.process_time() - started < 5
