"""Code workers as processes of their own: killed, stopped, scaled, behind a key; and the same answers as embedded."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from reward_server.openapi import CODE_REQUEST, JUDGE_REQUEST
from tests.ports import lasting_port
from tests.server_process import running_server
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.sandbox

IDLE_MIB = 150


@contextmanager
def worker(folder: Path, port: int = 0, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    name = f"worker-{len(list(folder.glob('worker-*')))}"
    arguments = ["--role", "code-worker", *(["--port", str(port)] if port else [])]
    with running_server(folder / name, *arguments, **environment) as running:
        yield running


@contextmanager
def server(folder: Path, *workers: str, **environment: str) -> Iterator[str]:
    with running_server(folder / "server", REWARD_SERVER_CODE_WORKERS=",".join(workers), **environment) as (url, _):
        yield url


def ready(url: str) -> dict[str, Any]:
    return dict(httpx.get(f"{url}/readyz", timeout=30).json())


def wait_until_ready(url: str, wanted: bool = True) -> dict[str, Any]:
    return wait_until(lambda: said if (said := ready(url))["ready"] is wanted else {})


def run(url: str, source: str, **more: Any) -> dict[str, Any]:
    return dict(httpx.post(f"{url}/v1/code/run", json={"source": source, **more}, timeout=90).json())


async def many_runs(url: str, count: int, started: asyncio.Event | None = None) -> list[dict[str, Any]]:
    """Programs that each print their own number, all sent at once."""

    async def one(n: int) -> dict[str, Any]:
        body = {"id": str(n), "source": f"import time; time.sleep(0.1); print({n} * {n})"}
        answer = (await client.post("/v1/code/run", json=body)).json()
        if started is not None:
            started.set()
        return dict(answer)

    async with httpx.AsyncClient(base_url=url, timeout=200, limits=httpx.Limits(max_connections=count)) as client:
        return await asyncio.gather(*(one(n) for n in range(count)))


def right(answers: list[dict[str, Any]]) -> bool:
    return all(one["verdict"] == "accepted" and int(one["stdout"]) == int(one["id"]) ** 2 for one in answers)


def test_a_worker_killed_in_the_middle_costs_no_run_and_comes_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        port = lasting_port()
        first, victim = stack.enter_context(worker(tmp_path, port))
        second, _ = stack.enter_context(worker(tmp_path))
        url = stack.enter_context(server(tmp_path, first, second))
        assert ready(url)["sandbox"]["slots"] == 2 * slots_of(first)

        async def kill_while_running() -> list[dict[str, Any]]:
            started = asyncio.Event()
            runs = asyncio.create_task(many_runs(url, 50, started))
            await started.wait()
            victim.kill()
            return await runs

        answers = asyncio.run(kill_while_running())
        assert len(answers) == 50
        assert right(answers)
        assert [one["ready"] for one in ready(url)["sandbox"]["workers"]].count(True) == 1
        stack.enter_context(worker(tmp_path, port))
        wait_until(lambda: ready(url)["sandbox"]["slots"] == 2 * slots_of(second))
        assert [one["ready"] for one in ready(url)["sandbox"]["workers"]] == [True, True]


def slots_of(url: str) -> int:
    return int(ready(url)["slots"])


def test_a_worker_killed_again_and_again_costs_no_run(tmp_path: Path) -> None:
    """One worker alone: runs wait for it to come back."""
    port = lasting_port()
    with server_of_absent_worker(tmp_path, port, REWARD_SERVER_WORKER_WAIT_SECONDS="200") as url:

        async def scenario() -> list[dict[str, Any]]:
            runs = asyncio.create_task(many_runs(url, 50))
            for _ in range(2):
                process = await asyncio.to_thread(spawn_worker, port)
                await asyncio.sleep(1.0)
                process.kill()
                process.wait()
            process = await asyncio.to_thread(spawn_worker, port)
            try:
                return await runs
            finally:
                process.terminate()
                process.wait()

        assert right(asyncio.run(scenario()))


@contextmanager
def server_of_absent_worker(folder: Path, port: int, **environment: str) -> Iterator[str]:
    """The server starts while the worker is there, as it must be ready once; then the worker goes."""
    with ExitStack() as gone:
        gone.enter_context(worker(folder, port))
        with server(folder, f"http://127.0.0.1:{port}", **environment) as url:
            gone.close()
            yield url


def spawn_worker(port: int) -> subprocess.Popen[bytes]:
    """A worker that answers."""
    command = [sys.executable, "-m", "reward_server", "--role", "code-worker", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: answers(f"http://127.0.0.1:{port}"))
    return process


def answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/readyz", timeout=60).is_success
    return False


def test_without_any_worker_the_server_is_not_ready_and_scores_are_null(tmp_path: Path) -> None:
    port = lasting_port()
    with server_of_absent_worker(tmp_path, port, REWARD_SERVER_WORKER_WAIT_SECONDS="0.2") as url:
        reason = wait_until_ready(url, wanted=False)["reason"]
        assert f"127.0.0.1:{port}" in reason
        answer = httpx.post(f"{url}/v1/code/judge", json=JUDGE_REQUEST, timeout=60)
        assert (answer.status_code, answer.json()["verdict"], answer.json()["score"]) == (200, "internal_error", None)
        assert (answer.json()["error"]["code"], answer.json()["error"]["retryable"]) == ("sandbox_unavailable", True)
        (item,) = httpx.post(f"{url}/v1/score", json=CODE_REQUEST, timeout=60).json()["results"]
        assert (item["reward"], item["error"]["retryable"]) == (None, True)
        with worker(tmp_path, port):
            wait_until_ready(url)
            assert run(url, "print(1)")["stdout"] == "1\n"


def test_a_worker_that_hangs_is_left_and_its_runs_go_elsewhere(tmp_path: Path) -> None:
    with ExitStack() as stack:
        first, stuck = stack.enter_context(worker(tmp_path))
        second, _ = stack.enter_context(worker(tmp_path))
        url = stack.enter_context(server(tmp_path, first, second))
        os.kill(stuck.pid, signal.SIGSTOP)
        try:
            answers = asyncio.run(many_runs(url, 8))
        finally:
            os.kill(stuck.pid, signal.SIGCONT)
        assert right(answers)


def test_cancelling_ends_the_run_in_the_worker(tmp_path: Path) -> None:
    with worker(tmp_path, REWARD_SERVER_SANDBOX_SLOTS="1") as (one, _), server(tmp_path, one) as url:
        late = run(url, "import time; time.sleep(60)", limits={"wall_s": 60}, options={"deadline_ms": 500})
        assert late["error"]["code"] == "deadline_exceeded"
        assert run(url, "print(1)", options={"deadline_ms": 20_000})["stdout"] == "1\n"
        wait_until(lambda: (ready(one)["sandbox"]["busy"], ready(one)["sandbox"]["waiting"]) == (0, 0))


@pytest.mark.parametrize(
    "source",
    [
        "def add(a, b):\n    return a + b\nif __name__ == '__main__':\n    print(add(*map(int, input().split())))",
        "def add(a, b):\n    return a - b\nprint('é\\ud83d' * 10)",
        "import sys\ndef add(a, b):\n    sys.exit(3)\nprint(open('/etc/passwd').read())",
        "def add(a, b):\n    while True: pass",
        "def add(",
        "x = '\x00'",
    ],
)
def test_embedded_and_remote_give_the_same_answers(server_url: str, remote_url: str, source: str) -> None:
    body = JUDGE_REQUEST | {"source": source, "limits": {"cpu_s": 0.5}}
    embedded, remote = (judged(url, body) for url in (server_url, remote_url))
    assert embedded["verdict"] != "internal_error"
    assert embedded == remote


def judged(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer without what differs from run to run."""
    answer = dict(httpx.post(f"{url}/v1/code/judge", json=body, timeout=90).raise_for_status().json())
    measured = ("cpu_ms", "wall_ms", "memory_kb")
    answer["tests"] = [{k: v for k, v in test.items() if k not in measured} for test in answer["tests"]]
    return answer


def test_bad_names_are_the_requests_fault_there_too(server_url: str, remote_url: str) -> None:
    body = {"source": "", "files": {"a/b": ""}}
    answers = [httpx.post(f"{url}/v1/code/run", json=body, timeout=60) for url in (server_url, remote_url)]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "invalid_program")] * 2
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


@pytest.fixture(scope="module")
def remote_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("remote")
    with worker(folder) as (one, _), server(folder, one) as url:
        yield url


def test_a_key_is_shared_or_nothing_is_run(tmp_path: Path) -> None:
    key = {"REWARD_SERVER_WORKER_KEY": "hunter2"}
    with worker(tmp_path, **key) as (one, _):
        assert httpx.post(f"{one}/internal/run", content=b"", timeout=60).status_code == 401
        assert httpx.get(f"{one}/readyz", timeout=60).status_code == 200
        with server(tmp_path, one, **key) as url:
            assert run(url, "print(1)")["stdout"] == "1\n"
    assert "hunter2" not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_a_worker_without_a_key_does_not_listen_to_a_network(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reward_server", "--role", "code-worker", "--host", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2
    assert "WORKER_KEY" in done.stderr


@pytest.mark.parametrize("url", ["worker:8081", "https://worker:1", "http://worker", "http://worker:99999"])
def test_an_address_that_is_none_stops_the_server(url: str) -> None:
    command = [sys.executable, "-m", "reward_server", "serve", "--port", "0"]
    environment = {**os.environ, "REWARD_SERVER_CODE_WORKERS": url}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment)
    assert done.returncode != 0
    assert "expected http://HOST:PORT" in done.stderr


def test_what_is_no_run_is_refused_by_a_worker(tmp_path: Path) -> None:
    with worker(tmp_path) as (one, _):
        for content in (b"", b"\xff" * 100, b"\x02\x00\x00\x00{}", b'\x0c\x00\x00\x00{"sizes":[]}'):
            answer = httpx.post(f"{one}/internal/run", content=content, timeout=60)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_program")
        assert httpx.get(f"{one}/v1/score", timeout=60).status_code == 404


def test_an_idle_worker_is_small(tmp_path: Path) -> None:
    with worker(tmp_path, REWARD_SERVER_SANDBOX_SLOTS="2") as (one, process):
        wait_until(lambda: ready(one)["languages"] is not None)  # the tool chains are tried
        family = [process.pid, *descendants_of(process.pid)]
        assert ready(one)["slots"] == 2
        assert len(family) >= 3
        mib = sum(proportional_mib(pid) for pid in family)
        assert mib <= IDLE_MIB, f"{mib:.0f} MiB"


def children_of(pid: int) -> list[int]:
    return [int(n) for path in Path(f"/proc/{pid}/task").glob("*/children") for n in path.read_text().split()]


def descendants_of(pid: int) -> list[int]:
    children = children_of(pid)
    return children + [grandchild for child in children for grandchild in descendants_of(child)]


def proportional_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def test_a_worker_finishes_its_runs_on_sigterm_although_it_is_looked_at_meanwhile(tmp_path: Path) -> None:
    often = {"REWARD_SERVER_WORKER_PROBE_SECONDS": "0.2"}
    with worker(tmp_path) as (one, process), server(tmp_path, one, **often) as url:

        async def stop_while_running() -> dict[str, Any]:
            async with httpx.AsyncClient(timeout=60) as client:
                body = {"source": "import time; time.sleep(3); print(7)"}
                answer = asyncio.create_task(client.post(f"{url}/v1/code/run", json=body))
                await asyncio.to_thread(wait_until, lambda: ready(one)["sandbox"]["busy"])
                process.terminate()
                return dict((await answer).json())

        assert asyncio.run(stop_while_running())["stdout"] == "7\n"
        assert process.wait(PATIENCE_SECONDS) in (0, -signal.SIGTERM)


def test_a_server_says_that_it_drains_before_it_closes_its_port(tmp_path: Path) -> None:
    with running_server(tmp_path / "log", REWARD_SERVER_DRAIN_NOTICE_SECONDS="10") as (url, process):
        process.terminate()
        said = wait_until_ready(url, wanted=False)
        assert said["reason"] == "draining"
        assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
        assert run(url, "print(1)")["stdout"] == "1\n"
        assert process.wait(PATIENCE_SECONDS) in (0, -signal.SIGTERM)
