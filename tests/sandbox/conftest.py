"""One opened sandbox for all these tests: what they show must hold for the thousandth run of a slot too."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from sandbox_harness import SECRET, Runner

from sandbox import Sandbox, SandboxConfig


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    os.environ["REWARD_SECRET"] = SECRET
    with Sandbox(SandboxConfig(slots=2)) as opened:
        yield opened
    os.environ.pop("REWARD_SECRET", None)  # other tests may have taken it out meanwhile


@pytest.fixture
def run(sandbox: Sandbox) -> Runner:
    return Runner(sandbox)
