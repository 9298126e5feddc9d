"""Every check answers with the same keys, whatever became of the item: judged, skipped, too long, too late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reward_server.checks.base import AskingCheck
from reward_server.checks.registry import OURS
from reward_server.settings import MIB
from reward_server.wire import ScoreResult

CHECKS = [check for check in OURS if not isinstance(check, AskingCheck)]
COMPONENT = {"value", "weight", "status", "reason", "detail"}
ODD_GOLDS: list[Any] = [
    None, [], {}, "", "\x00", "NaN", True, -0.0, 1e308, 10**30, [None], [[]] * 100, {"answer": None}, {"tests": []},
    {"numbers": ["x"], "target": "y"}, {"instruction_id_list": ["no:such"], "kwargs": [{}]}, {"schema": {"type": 7}},
    {"answer": "8", "metadata": {"source_dataset": "../x"}}, {"options": ["a"], "answer": -1}, "[" * 100_000,
    "7" * 20_000,
]  # fmt: skip


def requests_of(example: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    first = {**example["items"][0], "group_id": "g"}
    odd = [{**first, "ground_truth": gold} for gold in ODD_GOLDS]
    misfits: list[Any] = [{**first, "completion": None}, {**first, "completion_tokens": -1}, None]
    lengths = [{**first, "completion": text} for text in ("", "x" * (MIB + 1), "\ufffd" * 300_000)]
    for said, items in {"judged": example["items"], "odd": odd, "misfits": misfits, "lengths": lengths}.items():
        yield said, {**example, "items": items}
    yield "late", {**example, "items": [{**first, "completion": "x " * 20_000}] * 40, "options": {"deadline_ms": 1}}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.name))
def test_keys_are_the_same_whatever_became_of_the_item(server_url: str, check: Any) -> None:
    details = {one.name: set(one.detail) for one in OURS}
    components = {spec.get("name") or spec["check"]: details[spec["check"]] for spec in check.example["checks"]}
    statuses: dict[str, set[str]] = {}
    for said, body in requests_of(check.example):
        answer = httpx.post(f"{server_url}/v1/score", json=body, timeout=100)
        assert answer.status_code == 200, answer.text
        for result in answer.json()["results"]:
            assert set(result) == set(ScoreResult.model_fields)
            assert {name: set(one["detail"]) for name, one in result["components"].items()} == components
            assert all(set(one) == COMPONENT for one in result["components"].values())
            assert (result["error"] is None) == (result["status"] == "ok")
            statuses.setdefault(said, set()).add(result["status"])
    assert "error" not in statuses["judged"] | statuses["odd"] | statuses["misfits"] | statuses["lengths"]
    assert statuses["misfits"] == {"skipped"}
    assert "ok" in statuses["judged"]
    assert "error" in statuses["late"]
