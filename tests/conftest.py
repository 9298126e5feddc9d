"""Fixtures for all tests: a real reward server process, and the data that may lie beside the repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import running_server

ROOT = Path(__file__).parent.parent


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
