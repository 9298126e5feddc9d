"""Outputs and values against what is expected: kinds, traps, hostile sizes."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_server.code.compare import same_output
from reward_server.code.values import Tolerance, same_items, same_result, same_value
from reward_server.wire_code import CallTest, Compare
from sandbox.calls import Reply, ReplyKind

KINDS = ["exact", "lines", "tokens", "float"]
SPACES = [b" ", b"\t", b"\r", b"\x0b"]


@pytest.mark.parametrize(
    ("expected", "actual", "kinds"),
    [
        (b"3\n", b"3\n", "exact lines tokens float"),
        (b"3", b"3\n\n", "lines tokens float"),
        (b"1 2\n3\n", b"1 2  \r\n3", "lines tokens float"),
        (b"1 2\n3\n", b"1  2\n3", "tokens float"),
        (b"1\n2\n3\n", b"1\n", ""),
        (b"1\n", b"1\n2\n3\n", ""),
        (b"1\n", b"\n1\n", "tokens float"),
        (b"", b"\n", "lines tokens float"),
        (b"\n5", b"", ""),
        (b"1 2", b"12", ""),
        (b"a", b"\xff", ""),
        (b"\xef\xbf\xbd", b"\xff", ""),  # the sign for what is no UTF-8 is not what is no UTF-8
        (b"\xff\x00", b"\xff\x00", "exact lines tokens float"),
        (b"a\x00", b"a", ""),
        (b"\xc2\xa0a", b"a", ""),
        (b"0.5", b".5", "float"),
        (b"0.5", b"5e-1", "float"),
        (b"1", b"1.0000000001", "float"),
        (b"1", b"1.1", ""),
        (b"-0", b"0", "float"),
        (b"-0.0", b"0", "float"),
        (b"0", b"nan", ""),
        (b"nan", b"0", ""),
        (b"nan", b"NaN", ""),
        (b"nan", b"nan", "exact lines tokens float"),
        (b"inf", b"Infinity", "float"),
        (b"inf", b"-inf", ""),
        (b"inf", b"1e400", ""),
        (b"1e400", b"inf", ""),
        (b"1e400", b"1e400", "exact lines tokens float"),
        (b"1e400", b"10e399", "float"),
        (b"1e400", b"2e400", ""),
        (b"1e999999999", b"1e999999998", ""),
        (b"1e9999999999", b"1e9999999998", ""),
        (b"1", b"1_0", ""),
        (b"10", b"0xa", ""),
        (b"1", "١".encode(), ""),
        (b"9" * 400, b"9" * 399 + b"8", "float"),
        (b"9" * 400, b"9" * 399, ""),
        (b"YES", b"yes", ""),
        (b"1 x", b"1.0 x", "float"),
        (b"1 x", b"1.0 y", ""),
    ],
)
def test_each_kind_of_comparison_has_its_own_idea_of_the_same(expected: bytes, actual: bytes, kinds: str) -> None:
    same = [kind for kind in KINDS if same_output(expected, actual, Compare(kind=kind))]  # type: ignore[arg-type]
    assert same == kinds.split()


@pytest.mark.parametrize("kind", KINDS)
def test_case_is_ignored_where_that_is_asked_for(kind: Any) -> None:
    assert same_output(b"YES \xff\n", b"yes \xff\n", Compare(kind=kind, ignore_case=True))
    assert not same_output(b"YES", b"no", Compare(kind=kind, ignore_case=True))


def test_tolerances_are_those_of_the_test() -> None:
    assert same_output(b"100", b"101", Compare(kind="float", abs_tol=1))
    assert same_output(b"100", b"101", Compare(kind="float", rel_tol=0.01))
    assert not same_output(b"100", b"101.1", Compare(kind="float", abs_tol=1, rel_tol=0.01))
    assert not same_output(b"1", b"1.0000001", Compare(kind="float", abs_tol=0, rel_tol=0))


@given(st.binary(max_size=60), st.sampled_from(KINDS))
def test_every_output_is_the_same_as_itself(data: bytes, kind: Any) -> None:
    assert same_output(data, data, Compare(kind=kind))


@given(st.lists(st.binary(max_size=8), max_size=6), st.sampled_from(SPACES))
def test_white_space_at_the_end_of_lines_is_nothing(parts: list[bytes], space: bytes) -> None:
    text = b"\n".join(parts)
    assert same_output(text, text.replace(b"\n", space + b"\n") + space + b"\n", Compare())


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_floats_agree_with_arithmetic(expected: float, actual: float) -> None:
    same = same_output(repr(expected).encode(), repr(actual).encode(), Compare(kind="float"))
    difference = abs(expected - actual)
    allowed = max(1e-9, 1e-6 * abs(expected))
    if not math.isclose(difference, allowed, rel_tol=1e-6):
        assert same == (difference <= allowed)


@given(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(KINDS))
def test_nothing_crashes_a_comparison(expected: bytes, actual: bytes, kind: Any) -> None:
    assert same_output(expected, actual, Compare(kind=kind, ignore_case=True)) in (True, False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "actual", [b"9" * 1_000_000, b"\n" * 1_000_000, b" 1" * 500_000, b"1e" * 500_000, b"\xff\x00" * 500_000]
)
def test_a_long_hostile_output_is_only_wrong(kind: Any, actual: bytes) -> None:
    assert not same_output(b"1 2\n3\n", actual, Compare(kind=kind))
    assert not same_output(actual[:-2] + b"1", actual, Compare(kind=kind))


def test_an_output_of_many_words_is_taken_apart_only_as_far_as_the_expected_one() -> None:
    class Watched(bytes):
        asked: tuple[Any, ...] = ()

        def split(self, *args: Any) -> list[bytes]:  # type: ignore[override]
            Watched.asked = args
            return bytes.split(self, *args)

    assert not same_output(b"1 2 3", Watched(b"1 " * 100_000), Compare(kind="tokens"))
    assert Watched.asked == (None, 3)


VALUES = [
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
    (10**400, 1e300, False),
    (10**30 + 1, 1e30, False),
    (float("inf"), float("inf"), True),
    (1.5, float("nan"), False),
    ("a", b"a", False),
    (0.0, -0.0, True),
]


@pytest.mark.parametrize(("expected", "actual", "same"), VALUES)
def test_values_are_compared_as_json(expected: Any, actual: Any, same: bool) -> None:
    assert same_value(expected, actual) is same


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (0.3, 0.1 + 0.2, True),
        ([{"a": 0.3}], [{"a": 0.30000001}], True),
        (1, 1.0000001, True),
        (10**6, 10**6 + 1, False),  # whole numbers are exact
        (1.0, float("nan"), False),
        (1.0, float("inf"), False),
        (float("inf"), 1.0, False),
        (10**400, 1.0, False),
        (1.0, 10**400, False),
        (1.0, True, False),
    ],
)
def test_tolerance_is_for_floats_anywhere(expected: Any, actual: Any, same: bool) -> None:
    assert same_value(expected, actual, Tolerance(1e-6, 1e-6)) is same


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ([1, 2, 2], [2, 1, 2], True),
        ([1, 2, 2], (1, 1, 2), False),
        ([[1], None, "a", {"x": 1}, True, 2.5], [True, 2.5, {"x": 1}, "a", (1,), None], True),
        ([1, True], [True, 1], True),
        ([1, 1], [True, 1], False),
        ([0.3, 1], [1, 0.1 + 0.2], True),
        ([[2, 1]], [[1, 2]], False),
        ([1], [b"x"], False),
        ([1, "1"], ["1", 1.0], True),
        ([1.0, 2.0], [float("nan"), 1.0], False),
    ],
)
def test_a_list_may_come_in_any_order_where_the_test_says_so(expected: Any, actual: Any, same: bool) -> None:
    assert same_items(expected, actual, Tolerance(1e-9)) is same


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_every_value_is_the_same_as_itself(value: Any) -> None:
    assert same_value(value, value)


@given(st.lists(JSON, max_size=6), st.randoms(use_true_random=False))
def test_every_list_is_the_same_as_itself_shuffled(values: list[Any], random: Any) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    assert same_items(values, shuffled, Tolerance())


def test_an_argument_is_judged_as_the_call_left_it() -> None:
    test = CallTest(entry="sort", args=[[2, 1]], expected=[1, 2], changes=0)
    assert same_result(test, Reply(ReplyKind.VALUE, None, changed=((0, [1, 2]),)))
    assert not same_result(test, Reply(ReplyKind.VALUE, [1, 2]))
    assert same_result(test.model_copy(update={"expected": [2, 1]}), Reply(ReplyKind.VALUE, None))
    named = CallTest(entry="sort", kwargs={"xs": [2, 1]}, expected=[2, 1], changes="xs", unordered=True)
    assert same_result(named, Reply(ReplyKind.VALUE, None, changed=(("xs", [1, 2]),)))
