"""The main job over HTTP, against a real server process: right input, bad input, and faults."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest

from reward_server.openapi import CODE_REQUEST, MATH_REQUEST, SHAPED_REQUEST
from reward_server.wire import ScoreResponse
from tests.waiting import wait_until

ITEMS = b'"items": [{"completion": "4"}]'


def post(url: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(f"{url}/v1/score", json=body, headers=headers, timeout=60)


def item(completion: str, gold: object = "4", **more: object) -> dict[str, object]:
    return {"completion": completion, "ground_truth": gold, **more}


def test_a_profile_judges_a_batch_in_order(server_url: str) -> None:
    answer = post(server_url, MATH_REQUEST)
    assert answer.status_code == 200
    response = ScoreResponse.model_validate_json(answer.content)
    assert [(r.index, r.id, r.status, r.reward) for r in response.results] == [
        (0, "p17-0", "ok", 1.2),
        (1, "p17-1", "ok", 0.2),
    ]
    assert response.profile == "r1-zero-math"
    assert response.profile_hash.startswith("sha256:")
    assert response.summary.model_dump() == {"ok": 2, "skipped": 0, "error": 0, "mean_reward": 0.7}
    assert answer.headers["x-request-id"] == response.request_id


def test_the_example_of_the_documentation_is_true(server_url: str) -> None:
    schema = httpx.get(f"{server_url}/openapi.json", timeout=60).json()
    examples = schema["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert [example["value"] for example in examples.values()] == [MATH_REQUEST, CODE_REQUEST, SHAPED_REQUEST]
    assert "ScoreItem" in schema["components"]["schemas"]
    for example in examples.values():
        assert post(server_url, example["value"]).json()["summary"]["error"] == 0


def test_a_group_is_compared_and_gated_by_the_request_itself(server_url: str) -> None:
    answer = post(server_url, SHAPED_REQUEST).json()
    assert [result["reward"] for result in answer["results"]] == [1.25, 0.75]
    wrong = json.loads(json.dumps(SHAPED_REQUEST).replace("<answer>4", "<answer>5"))
    assert [result["reward"] for result in post(server_url, wrong).json()["results"]] == [0.0, 0.0]


def test_checks_and_profiles_are_told_with_all_that_a_caller_needs(server_url: str) -> None:
    checks = httpx.get(f"{server_url}/v1/checks", timeout=60).json()
    one = httpx.get(f"{server_url}/v1/checks/overlong", timeout=60).json()
    assert one in checks
    assert (one["range"], one["needs_group"]) == ([-1.0, 0.0], False)
    assert one["params"]["properties"]["cache"]["default"] == 4096
    assert httpx.get(f"{server_url}/v1/checks/nope", timeout=60).status_code == 404
    profiles = {profile["name"]: profile for profile in httpx.get(f"{server_url}/v1/profiles", timeout=60).json()}
    assert {"r1-zero-math", "r1-math", "r1-code", "dapo-math", "gsm8k", "ifeval", "puzzle"} <= set(profiles)
    assert httpx.get(f"{server_url}/v1/profiles/gsm8k", timeout=60).json() == profiles["gsm8k"]
    judged = post(server_url, {"profile": "dapo-math", "items": [item("4")]}).json()
    assert judged["profile_hash"] == profiles["dapo-math"]["hash"]
    assert httpx.get(f"{server_url}/v1/profiles/nope", timeout=60).status_code == 404


def test_checks_can_come_with_the_request(server_url: str) -> None:
    checks = [{"check": "exact", "name": "strict"}, {"check": "exact", "weight": 0.5, "params": {"ignore_case": True}}]
    answer = post(server_url, {"checks": checks, "items": [item("paris", "Paris")]}).json()
    assert answer["profile"] is None
    assert answer["results"][0]["reward"] == 0.5
    assert {name: c["value"] for name, c in answer["results"][0]["components"].items()} == {"strict": 0, "exact": 1}


@pytest.mark.sandbox
def test_code_is_judged_by_tests_it_never_sees(server_url: str) -> None:
    answer = post(server_url, CODE_REQUEST).json()
    assert answer["results"][0]["reward"] == 1.0
    wrong = json.loads(json.dumps(CODE_REQUEST).replace("return a + b", "return a - b"))
    assert post(server_url, wrong).json()["results"][0]["reward"] == 0.0


def test_the_same_completion_gets_the_same_answer_in_any_company(server_url: str) -> None:
    alone = post(server_url, {"profile": "gsm8k", "items": [item("#### 4")]}).json()["results"][0]
    many = post(server_url, {"profile": "gsm8k", "items": [item(f"#### {n}") for n in range(300)]}).json()
    assert [r["reward"] for r in many["results"]] == [float(n == 4) for n in range(300)]
    assert many["results"][4] | {"index": 0} == alone


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        (b'{"profile": "gsm8k", "items": [', 400, "invalid_json", "expected JSON"),
        (b"\xff\xfe", 400, "invalid_json", "expected JSON"),
        (b'{"profile": "gsm8k", "items": [{"completion": NaN}]}', 400, "invalid_json", "expected JSON"),
        (b"[" * 100_000 + b"]" * 100_000, 400, "invalid_json", "expected JSON"),
        (b"[]", 422, "invalid_request", "body"),
        (b'{"profile": "gsm8k"}', 422, "invalid_request", "items"),
        (b'{"profile": "gsm8k", "items": []}', 422, "invalid_request", "items"),
        (b"{" + ITEMS + b"}", 422, "invalid_request", "either `profile` or `checks`"),
        (b'{"profile": 7, ' + ITEMS + b"}", 422, "invalid_request", "profile"),
        (b'{"profile": "nope", ' + ITEMS + b"}", 404, "unknown_profile", "gsm8k"),
        (b'{"checks": [{"check": "nope"}], ' + ITEMS + b"}", 422, "unknown_check", "math"),
        (b'{"checks": [{"check": "format", "params": {"x": 1}}], ' + ITEMS + b"}", 422, "invalid_params", "x"),
        (b'{"checks": [{"check": "math"}, {"check": "math"}], ' + ITEMS + b"}", 422, "invalid_request", "name"),
        (b'{"profile": "gsm8k", ' + ITEMS + b', "options": {"deadline_ms": 0}}', 422, "invalid_request", "deadline_ms"),
        (b'{"profile": "gsm8k", ' + ITEMS + b', "colour": 1}', 422, "invalid_request", "colour"),
    ],
)
def test_a_bad_request_is_a_problem_that_says_what_was_expected(
    server_url: str, body: bytes, status: int, code: str, says: str
) -> None:
    answer = httpx.post(
        f"{server_url}/v1/score", content=body, headers={"content-type": "application/json"}, timeout=60
    )
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert says in problem["detail"]
    assert httpx.get(f"{server_url}/readyz", timeout=60).json()["pending_items"] == 0


def test_1024_items_are_served_and_1025_refused(server_url: str) -> None:
    most = [item(f"#### {n}", str(n)) for n in range(1024)]
    assert post(server_url, {"profile": "gsm8k", "items": most}).json()["summary"]["mean_reward"] == 1.0
    answer = post(server_url, {"profile": "gsm8k", "items": [*most, item("4")]})
    assert answer.status_code == 422
    assert "1024" in answer.json()["detail"]


def test_other_paths_methods_and_media_types_are_problems(server_url: str) -> None:
    assert httpx.get(f"{server_url}/nope", timeout=60).json()["code"] == "not_found"
    assert httpx.get(f"{server_url}/v1/score", timeout=60).json()["code"] == "method_not_allowed"
    answer = httpx.post(f"{server_url}/v1/score", content=b"a=1", headers={"content-type": "text/plain"}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_bad_item_does_not_cost_its_neighbours(server_url: str) -> None:
    items = [
        item("#### 4"),
        {"completion": 7, "id": "number"},
        {"ground_truth": "4"},
        "text",
        item("#### 4", None, id="no gold"),
        item("#### 4", "", id="empty gold"),
        item("#### 4", {"a": 1}),
        item("", id="empty"),
        item("\x00#### 4\x00"),
        item("9" * 10_000_000, id="ten megabytes"),
        item("#### 4"),
    ]
    results = post(server_url, {"profile": "gsm8k", "items": items}).json()["results"]
    statuses = [r["status"] for r in results]
    assert statuses == ["ok", "skipped", "skipped", "skipped", "skipped", "skipped", "skipped", "ok", "ok", "ok", "ok"]
    assert [r["reward"] for r in results[-4:]] == [0.0, 1.0, 0.0, 1.0]
    assert [r["error"]["code"] for r in results[1:7]] == ["invalid_item"] * 3 + ["gold_invalid"] * 3
    assert "completion" in results[1]["error"]["message"]
    assert results[9]["flags"] == ["completion_too_long"]
    assert all(r["components"].keys() == {"math"} for r in results)


def test_lone_surrogates_anywhere_do_not_stop_the_judging(server_url: str) -> None:
    item = b'{"id": "\\ud800", "prompt": "\\udfff", "completion": "\\ud800 #### 4", "ground_truth": "4"}'
    for checks in (b'[{"check": "math"}]', b'[{"check": "exact"}, {"check": "format"}, {"check": "code"}]'):
        body = b'{"checks": ' + checks + b', "items": [' + item + b', {"completion": "4", "ground_truth": "\\ud800"}]}'
        answer = httpx.post(
            f"{server_url}/v1/score", content=body, headers={"content-type": "application/json"}, timeout=60
        )
        results = answer.json()["results"]
        assert results[0]["id"] == "\ufffd"
        assert {result["status"] for result in results} <= {"ok", "skipped"}
        if checks.startswith(b'[{"check": "math"'):
            assert results[0]["reward"] == 1.0


def test_long_integers_are_exact(server_url: str) -> None:
    gold = 265252859812191058636308480000000
    items = [item(f"\\boxed{{{gold}}}", gold), item(f"\\boxed{{{gold + 1}}}", gold), item("#### 1", 10**4000)]
    results = post(server_url, {"profile": "gsm8k", "items": items}).json()["results"]
    assert [r["reward"] for r in results[:2]] == [1.0, 0.0]
    assert results[2]["reward"] in (0.0, None)
    body = b'{"profile": "gsm8k", "items": [{"completion": "4", "ground_truth": ' + b"9" * 5000 + b"}]}"
    answer = httpx.post(
        f"{server_url}/v1/score", content=body, headers={"content-type": "application/json"}, timeout=60
    )
    assert answer.status_code == 200
    assert answer.json()["results"][0]["reward"] in (0.0, None)


def test_deeply_nested_ground_truth_is_refused_or_skipped(server_url: str) -> None:
    for depth in (200, 900, 5000):
        gold = b"[" * depth + b"]" * depth
        body = b'{"profile": "gsm8k", "items": [{"completion": "4", "ground_truth": ' + gold + b"}]}"
        answer = httpx.post(
            f"{server_url}/v1/score", content=body, headers={"content-type": "application/json"}, timeout=60
        )
        if answer.status_code == 200:
            assert answer.json()["results"][0]["status"] == "skipped"
        else:
            assert answer.json()["code"] in ("invalid_json", "invalid_request")


def test_a_body_over_the_limit_is_refused_before_it_is_read(server_url: str) -> None:
    answer = httpx.post(
        f"{server_url}/v1/score",
        content=(b" " * (1 << 20) for _ in range(65)),
        headers={"content-type": "application/json"},
        timeout=60,
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_an_idempotency_key_answers_again_and_refuses_another_body(server_url: str) -> None:
    body = {"profile": "gsm8k", "items": [item("#### 4")]}
    first = post(server_url, body, **{"Idempotency-Key": "step-1"})
    again = post(server_url, body, **{"Idempotency-Key": "step-1"})
    assert first.content == again.content
    other = post(server_url, body | {"profile": "r1-zero-math"}, **{"Idempotency-Key": "step-1"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_the_catalogue_names_every_check_with_its_parameters(server_url: str) -> None:
    entries = {entry["name"]: entry for entry in httpx.get(f"{server_url}/v1/checks", timeout=60).json()}
    assert entries.keys() >= {"math", "exact", "format", "code"}
    assert "think_prefilled" in entries["format"]["params"]["properties"]
    assert all(entry["source"] and entry["description"] for entry in entries.values())


def test_a_server_says_that_it_lives_is_ready_and_which_it_is(server_url: str) -> None:
    assert httpx.get(f"{server_url}/healthz", timeout=60).json() == {"status": "ok"}
    ready = httpx.get(f"{server_url}/readyz", timeout=60).json()
    assert ready["ready"] is True
    assert ready["sandbox"]["level"] in ("base", "uid", "namespaces")
    assert httpx.get(f"{server_url}/version", timeout=60).json()["api"] == "v1"


def test_a_passed_deadline_is_an_error_to_retry_and_never_a_zero(server_url: str) -> None:
    sleeper = "```python\nimport time\ntime.sleep(60)\n```"
    tests = {"tests": [{"type": "stdin", "stdin": "", "stdout": "1\n"}]}
    body = {
        "checks": [{"check": "code", "params": {"wall_seconds": 60}}],
        "items": [item("```python\nprint(1)\n```", tests), item(sleeper, tests)],
    }
    for deadline_ms in (1500, 6000, 24_000):  # the first is enough unless the machine is slow or busy
        started = time.monotonic()
        results = post(server_url, body | {"options": {"deadline_ms": deadline_ms}}).json()["results"]
        assert time.monotonic() - started < deadline_ms / 1000 + 20
        if results[0]["status"] == "ok":
            break
    assert (results[0]["status"], results[0]["reward"]) == ("ok", 1.0)
    assert (results[1]["status"], results[1]["reward"]) == ("error", None)
    assert results[1]["error"]["code"] == "deadline_exceeded"
    assert results[1]["error"]["retryable"] is True


def test_the_work_of_a_client_that_left_is_cancelled(server_url: str) -> None:
    tests = {"tests": [{"type": "stdin", "stdin": "", "stdout": "1\n"}]}
    sleeper = item("```python\nimport time\ntime.sleep(60)\n```", tests)
    body = {"checks": [{"check": "code", "params": {"wall_seconds": 60}}], "items": [sleeper] * 32}

    def sandbox() -> dict[str, int]:
        return dict(httpx.get(f"{server_url}/readyz", timeout=60).json()["sandbox"])

    async def leave() -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            asking = asyncio.create_task(client.post(f"{server_url}/v1/score", json=body))
            await asyncio.to_thread(wait_until, lambda: sandbox()["busy"] == sandbox()["slots"])
            asking.cancel()

    asyncio.run(leave())
    started = time.monotonic()
    wait_until(lambda: not httpx.get(f"{server_url}/readyz", timeout=60).json()["pending_items"])
    assert post(server_url, CODE_REQUEST).json()["results"][0]["reward"] == 1.0
    assert time.monotonic() - started < 40  # the programs sleep for a minute
