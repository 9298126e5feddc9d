"""`external_judge` through a real server process and a real endpoint: hybrid rewards, and every way to have none."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.judge_stand_in import Act, JudgeStandIn, chat, running_judge
from tests.server_process import running_server
from tests.waiting import wait_until

JUDGE = {"check": "external_judge"}
REWARD_MODEL = {"check": "external_judge", "params": {"mode": "reward_model"}}
KEY = "hunter2"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[JudgeStandIn, str, Path]]:
    log = tmp_path_factory.mktemp("judge") / "log"
    with (
        running_judge() as judge,
        running_server(
            log,
            REWARD_SERVER_JUDGE_URL=f"{judge.url}/v1",
            REWARD_SERVER_JUDGE_MODEL="grader",
            REWARD_SERVER_JUDGE_API_KEY=KEY,
            REWARD_SERVER_JUDGE_TIMEOUT_SECONDS="100",
            REWARD_SERVER_JUDGE_ATTEMPTS="2",
            REWARD_SERVER_JUDGE_CONCURRENCY="3",
        ) as (url, _),
    ):
        yield judge, url, log


@pytest.fixture
def judge(endpoint: tuple[JudgeStandIn, str, Path]) -> JudgeStandIn:
    judge = endpoint[0]
    judge.acts.clear()
    judge.asked.clear()
    judge.always = Act()
    return judge


@pytest.fixture
def url(endpoint: tuple[JudgeStandIn, str, Path]) -> str:
    return endpoint[1]


def item(completion: str, **more: Any) -> dict[str, Any]:
    return {"completion": completion, "prompt": "Say hello.", **more}


def score(url: str, items: list[dict[str, Any]], *checks: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    body = {"checks": list(checks or (JUDGE,)), "items": items, **more}
    answer = httpx.post(f"{url}/v1/score", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def codes(results: list[dict[str, Any]]) -> list[str | None]:
    return [result["error"] and result["error"]["code"] for result in results]


def test_a_rule_and_a_judge_make_one_reward(judge: JudgeStandIn, url: str) -> None:
    checks = [{"check": "format", "weight": 0.2}, {**JUDGE, "weight": 0.8}]
    good = "<think>Hm.</think><answer>Hello! GRADE 5</answer>"
    results = score(url, [item(good), item("GRADE 10")], *checks)
    assert [result["reward"] for result in results] == pytest.approx([0.2 + 0.8 * 0.5, 0.8])
    assert results[0]["components"]["external_judge"]["detail"] == {
        "score": 5.0,
        "judge_model": "stand-in",
        "judge_reason": None,
    }
    assert {asked.headers["authorization"] for asked in judge.asked} == {f"Bearer {KEY}"}
    assert {asked.body["model"] for asked in judge.asked} == {"grader"}


def test_a_reward_model_is_asked_for_its_value(judge: JudgeStandIn, url: str) -> None:
    results = score(url, [item("GRADE 0"), item("GRADE 40"), item("GRADE -40")], REWARD_MODEL)
    assert [result["reward"] for result in results] == pytest.approx([0.5, 1.0, 0.0])
    assert {asked.path for asked in judge.asked} == {"/pooling"}


def test_order_is_kept_and_the_endpoint_is_not_overrun(judge: JudgeStandIn, url: str) -> None:
    judge.always = Act(wait_seconds=0.02)
    judge.most_in_flight = 0
    results = score(url, [item(f"GRADE {n % 11}") for n in range(40)])
    assert [result["reward"] for result in results] == pytest.approx([n % 11 / 10 for n in range(40)])
    assert judge.most_in_flight == 3


def test_one_failure_touches_no_neighbour(judge: JudgeStandIn, url: str) -> None:
    judge.acts.extend([Act(400)])
    results = score(url, [item(f"GRADE {n}") for n in range(6)])
    assert sorted(codes(results), key=str) == [None] * 5 + ["judge_refused"]
    assert all((result["reward"] is None) == (result["status"] == "error") for result in results)


@pytest.mark.parametrize(
    ("act", "code", "retryable", "attempts"),
    [
        (Act(500), "judge_unavailable", True, 2),
        (Act(429), "judge_unavailable", True, 2),
        (Act(sent_bytes=5), "judge_unavailable", True, 2),
        (Act(400), "judge_refused", False, 1),
        (Act(302, headers={"Location": "/"}), "judge_refused", False, 1),
        (Act(body=b"<html>"), "judge_unreadable", False, 2),
        (Act(body=chat("I'd say GRADE 10, a 10!")), "judge_unreadable", False, 2),
        (Act(body=chat('{"score": 11, "reason": ""}')), "judge_unreadable", False, 2),
        (Act(body=b"x" * (2 << 20)), "judge_unreadable", False, 2),
    ],
)
def test_a_judge_that_fails_is_an_error_and_no_zero(
    judge: JudgeStandIn, url: str, act: Act, code: str, retryable: bool, attempts: int
) -> None:
    judge.always = act
    (result,) = score(url, [item("GRADE 7: my words")], {"check": "format"}, JUDGE)
    assert (result["status"], result["reward"]) == ("error", None)
    assert (result["error"]["code"], result["error"]["retryable"]) == (code, retryable)
    assert result["error"]["fault"] == "server"
    assert result["components"]["format"]["value"] == 0.0
    assert set(result["components"]["external_judge"]["detail"]) == {"score", "judge_model", "judge_reason"}
    assert len(judge.asked) == attempts
    assert "my words" not in json.dumps(result)


def test_an_answer_that_cannot_be_read_is_asked_for_once_more(judge: JudgeStandIn, url: str) -> None:
    judge.acts.append(Act(body=chat("Let me think.")))
    (result,) = score(url, [item("GRADE 7")])
    assert result["reward"] == pytest.approx(0.7)


def test_the_deadline_of_the_request_ends_what_was_asked(judge: JudgeStandIn, url: str) -> None:
    judge.always = Act(wait_seconds=60)
    left = judge.left
    started = time.monotonic()
    results = score(url, [item("GRADE 7")] * 8, options={"deadline_ms": 1500})
    assert time.monotonic() - started < 30
    assert codes(results) == ["deadline_exceeded"] * 8
    wait_until(lambda: judge.left == left + 3)
    assert len(judge.asked) == 3


def test_a_client_that_leaves_ends_what_was_asked(judge: JudgeStandIn, url: str) -> None:
    judge.always = Act(wait_seconds=200)
    left = judge.left

    async def leave() -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            body = {"checks": [JUDGE], "items": [item("GRADE 7")] * 8}
            asking = asyncio.create_task(client.post(f"{url}/v1/score", json=body))
            await asyncio.to_thread(wait_until, lambda: judge.in_flight == 3)
            asking.cancel()

    asyncio.run(leave())
    wait_until(lambda: judge.left == left + 3)
    assert len(judge.asked) == 3
    judge.always = Act()
    assert score(url, [item("GRADE 7")])[0]["reward"] == pytest.approx(0.7)


def test_an_item_that_cannot_be_asked_about_is_neutral_skipped_or_worth_nothing(judge: JudgeStandIn, url: str) -> None:
    reference = {**JUDGE, "name": "with_reference", "params": {"use_reference": True}}
    items = [item("", ground_truth="x"), item("GRADE 7", ground_truth="")]
    results = score(url, [*items, {"completion": "GRADE 7", "ground_truth": "x"}], reference, {"check": "format"})
    assert [(result["status"], result["reward"]) for result in results] == [("ok", 0.0), ("skipped", None), ("ok", 0.0)]
    assert results[0]["flags"] == ["no_answer"]
    assert results[2]["components"]["with_reference"]["status"] == "skipped"
    assert judge.asked == []


def test_a_request_cannot_say_where_the_server_asks(judge: JudgeStandIn, url: str) -> None:
    for params in ({"url": judge.url}, {"model": "another"}, {"api_key": "k"}):
        body = {"checks": [{**JUDGE, "params": params}], "items": [item("GRADE 7")]}
        answer = httpx.post(f"{url}/v1/score", json=body, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_params")
    assert judge.asked == []


def test_readiness_tells_of_the_judge_and_neither_key_nor_address(
    endpoint: tuple[JudgeStandIn, str, Path], judge: JudgeStandIn
) -> None:
    _, url, log = endpoint
    judge.always = Act(500)
    score(url, [item("GRADE 7: secret words")])
    ready = httpx.get(f"{url}/readyz", timeout=60)
    assert ready.status_code == 200
    said = ready.json()["judge"]
    assert (said["model"], said["slots"], said["busy"], said["last_fault"]) == ("grader", 3, 0, "judge_unavailable")
    told = log.read_text() + ready.text
    assert "the external judge failed" in told
    for hidden in (KEY, judge.url, "secret words"):
        assert hidden not in told


def test_a_file_is_scored_by_the_judge_and_what_failed_for_now_is_asked_again(
    judge: JudgeStandIn, tmp_path: Path
) -> None:
    (tmp_path / "judged.toml").write_text('description = "Judged"\n[[checks]]\ncheck = "external_judge"\n')
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(item(f"GRADE {n}")) + "\n" for n in range(3)))
    judge.acts.append(Act(500))
    environment = {
        "REWARD_SERVER_PROFILES_DIR": str(tmp_path),
        "REWARD_SERVER_JUDGE_URL": judge.url,
        "REWARD_SERVER_JUDGE_MODEL": "grader",
        "REWARD_SERVER_JUDGE_ATTEMPTS": "1",
    }
    words = ["score", "--profile", "judged", "--in", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl")]

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "reward_server", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **more})

    without = run(REWARD_SERVER_PROFILES_DIR=str(tmp_path))
    assert (without.returncode, "REWARD_SERVER_JUDGE_URL" in without.stderr) == (2, True)
    (tmp_path / "out.jsonl").unlink(missing_ok=True)
    done = run(**environment)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["reward"] for row in rows] == pytest.approx([0.0, 0.1, 0.2])
    assert len(judge.asked) == 4


def test_a_server_without_a_judge_refuses_the_request(server_url: str) -> None:
    body = {"checks": [{"check": "format"}, JUDGE], "items": [item("GRADE 7")]}
    answer = httpx.post(f"{server_url}/v1/score", json=body, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (422, "check_unavailable")
    assert "REWARD_SERVER_JUDGE_URL" in answer.json()["detail"]
    assert httpx.get(f"{server_url}/readyz", timeout=60).json()["judge"] is None
