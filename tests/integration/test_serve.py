"""The server as a process: keys, killed workers, shutdown, refusals at start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.server_process import running_server
from tests.waiting import PATIENCE_SECONDS, wait_until


def batch(count: int) -> dict[str, object]:
    """Items of which each takes a check worker: in place, nothing as long as this is read."""
    ones = "+".join(["1"] * 400)
    items = [{"completion": f"\\boxed{{{n}+{ones}}}", "ground_truth": str(n + 400)} for n in range(count)]
    return {"profile": "gsm8k", "items": items}


def post_in_background(url: str, body: dict[str, object]) -> tuple[threading.Thread, list[httpx.Response]]:
    """The thread that waits for the answer, and the list that will hold it."""
    answers: list[httpx.Response] = []
    client = threading.Thread(target=lambda: answers.append(httpx.post(f"{url}/v1/score", json=body, timeout=200)))
    client.start()
    return client, answers


def children_of(pid: int) -> list[int]:
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in path.read_text().split()]
    return found


def descendants_of(pid: int) -> list[int]:
    children = children_of(pid)
    return children + [grandchild for child in children for grandchild in descendants_of(child)]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def test_check_workers_killed_in_the_middle_of_a_batch_cost_no_item(tmp_path: Path) -> None:
    with running_server(tmp_path / "log") as (url, server):
        client, answers = post_in_background(url, batch(1024))
        killed = 0
        while client.is_alive() and killed < 3:
            time.sleep(0.15)
            killed += kill_one_check_worker(server.pid)
        client.join()
        summary = answers[0].json()["summary"]
        assert killed >= 1
        assert summary == {"ok": 1024, "skipped": 0, "error": 0, "mean_reward": 1.0}


def test_the_fork_server_killed_again_and_again_stops_nothing(tmp_path: Path) -> None:
    with running_server(tmp_path / "log") as (url, server):
        client, answers = post_in_background(url, batch(1024))
        for _ in range(4):
            time.sleep(0.2)
            for child in children_of(server.pid):
                if "forkserver" in command_line(child):
                    subprocess.run(["kill", "-KILL", str(child)], check=False)
        client.join()
        summary = httpx.post(f"{url}/v1/score", json=batch(64), timeout=60).json()["summary"]
        assert summary == {"ok": 64, "skipped": 0, "error": 0, "mean_reward": 1.0}
        rewards = {result["reward"] for result in answers[0].json()["results"]}
        assert rewards <= {1.0, None}


def test_a_server_whose_folder_is_too_long_for_sockets_says_so(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    command = [sys.executable, "-m", "reward_server", "serve", "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment)
    assert done.returncode == 2
    assert "TMPDIR is too long for sockets in it" in done.stderr
    assert "Traceback" not in done.stderr


def kill_one_check_worker(server_pid: int) -> int:
    """A child of the fork server that `multiprocessing` starts: 1 when one was killed."""
    for child in children_of(server_pid):
        if "forkserver" in command_line(child):
            for worker in children_of(child):
                subprocess.run(["kill", "-KILL", str(worker)], check=False)
                return 1
    return 0


def test_requests_in_flight_are_answered_on_sigterm_and_no_process_stays(tmp_path: Path) -> None:
    with running_server(tmp_path / "log") as (url, server):
        family = descendants_of(server.pid)
        client, answers = post_in_background(url, batch(1024))
        wait_until(lambda: httpx.get(f"{url}/readyz", timeout=60).json()["pending_items"] > 0)
        server.send_signal(signal.SIGTERM)
        client.join()
        assert answers[0].json()["summary"]["ok"] == 1024
        assert server.wait(PATIENCE_SECONDS) in (0, -signal.SIGTERM)
        assert len(family) >= 3
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))


def test_a_key_is_asked_for_on_v1_routes_alone(tmp_path: Path) -> None:
    with running_server(tmp_path / "log", REWARD_SERVER_API_KEY="hunter2") as (url, _):
        assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}):
            refused = httpx.post(f"{url}/v1/score", json=batch(1), headers=headers, timeout=60)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        answer = httpx.post(f"{url}/v1/score", json=batch(1), headers={"Authorization": "Bearer hunter2"}, timeout=60)
        assert answer.json()["summary"]["ok"] == 1
    assert "hunter2" not in (tmp_path / "log").read_text()


def test_logs_hold_neither_completions_nor_ground_truth(tmp_path: Path) -> None:
    with running_server(tmp_path / "log") as (url, _):
        item = {"completion": "SECRET-COMPLETION \\boxed{1}", "ground_truth": "SECRET-GOLD"}
        httpx.post(f"{url}/v1/score", json={"profile": "gsm8k", "items": [item]}, timeout=60)
        httpx.post(f"{url}/v1/score", content=b'{"SECRET-COMPLETION', timeout=60)
    log = (tmp_path / "log").read_text()
    assert "scored" in log
    assert "SECRET" not in log


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["serve", "--host", "0.0.0.0"], "refusing to listen"),
        (["serve", "--host", "192.0.2.1"], "refusing to listen"),
        (["score", "--in", "none.jsonl", "--out", "out.jsonl", "--profile", "gsm8k"], "no file"),
        (["score", "--in", "none.jsonl", "--out", "out.jsonl", "--profile", "nope"], "no profile"),
    ],
)
def test_a_start_that_cannot_work_says_why(tmp_path: Path, arguments: list[str], says: str) -> None:
    command = [sys.executable, "-m", "reward_server", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=200)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_said_at_once(server_url: str) -> None:
    port = server_url.rpartition(":")[2]
    command = [sys.executable, "-m", "reward_server", "serve", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2
    assert "cannot listen" in done.stderr


def test_several_workers_share_the_port_and_one_killed_is_replaced(tmp_path: Path) -> None:
    with running_server(tmp_path / "log", REWARD_SERVER_WORKERS="2", REWARD_SERVER_CHECK_WORKERS="2") as (url, server):
        body = batch(32)
        assert httpx.post(f"{url}/v1/score", json=body, timeout=60).json()["summary"]["mean_reward"] == 1.0
        os.kill(next(pid for pid in children_of(server.pid) if "spawn_main" in command_line(pid)), signal.SIGKILL)
        answered = 0
        ends = time.monotonic() + PATIENCE_SECONDS
        while answered < 20 and time.monotonic() < ends:
            with suppress(httpx.TransportError):  # the connection that the killed one had accepted
                answered += httpx.post(f"{url}/v1/score", json=body, timeout=60).json()["summary"]["ok"] == 32
        assert answered == 20
        family = [server.pid, *descendants_of(server.pid)]
    wait_until(lambda: not any(command_line(pid) for pid in family))


def test_a_server_that_was_told_to_end_leaves_no_folder_behind(tmp_path: Path) -> None:
    with TemporaryDirectory() as short:  # `tmp_path` of a process of `pytest -n` is too long for sockets in it
        with running_server(tmp_path / "log", TMPDIR=short) as (_, server):
            server.send_signal(signal.SIGTERM)
            assert server.wait(PATIENCE_SECONDS) == 0
        assert list(Path(short).iterdir()) == []
