"""Plain values go through the encoding and come back as they were; nothing else comes out of it."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import plain
from sandbox.errors import ForeignTypeError, PlainError, UnsupportedValueError

_texts = st.text(st.characters(codec=None, exclude_categories=()))
_keys = (
    st.none() | st.booleans() | st.integers() | _texts | st.binary() | st.floats(allow_nan=False) | st.fractions()
    | st.decimals(allow_nan=False) | st.dates() | st.frozensets(st.integers())
)  # fmt: skip
_leaves = (
    _keys | st.integers(-(2**3000), 2**3000) | st.floats() | st.complex_numbers() | st.binary().map(bytearray)
    | st.times() | st.datetimes(timezones=st.just(UTC) | st.none()) | st.timedeltas() | st.builds(range, st.integers())
)  # fmt: skip
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.lists(inner).map(deque)
        | st.dictionaries(_keys | st.tuples(_keys, _keys), inner)
        | st.sets(_keys)
    ),
    max_leaves=30,
)


def same(first: Any, second: Any) -> bool:
    """Equal and of the same types all the way down; nan equals itself, 0.0 is not -0.0."""
    if type(first) is not type(second):
        return False
    if isinstance(first, float):
        return (math.isnan(first) and math.isnan(second)) or (
            first == second and math.copysign(1, first) == math.copysign(1, second)
        )
    if isinstance(first, complex):
        return same(first.real, second.real) and same(first.imag, second.imag)
    if isinstance(first, list | tuple | deque):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict):
        return same(list(first), list(second)) and same(list(first.values()), list(second.values()))
    return bool(first == second)


@given(_values)
def test_plain_value_survives_the_round_trip(value: Any) -> None:
    assert same(plain.decode(plain.encode(value)), value)


@given(st.binary() | st.text())
def test_any_text_gives_a_value_or_one_kind_of_error(text: bytes | str) -> None:
    with contextlib.suppress(PlainError):
        plain.decode(text)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(sorted(plain._READERS)) | st.text(), inner, min_size=1, max_size=1)
    ),
)


@given(_json)
def test_any_structure_gives_a_plain_value_or_one_kind_of_error(packed: Any) -> None:
    try:
        value = plain.unpack(packed)
    except PlainError:
        return
    plain.pack(value)


class Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __add__(self, other: object) -> Any:
        return 3

    __int__ = __index__ = __radd__ = lambda self, *_: 3


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "lie"


class Items(list[Any]):
    def __iter__(self) -> Any:
        return iter(["lie"])

    def __class_getitem__(cls, item: Any) -> Any:
        return cls


class Colour(IntEnum):
    RED = 7


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (Liar(5), 5),
        (type("F", (float,), {"__pos__": lambda self: 3.0})(-0.0), -0.0),
        (Text("truth"), "truth"),
        (Items([1, 2]), [1, 2]),
        (Colour.RED, 7),
        (Point(1, 2), (1, 2)),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(list, {1: [2]}), {1: [2]}),
        (type("B", (bytes,), {"__getitem__": lambda self, key: b"lie"})(b"truth"), b"truth"),
        (type("D", (datetime,), {"isoformat": lambda self: "lie"})(2020, 1, 2), datetime(2020, 1, 2)),
    ],
)
def test_subclass_becomes_its_plain_base_whatever_it_overrides(value: Any, base: Any) -> None:
    assert same(plain.decode(plain.encode(value)), base)


def test_ordered_dict_keeps_its_own_order() -> None:
    value = OrderedDict(a=1, b=2)
    value.move_to_end("a")
    assert list(plain.decode(plain.encode(value))) == ["b", "a"]


@pytest.mark.parametrize("value", [(x for x in "ab"), iter(["a", "b"]), {"a": 1, "b": 2}.keys(), map(str, "ab")])
def test_iterator_becomes_a_list_iterator(value: Any) -> None:
    decoded = plain.decode(plain.encode(value))
    assert type(decoded) is plain.LIST_ITERATOR
    assert list(decoded) == ["a", "b"]


def endless() -> Any:
    while True:
        yield 0


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


class Plain(Enum):
    A = 1


@pytest.mark.parametrize(
    "value",
    [
        object(),
        len,
        Plain.A,
        int,
        endless(),
        nested(300),
        circular(),
        [0] * 1_000_001,
        "x" * (33 << 20),
        memoryview(b""),
    ],
    ids=["object", "function", "enum", "class", "endless", "deep", "circular", "many", "long", "memoryview"],
)
def test_what_is_not_plain_is_refused(value: Any) -> None:
    with pytest.raises(UnsupportedValueError):
        plain.encode(value)


def test_zone_with_rules_is_refused() -> None:
    from zoneinfo import ZoneInfo

    with pytest.raises(UnsupportedValueError):
        plain.encode(datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC")))
    zone = timezone(timedelta(hours=2))
    assert plain.decode(plain.encode(datetime(2020, 1, 1, tzinfo=zone))).utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    "text",
    [
        "", "nul", "NaN", "[Infinity]", '{"a": 1}', "{}", '{"set": [1], "list": []}', '{"set": [[]]}', '{"set": 3}',
        '{"bytes": "?"}', '{"bytes": 3}', '{"int": 3}', '{"int": "zz"}', '{"float": "1.0"}', '{"float": []}',
        '{"range": [1, 2]}', '{"range": [1, 2, 0]}', '{"range": [1, 2, true]}', '{"fraction": [1, 0]}',
        '{"decimal": "x"}', '{"decimal": 1}', '{"date": "x"}', '{"dict": [[1]]}', '{"dict": [1]}',
        '{"timedelta": [1e9, 0, 0]}', '{"timedelta": [9999999999, 0, 0]}', '{"complex": [1]}',
        '{"complex": ["a", "b"]}', '{"dict": {"int": 1}}',
        "[" * 100_000, '{"tuple":' * 300 + "[]" + "}" * 300, "9" * 5000,
        '{"fraction": [1, {"int": "0x1' + "0" * 9000 + '"}]}',
    ],
)  # fmt: skip
def test_malformed_message_is_one_clear_error(text: str) -> None:
    with pytest.raises(PlainError):
        plain.decode(text)


@pytest.mark.parametrize("tag", ["set", "frozenset", "dict"])
def test_keys_that_share_a_hash_are_refused_at_once(tag: str) -> None:
    keys = [n * (2**61 - 1) for n in range(20_000)]
    start = time.process_time()
    with pytest.raises(PlainError, match="hash"):
        plain.decode(json.dumps({tag: [[key, 0] for key in keys] if tag == "dict" else keys}))
    assert time.process_time() - start < 2


def test_time_is_linear() -> None:
    def seconds(count: int) -> float:
        start = time.process_time()
        plain.decode(plain.encode([{"k": (n, str(n))} for n in range(count)]))
        return time.process_time() - start

    def least(count: int) -> float:
        return min(seconds(count) for _ in range(3))

    seconds(1_000)
    assert least(40_000) < 40 * max(least(4_000), 0.005)


def test_other_standard_values_survive() -> None:
    for value in (
        date(2020, 2, 29),
        clock(1, 2, 3, 4),
        Decimal("1E+5"),
        Decimal("NaN"),
        Fraction(-1, 3),
        range(5, 1, -2),
    ):
        decoded = plain.decode(plain.encode(value))
        assert (type(decoded), repr(decoded)) == (type(value), repr(value))


@pytest.mark.parametrize(
    "packed",
    [
        {"iterator": [0] * (plain.ITERATOR_LIMIT + 1)},
        [0] * plain.NODE_LIMIT,
    ],
    ids=["iterator", "parts"],
)
def test_what_the_writer_refuses_the_reader_refuses_too(packed: Any) -> None:
    with pytest.raises(PlainError):
        plain.unpack(packed)


@pytest.mark.parametrize("leaf", [1j, timedelta(1, 2, 3), range(3), Fraction(1, 3), [1], (1,)])
def test_reader_and_writer_count_levels_and_parts_alike(leaf: Any) -> None:
    packer, unpacker = plain._Packer(), plain._Unpacker()
    unpacker.unpack(packer.pack(leaf, 0), 0)
    assert packer.nodes == unpacker.nodes
    for value in (leaf, [leaf]):
        depth = plain.DEPTH_LIMIT - (value is not leaf)
        with pytest.raises(UnsupportedValueError):
            plain._Packer().pack(value, depth)
        with pytest.raises(PlainError):
            plain._Unpacker().unpack(plain.pack(value), depth)


def test_only_a_foreign_type_is_refused_as_one() -> None:
    with pytest.raises(ForeignTypeError) as caught:
        plain.pack([print])
    assert caught.value.kind is type(print)
    with pytest.raises(UnsupportedValueError) as refused:
        plain.pack(iter(range(plain.ITERATOR_LIMIT + 1)))
    assert not isinstance(refused.value, ForeignTypeError)
