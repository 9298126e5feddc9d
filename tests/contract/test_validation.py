"""POST /v1/ground-truth/validate against a real server: rows of every known data set, broken ones, faults of ours."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from reward_server.checks.registry import checks
from reward_server.openapi import VALIDATE_REQUEST
from reward_server.wire_validation import ValidateResponse
from tests.contract.test_math import many_surds
from tests.server_process import running_server

CASES = Path(__file__).parent.parent / "unit" / "reward_server" / "ground_truth" / "cases" / "rows.jsonl"
BATCH = 1024


def post(url: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{url}/v1/ground-truth/validate", json=body, timeout=100)


def validate(url: str, *golds: Any, **more: Any) -> dict[str, Any]:
    items = [{"id": f"row-{n}", "ground_truth": gold} for n, gold in enumerate(golds)]
    answer = post(url, {"items": items, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open() as file:
        return [json.loads(line) for line in file]


def test_the_example_of_the_documentation_is_true(server_url: str) -> None:
    answer = post(server_url, VALIDATE_REQUEST)
    response = ValidateResponse.model_validate_json(answer.content)
    assert [(r.index, r.id, r.status.value, r.check, r.normalised, r.self_score) for r in response.results] == [
        (0, "gsm8k-0", "ok", "math", "72", 1.0),
        (1, "mmlu-0", "ok", "choice", "B: Paris", 1.0),
        (2, "proof-0", "skipped", "math", None, None),
    ]
    assert response.results[2].reason is not None
    assert response.results[2].reason.code == "gold_invalid"
    assert response.summary.model_dump() == {
        "rows": 3,
        "verifiable": 2,
        "unverifiable": 1,
        "errors": 0,
        "self_score_below_1": 0,
        "by_kind": {"math": 1, "mcq": 1},
        "by_reason": {"gold_invalid": 1},
    }
    assert (response.profile, response.profile_hash) == (None, None)
    assert answer.headers["x-request-id"] == response.request_id


@pytest.mark.sandbox
def test_a_row_of_every_known_data_set_is_told_from_its_shape_and_judged_right_by_itself(server_url: str) -> None:
    cases = [
        case for case in rows_of(CASES) if case.get("check", "math") in checks() and "source_dataset" not in str(case)
    ]
    reports = validate(server_url, *(case["ground_truth"] for case in cases))["results"]
    for case, report in zip(cases, reports, strict=True):
        if "reason" in case:
            assert (report["status"], report["self_score"]) == ("skipped", None), (case["name"], report)
            assert report["reason"]["fault"] == "data"
        else:
            assert report["status"] == "ok", (case["name"], report)
            assert (report["check"], report["gold_kind"]) == (case["check"], case["kind"])
            assert report["self_score"] in (1.0, None)
    judged = {case["name"] for case, report in zip(cases, reports, strict=True) if report["self_score"] == 1.0}
    assert {"HumanEval", "MBPP", "APPS", "CodeContests", "KodCode-V1", "MMLU", "Search-R1", "GSM8K"} <= judged


@pytest.mark.parametrize(
    ("rules", "most"), [({}, 10_000), ({"profile": "gsm8k"}, BATCH), ({"checks": [{"check": "math", "weight": 9}]}, 99)]
)
def test_every_gsm8k_and_math_gold_is_verifiable(
    server_url: str, shared: Path, rules: dict[str, Any], most: int
) -> None:
    rows = rows_of(shared / "data" / "gsm8k" / "test.jsonl") + rows_of(shared / "data" / "math" / "test.jsonl")
    rows = rows[-most:]
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        answer = validate(server_url, *part, **rules)
        assert answer["summary"]["verifiable"] == len(part), answer["summary"]
        assert {report["self_score"] for report in answer["results"]} == {1.0}


def test_of_a_profile_only_what_uses_a_ground_truth_is_asked(server_url: str) -> None:
    answer = validate(server_url, "4", "proof", profile="r1-zero-math")
    assert [report["check"] for report in answer["results"]] == ["math", "math"]
    assert [report["status"] for report in answer["results"]] == ["ok", "skipped"]
    assert answer["profile"] == "r1-zero-math"
    assert answer["profile_hash"].startswith("sha256:")
    nothing = validate(server_url, "4", checks=[{"check": "format"}])["results"][0]
    assert (nothing["status"], nothing["reason"]["code"]) == ("skipped", "no_check_for_gold")


def test_a_row_fares_as_by_the_strictest_of_several_checks(server_url: str) -> None:
    report = validate(server_url, "Paris", checks=[{"check": "exact"}, {"check": "numeric"}])["results"][0]
    assert (report["status"], report["check"]) == ("skipped", "numeric")


@pytest.mark.sandbox
def test_a_reference_that_fails_its_own_tests_is_found(server_url: str) -> None:
    row = {
        "task_id": 1,
        "text": "?",
        "code": "def add(a, b):\n    return a - b\n",
        "test_list": ["assert add(1, 2) == 3"],
    }
    answer = validate(server_url, row)
    report = answer["results"][0]
    assert (report["status"], report["self_score"], report["gold_kind"]) == ("skipped", 0.0, "code_asserts")
    assert report["reason"]["code"] == "self_score_below_1"
    assert "wrong_answer" in report["reason"]["message"]
    assert answer["summary"]["self_score_below_1"] == answer["summary"]["unverifiable"] == 1


def test_references_are_not_judged_where_that_is_not_wanted(server_url: str) -> None:
    row = {"task_id": 1, "text": "?", "code": "raise SystemExit", "test_list": ["assert add(1, 2) == 3"]}
    answer = validate(server_url, row, "4", options={"self_score": False})
    assert [(report["status"], report["self_score"]) for report in answer["results"]] == [("ok", None)] * 2


def test_a_lack_of_time_says_nothing_about_a_row(server_url: str) -> None:
    answer = validate(server_url, *(str(n) for n in range(1000)), options={"deadline_ms": 1})
    late = [report for report in answer["results"] if report["status"] == "error"]
    assert late
    assert {report["reason"]["code"] for report in late} == {"deadline_exceeded"}
    assert all(report["reason"]["retryable"] for report in late)
    assert answer["summary"]["errors"] == len(late)
    assert answer["summary"]["unverifiable"] == 0


def test_where_programs_are_not_run_a_row_of_programs_is_no_fault_of_the_data(tmp_path: Path) -> None:
    row = {"task_id": 1, "text": "?", "code": "def f():\n    return 1\n", "test_list": ["assert f() == 1"]}
    with running_server(tmp_path / "log", REWARD_SERVER_SANDBOX_FLOOR="gvisor") as (url, _):
        answer = validate(url, row, "4")
    assert [report["status"] for report in answer["results"]] == ["error", "ok"]
    assert answer["results"][0]["reason"]["fault"] == "server"
    assert answer["summary"]["unverifiable"] == 0


def test_a_bad_item_does_not_cost_its_neighbours(server_url: str) -> None:
    items = [
        {"ground_truth": "4"},
        "text",
        {"id": 7, "ground_truth": "4"},
        {"id": "x", "colour": 1},
        {"ground_truth": 4},
    ]
    answer = post(server_url, {"items": items}).json()
    assert [report["status"] for report in answer["results"]] == ["ok", "skipped", "skipped", "skipped", "ok"]
    assert [report["reason"]["code"] for report in answer["results"][1:4]] == ["invalid_item"] * 3
    assert answer["results"][3]["id"] == "x"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"items": []}, 422, "invalid_request"),
        ({"items": [{"ground_truth": "4"}] * 1025}, 422, "invalid_request"),
        ({"items": [{"ground_truth": "4"}], "profile": "nope"}, 404, "unknown_profile"),
        ({"items": [{"ground_truth": "4"}], "checks": [{"check": "nope"}]}, 422, "unknown_check"),
        ({"items": [{"ground_truth": "4"}], "checks": [{"check": "math"}], "profile": "gsm8k"}, 422, "invalid_request"),
        (
            {"items": [{"ground_truth": "4"}], "checks": [{"check": "choice", "params": {"x": 1}}]},
            422,
            "invalid_params",
        ),
        ({"items": [{"ground_truth": "4"}], "options": {"deadline_ms": 0}}, 422, "invalid_request"),
    ],
)
def test_a_bad_request_is_a_problem(server_url: str, body: dict[str, Any], status: int, code: str) -> None:
    answer = post(server_url, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert httpx.get(f"{server_url}/readyz", timeout=60).json()["pending_items"] == 0


def test_a_shown_gold_is_cut(server_url: str) -> None:
    report = validate(server_url, ["word " * 1000])["results"][0]
    assert len(report["normalised"]) <= 400


def test_gold_kind_stands_in_every_score(server_url: str) -> None:
    for check, gold, kind in (
        ("math", "4", "math"),
        ("math", ["4", "5"], "math_multi"),
        ("choice", "B", "mcq"),
        ("numeric", "4", "numeric"),
        ("exact", "4", "exact"),
    ):
        body = {"checks": [{"check": check}], "items": [{"completion": "no idea", "ground_truth": gold}]}
        result = httpx.post(f"{server_url}/v1/score", json=body, timeout=60).json()["results"][0]
        assert (result["status"], result["gold_kind"]) == ("ok", kind)


def test_hostile_golds_are_read_in_time_and_never_hang(server_url: str, shared: Path) -> None:
    rows = rows_of(shared / "cases" / "math" / "hostile.jsonl")
    golds = [row["pred"] for row in rows] + [many_surds(3), "9" * 100_000, "\\boxed{" * 20_000]
    for rules in ({"checks": [{"check": "math"}]}, {}):
        started = time.monotonic()
        answer = validate(server_url, *golds, **rules)
        assert time.monotonic() - started < 30
        assert answer["summary"]["errors"] == 0, answer["summary"]
        assert answer["summary"]["verifiable"] >= len(rows) // 2
