from typing import Any

import pytest

from reward_server.offline.mapping import parse_mapping, to_validation_item
from reward_server.offline.rows import BrokenRow
from reward_server.offline.validation_tally import ValidationTally
from reward_server.wire import Fault, GoldKind, InvalidItem, ItemError, Status
from reward_server.wire_validation import RowReport, ValidationItem


@pytest.mark.parametrize(
    ("row", "row_id"),
    [
        ({"id": 7}, "7"),
        ({"ID": "2024-I-1"}, "2024-I-1"),
        ({"unique_id": "test/1"}, "test/1"),
        ({"task_id": "HumanEval/0"}, "HumanEval/0"),
        ({"extra_info": {"index": 3}}, "3"),
        ({"answer": "5"}, None),
        ({"id": None, "answer": "5"}, None),
    ],
)
def test_without_a_preset_the_row_is_the_ground_truth_and_its_id_is_found(row: dict[str, Any], row_id: str) -> None:
    item = to_validation_item(row, parse_mapping("auto", []))
    assert item == ValidationItem(id=row_id, ground_truth=row)


def test_a_chat_is_the_prompt_and_no_completion_is_needed() -> None:
    row = {"prompt": [{"role": "user", "content": "2+2?"}], "reward_model": {"ground_truth": "4"}}
    item = to_validation_item(row, parse_mapping("verl", []))
    assert item == ValidationItem(prompt="2+2?", ground_truth="4")


def test_a_broken_row_and_a_row_without_a_gold_stay_in_their_place() -> None:
    mapping = parse_mapping("plain", ["ground_truth=gold.text"])
    assert to_validation_item(BrokenRow("line 3: no JSON"), mapping) == InvalidItem(id=None, reason="line 3: no JSON")
    assert to_validation_item({"id": "a", "gold": 5}, mapping) == ValidationItem(id="a", ground_truth=None)


def report(index: int, status: Status, code: str | None = None, row_id: str | None = None) -> RowReport:
    fault = Fault.SERVER if status is Status.ERROR else Fault.DATA
    reason = None if code is None else ItemError(code=code, message=f"why {index}", fault=fault, retryable=False)
    kind = GoldKind.MATH if status is Status.OK else None
    return RowReport(index=index, id=row_id, status=status, check="math", gold_kind=kind, reason=reason)


def test_the_tally_keeps_a_few_examples_of_each_reason_whatever_there_are() -> None:
    tally = ValidationTally()
    tally.add(report(0, Status.OK))
    for index in range(1, 1001):
        tally.add(report(index, Status.SKIPPED, "gold_invalid", f"row-{index}" if index % 2 else None))
    tally.add(report(1001, Status.ERROR, "worker_lost"))
    assert (tally.rows, tally.unjudged) == (1002, 1001)
    assert tally.examples == {
        "gold_invalid: why": ["row-1", "#2", "row-3", "#4", "row-5"],
        "worker_lost: why": ["#1001"],
    }
    assert tally.messages["gold_invalid: why"] == "why 1"
    assert tally.reasons == {"gold_invalid: why": 1000, "worker_lost: why": 1}


def test_the_tally_stays_small_though_every_row_has_a_reason_of_its_own() -> None:
    tally = ValidationTally()
    for index in range(10_000):
        word = "".join(chr(ord("a") + int(digit)) for digit in str(index))
        message = f"expected something else than {word}"
        error = ItemError(code="gold_invalid", message=message, fault=Fault.DATA, retryable=False)
        tally.add(RowReport(index=index, id=None, status=Status.SKIPPED, reason=error))
    assert len(tally.reasons) <= 25
    assert sum(tally.reasons.values()) == 10_000
