"""What the documentation claims is held by tests: those it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_DEFINED = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)
_NAMED = re.compile(r"`(test_\w+)`")


@pytest.mark.parametrize("page", ["docs/sandbox.md"])
def test_tests_that_a_page_names_are_there(page: str) -> None:
    defined = {name for path in (ROOT / "tests").rglob("test_*.py") for name in _DEFINED.findall(path.read_text())}
    named = set(_NAMED.findall((ROOT / page).read_text()))
    assert len(named) > 30
    assert named <= defined, sorted(named - defined)
