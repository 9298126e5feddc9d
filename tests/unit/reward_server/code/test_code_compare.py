import pytest

from reward_server.code.compare import same_output
from reward_server.code.values import same_value
from reward_server.wire_code import Compare


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("3\n", b"3\n", True),
        ("3", b"3\n\n", True),
        ("1 2\n3\n", b"1 2  \r\n3", True),
        ("1\n2\n3\n", b"1\n", False),
        ("1\n", b"1\n2\n3\n", False),
        ("1\n", b"\n1\n", False),
        ("", b"\n", True),
        ("\n5", b"", False),
        ("1 2", b"12", False),
        ("a", b"\xff", False),
    ],
)
def test_output_is_compared_line_by_line(expected: str, actual: bytes, same: bool) -> None:
    assert same_output(expected.encode(), actual, Compare()) is same


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (3, 3, True),
        (3, 3.0, True),
        (3, 4, False),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        (None, None, True),
        (None, 0, False),
        ("3", 3, False),
        ([1, [2, 3]], (1, [2, 3]), True),
        ([1, 2], [1, 2, 3], False),
        ([1, 2], {1, 2}, False),
        ({"1": [2]}, {1: (2,)}, True),
        ({"null": 1}, {None: 1}, True),
        ({"1": 2}, {1: 2, "1": 2}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (10**30, 10**30, True),
        (float("inf"), float("inf"), True),
        ("a", b"a", False),
    ],
)
def test_values_are_compared_as_json(expected: object, actual: object, same: bool) -> None:
    assert same_value(expected, actual) is same  # type: ignore[arg-type]
