"""compose.yaml for real: build, start, judge code in the container, stop. `make test-compose`, with a Docker engine."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from reward_server.openapi import CODE_REQUEST, JUDGE_REQUEST, MATH_REQUEST

ROOT = Path(__file__).parent.parent.parent
URL = "http://127.0.0.1:8080"

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]


def compose(*arguments: str) -> str:
    command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    done = subprocess.run([*command, *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def containers() -> Iterator[dict[str, str]]:
    """Container ids by service, all healthy."""
    compose("up", "--build", "--detach")
    try:
        ids = {service: compose("ps", "-q", service) for service in ("reward-server", "sandbox-worker")}
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and not all(map(healthy, ids.values())):
            time.sleep(1)
        yield ids
    finally:
        compose("down")


def healthy(container: str) -> bool:
    return inspect(container, "State.Health.Status") == "healthy"


def inspect(container: str, field: str) -> str:
    command = ["docker", "inspect", "--format", f"{{{{.{field}}}}}", container]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(("service", "user"), [("reward-server", "10001:10001"), ("sandbox-worker", "10002:10002")])
def test_the_containers_are_healthy_and_locked_down(containers: dict[str, str], service: str, user: str) -> None:
    container = containers[service]
    assert inspect(container, "State.Health.Status") == "healthy"
    assert inspect(container, "Config.User") == user
    assert inspect(container, "HostConfig.ReadonlyRootfs") == "true"
    assert inspect(container, "HostConfig.CapDrop") == "[ALL]"
    assert inspect(container, "HostConfig.SecurityOpt") == "[no-new-privileges:true]"
    assert int(inspect(container, "HostConfig.PidsLimit")) > 0
    assert int(inspect(container, "HostConfig.Memory")) > 0


def test_mathematics_and_code_are_judged_inside(containers: dict[str, str]) -> None:
    sandbox = httpx.get(f"{URL}/readyz").json()["sandbox"]
    assert [worker["ready"] for worker in sandbox["workers"]] == [True]
    assert sandbox["level"] == "base"
    rewards = [r["reward"] for r in httpx.post(f"{URL}/v1/score", json=MATH_REQUEST, timeout=60).json()["results"]]
    assert rewards == [1.2, 0.2]
    (result,) = httpx.post(f"{URL}/v1/score", json=CODE_REQUEST, timeout=60).json()["results"]
    assert result["reward"] == 1.0
    assert result["components"]["code"]["detail"]["isolation"] == "base"
    assert httpx.post(f"{URL}/v1/code/judge", json=JUDGE_REQUEST, timeout=60).json()["verdict"] == "accepted"


def test_every_check_that_needs_no_extra_answers_and_languages_are_told_apart(containers: dict[str, str]) -> None:
    for entry in httpx.get(f"{URL}/v1/checks").json():
        answer = httpx.post(f"{URL}/v1/score", json=entry["example"], timeout=90)
        refused = entry["name"] in ("external_judge", "reasoning_gym")  # no endpoint, no extra `puzzles`
        assert answer.status_code == (422 if refused else 200), entry["name"]
        assert refused or answer.json()["summary"]["error"] == 0, answer.text
    french = "<think>On calcule d'abord la somme, puis on remplace dans l'équation de départ.</think>4"
    body = {"checks": [{"check": "language", "params": {"target": "fr"}}], "items": [{"completion": french}]}
    (result,) = httpx.post(f"{URL}/v1/score", json=body, timeout=90).json()["results"]
    assert result["reward"] == 1.0


def test_the_languages_of_the_image_are_there(containers: dict[str, str]) -> None:
    languages = [one["name"] for one in httpx.get(f"{URL}/v1/code/languages", timeout=90).json()]
    assert {"python", "c", "cpp", "bash"} <= set(languages)
    source = "#include <bits/stdc++.h>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }"
    tests = [{"type": "stdin", "stdin": f"{n} 1", "stdout": str(n + 1)} for n in range(10)]
    body = {"language": "cpp", "source": source, "tests": tests}
    answer = httpx.post(f"{URL}/v1/code/judge", json=body, timeout=90).json()
    assert (answer["verdict"], answer["passed"], answer["compile"]["ok"]) == ("accepted", 10, True)


def test_a_worker_has_no_way_out_and_no_keys(containers: dict[str, str]) -> None:
    networks = inspect(containers["sandbox-worker"], "NetworkSettings.Networks")
    name = networks.removeprefix("map[").partition(":")[0]
    internal = ["docker", "network", "inspect", "--format", "{{.Internal}}", name]
    assert subprocess.run(internal, check=True, capture_output=True, text=True).stdout.strip() == "true"
    assert "KEY" not in inspect(containers["sandbox-worker"], "Config.Env").replace("GPG_KEY", "")


def test_workers_can_be_scaled_and_lost_while_programs_run(containers: dict[str, str]) -> None:
    compose("up", "--detach", "--no-recreate", "--scale", "sandbox-worker=2", "sandbox-worker")
    wait_for_workers(2)
    workers = compose("ps", "-q", "sandbox-worker").split()
    with ThreadPoolExecutor(8) as threads:
        source = "import time; time.sleep(0.1); print(%d)"
        answers = [
            threads.submit(httpx.post, f"{URL}/v1/code/run", json={"source": source % n}, timeout=90) for n in range(40)
        ]
        answers[4].result()
        subprocess.run(["docker", "kill", workers[0]], check=True, capture_output=True)
        assert [answer.result().json()["stdout"] for answer in answers] == [f"{n}\n" for n in range(40)]
    assert httpx.get(f"{URL}/readyz").status_code == 200


def wait_for_workers(count: int) -> None:
    deadline = time.monotonic() + 60
    ready: list[bool] = []
    while ready.count(True) != count and time.monotonic() < deadline:
        time.sleep(0.5)
        ready = [worker["ready"] for worker in httpx.get(f"{URL}/readyz").json()["sandbox"]["workers"]]
    assert ready.count(True) == count
