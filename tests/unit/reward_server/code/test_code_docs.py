"""The Python examples of docs/code.md say what really comes out; tests/contract posts the JSON ones."""

import doctest
from pathlib import Path

DOCS = Path(__file__).parents[4] / "docs" / "code.md"


def test_examples_are_true() -> None:
    result = doctest.testfile(str(DOCS), module_relative=False)
    assert result.attempted > 10
    assert result.failed == 0
