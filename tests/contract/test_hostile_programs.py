"""The programs of hostile_programs.py, judged by a real server at two levels: none is accepted, none finds shelter in a
fault of ours, and the next request is normal.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.hostile_programs import PROGRAMS, STDIN, Hostile
from tests.server_process import running_server

pytestmark = pytest.mark.sandbox

_LIMITS = {"cpu_s": 2, "wall_s": 3, "memory_mb": 128, "processes": 16}
_ADDER = {"source": "print(sum(map(int, input().split())))", "tests": STDIN}
_LEVELS = {"best": {}, "without": {"SANDBOX_NAMESPACES": "false", "SANDBOX_CGROUP": "false"}}


@pytest.fixture(scope="module", params=list(_LEVELS))
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = {f"REWARD_SERVER_{name}": value for name, value in _LEVELS[request.param].items()}
    with running_server(tmp_path_factory.mktemp("hostile") / "log", **settings) as (found, _):
        yield found


@pytest.mark.parametrize("one", PROGRAMS, ids=lambda one: one.name)
def test_hostile_program_gets_its_verdict(url: str, one: Hostile) -> None:
    with httpx.Client(base_url=url, timeout=120) as client:
        if one.language not in {language["name"] for language in client.get("/v1/code/languages").json()}:
            pytest.skip(f"no {one.language} here")
        body = {"language": one.language, "source": one.source, "tests": one.tests, "limits": {**_LIMITS, **one.limits}}
        answer = client.post("/v1/code/judge", json=body).json()
        assert answer["verdict"] in one.verdicts, answer
        assert answer["score"] == 0.0
        assert client.post("/v1/code/judge", json=_ADDER).json()["verdict"] == "accepted"
