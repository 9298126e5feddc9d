"""compose.yaml for real: build, start, judge code in the container, stop. `make test-compose`, with a Docker engine."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reward_server.openapi import CODE_REQUEST, MATH_REQUEST

ROOT = Path(__file__).parent.parent.parent
URL = "http://127.0.0.1:8080"

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]


def compose(*arguments: str) -> str:
    command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    done = subprocess.run([*command, *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    compose("up", "--build", "--detach")
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and inspect(compose("ps", "-q"), "State.Health.Status") != "healthy":
            time.sleep(1)
        yield compose("ps", "-q")
    finally:
        compose("down")


def inspect(container: str, field: str) -> str:
    command = ["docker", "inspect", "--format", f"{{{{.{field}}}}}", container]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_container_is_healthy_and_locked_down(container: str) -> None:
    assert inspect(container, "State.Health.Status") == "healthy"
    assert inspect(container, "Config.User") == "10001:10001"
    assert inspect(container, "HostConfig.ReadonlyRootfs") == "true"
    assert inspect(container, "HostConfig.CapDrop") == "[ALL]"
    assert int(inspect(container, "HostConfig.PidsLimit")) > 0
    assert int(inspect(container, "HostConfig.Memory")) > 0


def test_mathematics_and_code_are_judged_inside(container: str) -> None:
    assert httpx.get(f"{URL}/readyz").json()["sandbox"]["level"] == "base"
    rewards = [r["reward"] for r in httpx.post(f"{URL}/v1/score", json=MATH_REQUEST, timeout=60).json()["results"]]
    assert rewards == [1.2, 0.2]
    (result,) = httpx.post(f"{URL}/v1/score", json=CODE_REQUEST, timeout=60).json()["results"]
    assert result["reward"] == 1.0
    assert result["components"]["code"]["detail"]["isolation"] == "base"
