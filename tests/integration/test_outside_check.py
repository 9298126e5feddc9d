"""examples/outside_check adds a check from outside: installed, seen and used, without a line of ours being touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.outside_package import install
from tests.server_process import running_server

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "outside_check"
PROFILE = """
description = "Cited answers"
[[checks]]
check = "citations"
params = { min_sources = 2 }
"""
GOOD = "Water boils at 100 °C [1]. It freezes at 0 °C [2]."


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the example, from a copy: building leaves files beside the source."""
    source, target = tmp_path_factory.mktemp("copy") / "outside_check", tmp_path_factory.mktemp("installed")
    shutil.copytree(EXAMPLE, source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(target), str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def url(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "profiles").mkdir()
    (folder / "profiles" / "cited.toml").write_text(PROFILE)
    environment = {"PYTHONPATH": str(installed), "REWARD_SERVER_PROFILES_DIR": str(folder / "profiles")}
    with running_server(folder / "log", "--workers", "2", **environment) as (url, _):
        yield url


def run(*words: str, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "PYTHONPATH": str(path), **environment},
    )


def test_the_example_is_in_the_catalogue_and_its_own_example_is_judged(url: str) -> None:
    entry = httpx.get(f"{url}/v1/checks/citations", timeout=60).json()
    assert entry["params"]["properties"]["min_sources"]["description"]
    assert "citations" in [check["name"] for check in httpx.get(f"{url}/v1/checks", timeout=60).json()]
    answer = httpx.post(f"{url}/v1/score", json=entry["example"], timeout=60).json()
    assert [(result["status"], result["reward"]) for result in answer["results"]] == [
        ("ok", 1.0),
        ("ok", 0.0),
        ("skipped", None),
    ]
    assert set(answer["results"][0]["components"]["citations"]["detail"]) == set(entry["detail"])


def test_it_stands_in_profiles_and_beside_checks_of_ours(url: str) -> None:
    items = [{"completion": GOOD, "ground_truth": ["a", "b"]}, {"completion": "Water boils.", "ground_truth": 2}]
    cited = httpx.post(f"{url}/v1/score", json={"profile": "cited", "items": items}, timeout=60).json()
    assert [result["reward"] for result in cited["results"]] == [1.0, 0.0]
    checks = [{"check": "citations", "weight": 0.5}, {"check": "format"}]
    both = httpx.post(f"{url}/v1/score", json={"checks": checks, "items": items}, timeout=60).json()
    assert [result["reward"] for result in both["results"]] == [0.5, 0.0]


def test_workers_have_it_too_where_a_long_completion_is_judged(url: str) -> None:
    items = [{"completion": f"{GOOD} " * 10_000, "ground_truth": 2}, {"completion": "a " * 200_000, "ground_truth": 2}]
    answer = httpx.post(f"{url}/v1/score", json={"profile": "cited", "items": items}, timeout=60).json()
    assert [(result["reward"], result["flags"]) for result in answer["results"]] == [(1.0, []), (0.0, [])]


def test_its_parameters_are_held_against_its_schema(url: str) -> None:
    body = {"checks": [{"check": "citations", "params": {"min_sources": 0}}], "items": [{"completion": GOOD}]}
    answer = httpx.post(f"{url}/v1/score", json=body, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_params")


def test_without_the_package_there_is_no_such_check(server_url: str) -> None:
    assert httpx.get(f"{server_url}/v1/checks/citations", timeout=60).status_code == 404


def test_a_file_is_scored_with_it(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "cited.toml").write_text(PROFILE)
    (tmp_path / "in.jsonl").write_text(json.dumps({"completion": GOOD, "ground_truth": 2}) + "\n")
    words = ["reward_server", "score", "--profile", "cited", "--in", f"{tmp_path}/in.jsonl", "--out", f"{tmp_path}/out"]
    done = run(*words, path=installed, REWARD_SERVER_PROFILES_DIR=str(tmp_path / "profiles"))
    assert done.returncode == 0, done.stderr
    (result,) = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert result["reward"] == 1.0


def test_its_golden_cases_hold(installed: Path) -> None:
    done = run("pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE), path=installed)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_one_that_raises_on_import_stops_every_command_and_is_named(tmp_path: Path) -> None:
    install(tmp_path, "unlucky", "raise RuntimeError('no licence')", "Mine")
    (tmp_path / "in.jsonl").write_text('{"completion": "4", "ground_truth": "4"}\n')
    files = ["--in", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.jsonl")]
    for words in (["serve", "--port", "0"], ["score", "--profile", "gsm8k", *files], ["checks"]):
        done = run("reward_server", *words, path=tmp_path)
        assert done.returncode == 2, words
        (line,) = done.stderr.splitlines()
        assert line == (
            "reward-server: the entry point 'mine' of unlucky (assay.checks) cannot be loaded: RuntimeError: no licence"
        )


SLOW_TO_LOAD = """
import time
from typing import Any, ClassVar
from reward_server.checks.base import HeavyCheck, Verdict

time.sleep(1.0)

class Slow(HeavyCheck):
    name: ClassVar[str] = "slow"

    def judge(self, item: Any, params: Any) -> Verdict:
        return Verdict(float(len(item.completion)))
"""


def test_a_module_that_loads_slowly_does_not_make_its_check_time_out(tmp_path: Path) -> None:
    """Workers are forked with it loaded. Else two time-outs, which are the loading's doing, would be a score of 0."""
    install(tmp_path, "slow_module", SLOW_TO_LOAD, "Slow")
    environment: dict[str, Any] = {"PYTHONPATH": str(tmp_path), "REWARD_SERVER_CHECK_TIMEOUT_SECONDS": "0.5"}
    with running_server(tmp_path / "log", **environment) as (url, _):
        body = {"checks": [{"check": "slow"}], "items": [{"completion": "abc"}] * 4}
        results = httpx.post(f"{url}/v1/score", json=body, timeout=60).json()["results"]
    assert [(result["reward"], result["flags"]) for result in results] == [(3.0, [])] * 4
