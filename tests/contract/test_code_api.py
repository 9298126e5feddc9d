"""/v1/code over HTTP, against a real server process: run, judge, languages; refusals, deadlines, clients that leave."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reward_server.openapi import CODE_REQUEST, JUDGE_REQUEST, RUN_REQUEST
from reward_server.wire_code import CodeJudgeResponse, CodeRunResponse, LanguageInfo
from tests.server_process import running_server

pytestmark = pytest.mark.sandbox

SLEEPER = "import time\ntime.sleep(60)"
ADDER = "print(sum(map(int, input().split())))"


@pytest.fixture(scope="module")
def small_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with one slot that takes four submissions at a time."""
    log = tmp_path_factory.mktemp("small") / "log"
    small = {"SANDBOX_SLOTS": "1", "MAX_PENDING_PROGRAMS": "4", "CHECK_WORKERS": "1"}
    with running_server(log, **{f"REWARD_SERVER_{name}": value for name, value in small.items()}) as (url, _):
        yield url


def post(url: str, what: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(f"{url}/v1/code/{what}", json=body, headers=headers, timeout=90)


def run(url: str, source: str, **more: Any) -> CodeRunResponse:
    return CodeRunResponse.model_validate_json(post(url, "run", {"source": source, **more}).raise_for_status().content)


def queue(url: str) -> tuple[int, int, int]:
    """Slots in use, runs that wait, submissions let in."""
    ready = httpx.get(f"{url}/readyz", timeout=30).json()
    return ready["sandbox"]["busy"], ready["sandbox"]["waiting"], ready["pending_programs"]


def wait_for_queue(url: str, *wanted: int) -> None:
    until = time.monotonic() + 30
    while queue(url) != wanted and time.monotonic() < until:
        time.sleep(0.02)
    assert queue(url) == wanted


def test_a_program_is_run_with_its_input_arguments_and_files(server_url: str) -> None:
    source = "import sys\nprint(input(), sys.argv[1], open('n.txt').read())\nprint('é', file=sys.stderr)\nsys.exit(3)"
    done = run(server_url, source, id="a", stdin="in\n", arguments=["arg"], files={"n.txt": "file"})
    assert (done.id, done.verdict, done.status, done.exit_code) == ("a", "runtime_error", "exited", 3)
    assert (done.stdout, done.stderr) == ("in arg file\n", "é\n")
    assert done.isolation == httpx.get(f"{server_url}/readyz", timeout=60).json()["sandbox"]["level"]
    assert done.error is None
    assert done.memory_kb > 1000


@pytest.mark.parametrize(
    ("source", "limits", "verdict"),
    [
        ("print(1)", {}, "accepted"),
        ("while True: pass", {"cpu_s": 0.3}, "time_limit_exceeded"),
        (SLEEPER, {"wall_s": 0.3}, "time_limit_exceeded"),
        ("print('x' * 5000)", {"output_kb": 1}, "output_limit_exceeded"),
        ("x = bytearray(1 << 30)", {"memory_mb": 64}, "memory_limit_exceeded"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", {}, "runtime_error"),
    ],
)
def test_how_a_program_ended_is_said(server_url: str, source: str, limits: dict[str, Any], verdict: str) -> None:
    assert run(server_url, source, limits=limits).verdict in (verdict, "runtime_error" if "memory" in verdict else None)


def test_the_examples_of_the_documentation_are_true(server_url: str) -> None:
    paths = httpx.get(f"{server_url}/openapi.json", timeout=60).json()["paths"]
    examples = [
        paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"]["python"]["value"]
        for path in ("/v1/code/run", "/v1/code/judge")
    ]
    assert examples == [RUN_REQUEST, JUDGE_REQUEST]
    assert post(server_url, "run", RUN_REQUEST).json()["stdout"] == "3\n"
    judged = CodeJudgeResponse.model_validate_json(post(server_url, "judge", JUDGE_REQUEST).content)
    assert (judged.id, judged.verdict, judged.score, judged.passed, judged.total) == ("add-0", "accepted", 1.0, 3, 3)
    assert judged.trusted == "strong"


def test_a_wrong_program_gets_its_share(server_url: str) -> None:
    tests = [{"type": "stdin", "stdin": f"{n} 1", "stdout": f"{n + 1}" if n else "no"} for n in range(4)]
    body = {"completion": f"```python\n{ADDER}\n```", "tests": tests}
    answer = post(server_url, "judge", body).json()
    assert (answer["verdict"], answer["score"], answer["passed"]) == ("wrong_answer", 0.75, 3)
    assert [test["verdict"] for test in answer["tests"]] == ["wrong_answer", *["accepted"] * 3]
    assert post(server_url, "judge", body | {"scoring": "all"}).json()["score"] == 0.0


def test_the_languages_are_listed_and_others_refused_by_name(server_url: str) -> None:
    known = [
        LanguageInfo.model_validate(one) for one in httpx.get(f"{server_url}/v1/code/languages", timeout=60).json()
    ]
    assert "python" in [one.name for one in known]
    tests = [{"type": "stdin", "stdout": "1"}]
    checker = [{"type": "stdin", "stdout": "1", "checker": {"language": "cobol", "source": "x"}}]
    for what, body in [
        ("run", {"language": "cobol", "source": "x"}),
        ("judge", {"language": "cobol", "source": "x", "tests": tests}),
        ("judge", {"source": "x", "tests": checker}),
    ]:
        refused = post(server_url, what, body)
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_language")
        assert "python" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("what", "body", "status", "code", "says"),
    [
        ("run", b"{", 400, "invalid_json", "JSON"),
        ("run", b"{}", 422, "invalid_request", "source"),
        ("run", b'{"source": "", "files": {"../x": ""}}', 422, "invalid_program", "../x"),
        ("judge", b'{"source": "", "tests": []}', 422, "invalid_request", "tests"),
        ("judge", b'{"tests": [{"type": "compile"}]}', 422, "invalid_request", "completion"),
        ("judge", b'{"source": "", "tests": [{"type": "magic"}]}', 422, "invalid_request", "tests"),
    ],
)
def test_a_bad_request_says_what_was_expected(
    server_url: str, what: str, body: bytes, status: int, code: str, says: str
) -> None:
    answer = httpx.post(
        f"{server_url}/v1/code/{what}", content=body, headers={"content-type": "application/json"}, timeout=60
    )
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == code
    assert says in answer.json()["detail"]
    assert httpx.get(f"{server_url}/readyz", timeout=60).json()["pending_programs"] == 0


def test_a_key_of_idempotency_answers_a_retry_for_nothing(server_url: str) -> None:
    source = "import time; print(time.time_ns())"
    first, second = (post(server_url, "run", {"source": source}, **{"idempotency-key": "once"}) for _ in range(2))
    assert first.json()["stdout"] == second.json()["stdout"]
    conflict = post(server_url, "run", {"source": source + " "}, **{"idempotency-key": "once"})
    assert (conflict.status_code, conflict.json()["code"]) == (409, "idempotency_conflict")


def test_a_deadline_ends_what_runs_and_what_waits(small_url: str) -> None:
    async def both() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=small_url, timeout=60) as client:
            sleeper = {"source": SLEEPER, "options": {"deadline_ms": 700}, "limits": {"wall_s": 60}}
            judge = sleeper | {"tests": [{"type": "stdin", "stdout": "1"}] * 3}
            requests = [("run", sleeper), ("judge", judge)]
            return await asyncio.gather(*(client.post(f"/v1/code/{what}", json=body) for what, body in requests))

    for answer in asyncio.run(both()):
        assert answer.status_code == 200
        assert answer.json()["verdict"] == "internal_error"
        assert (answer.json()["error"]["code"], answer.json()["error"]["retryable"]) == ("deadline_exceeded", True)
        assert answer.json().get("score") is None
    assert queue(small_url) == (0, 0, 0)
    assert run(small_url, "print(1)").stdout == "1\n"


@pytest.mark.parametrize("what", ["run", "judge", "score"])
def test_a_client_that_leaves_frees_its_slot_at_once(small_url: str, what: str) -> None:
    limits = {"cpu_s": 60, "wall_s": 60}
    bodies: dict[str, dict[str, Any]] = {
        "run": {"source": SLEEPER, "limits": limits},
        "judge": {"source": SLEEPER, "limits": limits, "tests": [{"type": "stdin"}] * 5},
        "score": CODE_REQUEST | {"items": [CODE_REQUEST["items"][0] | {"completion": f"```python\n{SLEEPER}\n```"}]},
    }
    leaver = send_raw(small_url, "/v1/score" if what == "score" else f"/v1/code/{what}", bodies[what])
    wait_for_queue(small_url, 1, 0, 1)
    waiting = send_raw(small_url, "/v1/code/run", bodies["run"])
    wait_for_queue(small_url, 1, 1, 2)
    waiting.close()
    wait_for_queue(small_url, 1, 0, 1)
    leaver.close()
    assert run(small_url, "print(1)", options={"deadline_ms": 20_000}).stdout == "1\n"
    wait_for_queue(small_url, 0, 0, 0)


def send_raw(url: str, path: str, body: Any, media_type: str = "application/json") -> socket.socket:
    """A request whose answer is not read, on a connection that the caller closes."""
    host, _, port = url.removeprefix("http://").partition(":")
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    connection = socket.create_connection((host, int(port)))
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {media_type}\r\nContent-Length: {len(content)}"
    connection.sendall(f"{head}\r\n\r\n".encode() + content)
    return connection


def test_overload_is_refused_before_work_began_and_loses_nothing_accepted(small_url: str) -> None:
    async def flood() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=40)
        async with httpx.AsyncClient(base_url=small_url, timeout=60, limits=limits) as client:
            bodies = [{"id": str(n), "source": f"import time; time.sleep(0.05); print({n})"} for n in range(40)]
            return await asyncio.gather(*(client.post("/v1/code/run", json=body) for body in bodies))

    answers = asyncio.run(flood())
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.json()["code"] for answer in refused} == {"overloaded"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    accepted = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(accepted) + len(refused) == 40
    assert len(accepted) >= 4
    assert all(one["verdict"] == "accepted" and one["stdout"] == f"{one['id']}\n" for one in accepted)
    assert queue(small_url) == (0, 0, 0)


def test_a_batch_that_could_never_be_let_in_says_how_large_it_may_be(small_url: str) -> None:
    answer = httpx.post(f"{small_url}/v1/score", json=CODE_REQUEST | {"items": CODE_REQUEST["items"] * 5}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_programs")
    assert "at most 4" in answer.json()["detail"]


def test_a_host_that_cannot_isolate_programs_runs_none_and_says_why(tmp_path: Path) -> None:
    with running_server(tmp_path / "log", REWARD_SERVER_SANDBOX_PYTHON="/nonexistent/python") as (url, _):
        refused = post(url, "judge", JUDGE_REQUEST)
        assert (refused.status_code, refused.json()["code"]) == (503, "sandbox_refused")
        assert refused.json()["retryable"] is False
        assert "/nonexistent/python" in refused.json()["detail"]
        (item,) = httpx.post(f"{url}/v1/score", json=CODE_REQUEST, timeout=60).json()["results"]
        assert (item["status"], item["reward"]) == ("error", None)
        assert (item["error"]["code"], item["error"]["retryable"]) == ("sandbox_refused", False)
        assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200, "mathematics is judged all the same"


def test_programs_are_behind_the_key(tmp_path: Path) -> None:
    with running_server(tmp_path / "log", REWARD_SERVER_API_KEY="hunter2") as (url, _):
        assert post(url, "run", RUN_REQUEST).status_code == 401
        assert post(url, "judge", JUDGE_REQUEST).status_code == 401
        assert httpx.get(f"{url}/v1/code/languages", timeout=60).status_code == 401
        assert post(url, "run", RUN_REQUEST, authorization="Bearer hunter2").json()["stdout"] == "3\n"


def lines(url: str, *submissions: Any) -> httpx.Response:
    content = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in submissions)
    headers = {"content-type": "application/x-ndjson"}
    return httpx.post(f"{url}/v1/code/judge", content=content, headers=headers, timeout=90)


def test_submissions_in_lines_are_answered_as_they_finish(server_url: str) -> None:
    tests = [{"type": "stdin", "stdout": "1"}]
    slow = {"id": "slow", "source": "import time; time.sleep(1.5); print(1)", "tests": tests}
    quick = {"id": "quick", "source": "print(1)", "tests": tests}
    wrong = {"id": "wrong", "source": "print(2)", "tests": tests}
    foreign = quick | {"language": "cobol"}
    answer = lines(server_url, slow, quick, "{", wrong, foreign)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    answers = [json.loads(line) for line in answer.text.splitlines()]
    assert answers[-1]["id"] == "slow"
    found = {one["index"]: one.get("verdict") or one["problem"]["code"] for one in answers}
    assert found == {0: "accepted", 1: "accepted", 2: "invalid_json", 3: "wrong_answer", 4: "unknown_language"}
    for one in answers:
        if "problem" not in one:
            CodeJudgeResponse.model_validate({name: value for name, value in one.items() if name != "index"})


def test_a_batch_of_lines_is_bounded_and_ends_with_its_client(small_url: str) -> None:
    tests = [{"type": "stdin", "stdout": "1"}]
    sleeper = {"source": SLEEPER, "tests": tests, "limits": {"wall_s": 60}}
    assert lines(small_url, *[sleeper] * 5).json()["code"] == "too_many_programs"
    assert lines(small_url).json()["code"] == "invalid_request"
    content = "\n".join([json.dumps(sleeper)] * 4)
    leaver = send_raw(small_url, "/v1/code/judge", content, "application/x-ndjson")
    wait_for_queue(small_url, 1, 1, 4)
    assert post(small_url, "run", RUN_REQUEST).status_code == 429
    leaver.close()
    wait_for_queue(small_url, 0, 0, 0)
    assert run(small_url, "print(1)").stdout == "1\n"
