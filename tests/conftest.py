"""For all tests: a real reward server process, the data that may lie beside the repository, and `pytest -n`."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.server_process import running_server

ROOT = Path(__file__).parent.parent
FIRST_UID = 61_000  # the sandboxes that tests open themselves use those from 60,000 on
UIDS_OF_A_PROCESS = 1_000
LONGEST = ("tests/sandbox/", "tests/integration/", "tests/contract/")

# The bounds that Hypothesis sets in time would fail on a busy machine. Where time matters, a test measures it.
settings.register_profile("untimed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from tests.parallel import FileScheduling  # pytest-xdist need not be there for `pytest` alone

    return FileScheduling(config, log)


def pytest_configure() -> None:
    """In a process of `pytest -n` the servers' programs run as users that no other process's servers use."""
    process = os.environ.get("PYTEST_XDIST_WORKER", "")
    if process:
        first = FIRST_UID + UIDS_OF_A_PROCESS * int(process.removeprefix("gw"))
        os.environ.setdefault("REWARD_SERVER_SANDBOX_BASE_UID", str(first))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that the processes of `pytest -n` end together."""
    items.sort(key=lambda item: [not item.nodeid.startswith(folder) for folder in LONGEST])


def pytest_collection_finish() -> None:
    """All tests and the modules they import live as long as this process. To look for garbage among them takes some
    tenths of a second each time, which tests that measure time would see."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("server") / "log") as (url, _):
        yield url


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data beside the repository. Missing: a skip, and a failure in CI."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("the folder ../shared with data and cases is missing, and CI must have it")
        pytest.skip("needs the data sets in ../shared, which are not part of the repository")
    return folder
