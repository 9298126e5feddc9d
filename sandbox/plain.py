"""Plain values as JSON with tags: the only thing that crosses between a program and those who judge it.

JSON's own null, booleans, numbers, strings and arrays stand for None, bool, int, float, str and list. Everything else
is an object with exactly one key, its tag:
    {"tuple": [...]} {"set": [...]} {"frozenset": [...]} {"dict": [[key, value], ...]} {"deque": [...]}
    {"iterator": [...]}  generators, iterators, dict views: read to their end by the sender, a list_iterator afterwards
    {"int": "0x..."} beyond 1024 bits   {"float": "nan" | "inf" | "-inf"}   {"complex": [re, im]}
    {"bytes": base64} {"bytearray": base64} {"range": [start, stop, step]} {"decimal": text} {"fraction": [n, d]}
    {"date": iso} {"time": iso} {"datetime": iso} {"timedelta": [days, seconds, microseconds]}
Only where references cross too:
    {"counter": [[key, count], ...]} {"ordered": [[key, value], ...]} {"namedtuple": [[field, ...], [value, ...]]}
    {"stream": [[...], reference]}  the beginning of a long iterator, and the rest of it
What is not plain can cross as a reference where both ends agree on what it means: `refer` and `resolve`, with the tags
REFERENCES. Nothing of it is here.

A subclass is written as its plain base value by the methods of the base class, so that nothing it overrides is called.
The reader builds exact standard types only. Both directions have caps and take linear time, whatever is sent. Depth,
parts and lengths of iterators are counted alike: what was read can be written again.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections import Counter, OrderedDict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from sandbox.errors import ForeignTypeError, PlainError, UnsupportedValueError

DEPTH_LIMIT: Final = 200
NODE_LIMIT: Final = 1_000_000
ITERATOR_LIMIT: Final = 100_000
TEXT_LIMIT_BYTES: Final = 32 << 20
NUMBER_TEXT_LIMIT: Final = 4_300  # Python's own limit for decimal digits: conversion is quadratic
HEX_ABOVE_BITS: Final = 1_024
COLLISION_LIMIT: Final = 64  # keys of one container that share a hash; hostile integers make building it quadratic

REFERENCES: Final = ("object", "entry", "standard", "callback")
STREAM_ABOVE: Final = 1_000  # parts of an iterator that are sent at once where the rest can follow
FIELDS_LIMIT: Final = 100  # of a named tuple: a class is made for each

LIST_ITERATOR: Final[type] = type(iter([]))  # what an {"iterator": ...} becomes
_VIEWS: Final[tuple[type, ...]] = (type({}.keys()), type({}.values()), type({}.items()))

Json = Any  # what json.loads gives; a recursive alias would only be cast away again
Refer = Callable[[Any], Json]  # a thing that is not plain → one of REFERENCES with its body; raises ForeignTypeError
Resolve = Callable[[str, Json], Any]  # tag and body of a reference → what it stands for; raises PlainError


def encode(value: object) -> str:
    """The value as one line of JSON text. Raises UnsupportedValueError."""
    text = json.dumps(pack(value), separators=(",", ":"))
    if len(text) > TEXT_LIMIT_BYTES:
        raise UnsupportedValueError(f"the value takes {len(text)} bytes, more than {TEXT_LIMIT_BYTES}")
    return text


def decode(text: str | bytes) -> Any:
    """The value that `encode` wrote. Raises PlainError for anything else."""
    return unpack(parse_json(text))


def parse_json(text: str | bytes) -> Json:
    """JSON text as Python's json gives it, without its extensions. Raises PlainError."""
    if len(text) > TEXT_LIMIT_BYTES:
        raise PlainError(f"message of {len(text)} bytes, more than {TEXT_LIMIT_BYTES}")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PlainError(f"message is not JSON: {type(error).__name__}") from error


def pack(value: object, refer: Refer | None = None) -> Json:
    """The value as a structure for json.dumps. Raises UnsupportedValueError, or what a generator in it raises."""
    return _Packer(refer).pack(value, 0)


def unpack(packed: Json, resolve: Resolve | None = None) -> Any:
    """The value that `pack` described. Raises PlainError."""
    return _Unpacker(resolve).unpack(packed, 0)


def _refuse_constant(name: str) -> None:
    raise PlainError(f"{name} is not JSON")


class _Packer:
    def __init__(self, refer: Refer | None = None) -> None:
        self.nodes = 0
        self.refer = refer

    def pack(self, value: Any, depth: int) -> Json:
        self.nodes += 1
        if self.nodes > NODE_LIMIT:
            raise UnsupportedValueError(f"the value has more than {NODE_LIMIT} parts")
        if depth > DEPTH_LIMIT:
            raise UnsupportedValueError(f"the value is nested deeper than {DEPTH_LIMIT}")
        kind = type(value)
        writer = _WRITERS.get(kind) or _base_writer(kind, foreign_iterators=self.refer is None)
        if writer is not None:
            return writer(self, value, depth + 1)
        if self.refer is not None:
            return self.refer(value)
        raise _foreign(kind, f"{kind.__name__!s:.60} is not a plain type")

    def items(self, values: Iterable[Any], depth: int) -> list[Json]:
        return [self.pack(value, depth) for value in values]

    def pairs(self, pairs: Iterable[tuple[Any, Any]], depth: int, tag: str = "dict") -> Json:
        packed = [[self.pack(key, depth), self.pack(value, depth)] for key, value in pairs]
        return {tag if self.refer is not None else "dict": packed}

    def read_out(self, values: Any, depth: int) -> Json:
        packed: list[Json] = []
        for value in values:
            if len(packed) >= ITERATOR_LIMIT:
                raise UnsupportedValueError(f"an iterator gave more than {ITERATOR_LIMIT} values")
            packed.append(self.pack(value, depth))
            if len(packed) == STREAM_ABOVE and self.refer is not None and iter(values) is values:
                return {"stream": [packed, self.refer(values)]}
        return {"iterator": packed}


Writer = Callable[[_Packer, Any, int], Json]


def _base_writer(kind: type, foreign_iterators: bool) -> Writer | None:
    """The writer for a class not in the table: that of its plain base, or of iterators; Python's own, or all."""
    for base in _BASES:
        if issubclass(kind, base):
            return _write_namedtuple if base is tuple and _fields(kind) else _WRITERS[base]
    if hasattr(kind, "__next__") and hasattr(kind, "__iter__") and (foreign_iterators or _is_standard(kind)):
        return _Packer.read_out
    return None


def _is_standard(kind: type) -> bool:
    return kind.__module__ in ("builtins", "itertools")


def _fields(kind: type) -> tuple[str, ...] | None:
    """The names of a named tuple's parts, None for other classes."""
    fields = kind.__dict__.get("_fields")
    names = type(fields) is tuple and len(fields) <= FIELDS_LIMIT and all(type(name) is str for name in fields)
    return fields if names else None


def _write_namedtuple(packer: _Packer, value: Any, depth: int) -> Json:
    fields = _fields(type(value)) or ()
    parts = packer.items(tuple.__iter__(value), depth)
    if len(parts) != len(fields) or packer.refer is None:
        return {"tuple": parts}
    return {"namedtuple": [list(fields), parts]}


def _foreign(kind: type, message: str) -> ForeignTypeError:
    error = ForeignTypeError(message)
    error.kind = kind
    return error


def _write_int(packer: _Packer, value: Any, depth: int) -> Json:
    number = int.__add__(value, 0)
    return number if number.bit_length() <= HEX_ABOVE_BITS else {"int": hex(number)}


def _write_float(packer: _Packer, value: Any, depth: int) -> Json:
    number = float.__pos__(value)
    return number if math.isfinite(number) else {"float": repr(number)}


def _write_complex(packer: _Packer, value: Any, depth: int) -> Json:
    number = complex.__pos__(value)
    return {"complex": packer.items((number.real, number.imag), depth)}


def _write_timedelta(packer: _Packer, value: Any, depth: int) -> Json:
    parts = (timedelta.days, timedelta.seconds, timedelta.microseconds)
    return {"timedelta": packer.items([part.__get__(value) for part in parts], depth)}


def _write_aware(kind: str, text: str, zone: Any) -> Json:
    if zone is not None and type(zone) is not timezone:
        raise _foreign(type(zone), "of time zones only fixed offsets are plain")
    return {kind: text}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


_WRITERS: dict[type, Writer] = {
    type(None): lambda packer, value, depth: None,
    bool: lambda packer, value, depth: value,
    int: _write_int,
    float: _write_float,
    complex: _write_complex,
    str: lambda packer, value, depth: str.__str__(value),
    bytes: lambda packer, value, depth: {"bytes": _base64(bytes.__getitem__(value, slice(None)))},
    bytearray: lambda packer, value, depth: {"bytearray": _base64(bytes(bytearray.__getitem__(value, slice(None))))},
    list: lambda packer, value, depth: packer.items(list.__iter__(value), depth),
    tuple: lambda packer, value, depth: {"tuple": packer.items(tuple.__iter__(value), depth)},
    set: lambda packer, value, depth: {"set": packer.items(set.__iter__(value), depth)},
    frozenset: lambda packer, value, depth: {"frozenset": packer.items(frozenset.__iter__(value), depth)},
    deque: lambda packer, value, depth: {"deque": packer.items(deque.__iter__(value), depth)},
    Counter: lambda packer, value, depth: packer.pairs(dict.items(value), depth, "counter"),
    OrderedDict: lambda packer, value, depth: packer.pairs(OrderedDict.items(value), depth, "ordered"),
    dict: lambda packer, value, depth: packer.pairs(dict.items(value), depth),
    range: lambda packer, value, depth: {"range": packer.items((value.start, value.stop, value.step), depth)},
    Decimal: lambda packer, value, depth: {"decimal": Decimal.__str__(value)},
    Fraction: lambda packer, value, depth: {"fraction": packer.items((value._numerator, value._denominator), depth)},
    datetime: lambda packer, value, depth: _write_aware("datetime", datetime.isoformat(value), value.tzinfo),
    date: lambda packer, value, depth: {"date": date.isoformat(value)},
    time: lambda packer, value, depth: _write_aware("time", time.isoformat(value), value.tzinfo),
    timedelta: _write_timedelta,
    **dict.fromkeys(_VIEWS, _Packer.read_out),
}
_BASES: Final = tuple(kind for kind in _WRITERS if kind not in (*_VIEWS, bool, range, type(None)))


class _Unpacker:
    def __init__(self, resolve: Resolve | None = None) -> None:
        self.nodes = 0
        self.resolve = resolve

    def unpack(self, packed: Json, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > NODE_LIMIT or depth > DEPTH_LIMIT:
            raise PlainError("message has too many parts or too many levels")
        if isinstance(packed, list):
            return [self.unpack(part, depth + 1) for part in packed]
        if not isinstance(packed, dict):
            return packed
        if len(packed) != 1:
            raise PlainError(f"expected an object with one tag, got {len(packed)} keys")
        ((tag, body),) = packed.items()
        if self.resolve is not None and tag in REFERENCES:
            return self.resolve(tag, body)
        reader = _READERS.get(tag)
        if reader is None:
            raise PlainError(f"unknown tag {tag!r:.40}")
        try:
            return reader(self, body, depth + 1)
        except (TypeError, ValueError, ArithmeticError, InvalidOperation) as error:
            raise PlainError(f"malformed {tag}: {type(error).__name__}") from error

    def items(self, body: Json, depth: int) -> list[Any]:
        if not isinstance(body, list):
            raise PlainError(f"expected an array, got {type(body).__name__}")
        return [self.unpack(part, depth) for part in body]

    def iterator(self, body: Json, depth: int) -> Iterator[Any]:
        if isinstance(body, list) and len(body) > ITERATOR_LIMIT:
            raise PlainError(f"an iterator of more than {ITERATOR_LIMIT} values")
        return iter(self.items(body, depth))

    def stream(self, body: Json, depth: int) -> Iterator[Any]:
        begun, rest = body
        return chain(self.items(begun, depth), self.unpack(rest, depth))

    def keys(self, body: Json, depth: int) -> list[Any]:
        return _spread(self.items(body, depth))

    def mapping(self, body: Json, depth: int) -> dict[Any, Any]:
        pairs = [self.items(pair, depth) for pair in body]
        _spread([key for key, _ in pairs])
        return dict(pairs)

    def ints(self, body: Json, depth: int, count: int) -> list[int]:
        numbers = self.items(body, depth)
        if len(numbers) != count or any(type(number) is not int for number in numbers):
            raise PlainError(f"expected {count} integers")
        return numbers


def _namedtuple(unpacker: _Unpacker, body: Json, depth: int) -> Any:
    """Not for a server: making a class takes long."""
    fields, values = body
    if unpacker.resolve is None or not isinstance(fields, list) or len(fields) > FIELDS_LIMIT:
        raise PlainError("unexpected namedtuple, or one with too many fields")
    return _named(tuple(_text(field, 60) for field in fields))(*unpacker.items(values, depth))


@lru_cache(maxsize=64)
def _named(fields: tuple[str, ...]) -> Callable[..., Any]:
    return namedtuple("namedtuple", fields, rename=True)


def _spread(keys: list[Any]) -> list[Any]:
    """The keys, if their hashes are spread well enough to build a table in linear time."""
    if len(keys) > COLLISION_LIMIT:
        hashes = sorted(map(hash, keys))
        same = zip(hashes, hashes[COLLISION_LIMIT:], strict=False)
        if any(first == later for first, later in same):
            raise PlainError("too many keys share one hash")
    return keys


def _text(body: Json, limit: int = TEXT_LIMIT_BYTES) -> str:
    if not isinstance(body, str) or len(body) > limit:
        raise PlainError("expected a text, or a shorter one")
    return body


def _bytes(body: Json) -> bytes:
    try:
        return base64.b64decode(_text(body), validate=True)
    except binascii.Error as error:
        raise PlainError("malformed base64") from error


def _fraction(unpacker: _Unpacker, body: Json, depth: int) -> Fraction:
    numerator, denominator = unpacker.ints(body, depth, 2)
    if max(numerator.bit_length(), denominator.bit_length()) > 4 * NUMBER_TEXT_LIMIT:
        raise PlainError("fraction too long to reduce")
    return Fraction(numerator, denominator)


def _complex(unpacker: _Unpacker, body: Json, depth: int) -> complex:
    real, imaginary = unpacker.items(body, depth)
    if type(real) is not float or type(imaginary) is not float:
        raise PlainError("expected two floats")
    return complex(real, imaginary)


def _float(body: Json) -> float:
    if body not in ("nan", "inf", "-inf"):
        raise PlainError("expected nan, inf or -inf")
    return float(body)


_READERS: dict[str, Callable[[_Unpacker, Json, int], Any]] = {
    "tuple": lambda unpacker, body, depth: tuple(unpacker.items(body, depth)),
    "set": lambda unpacker, body, depth: set(unpacker.keys(body, depth)),
    "frozenset": lambda unpacker, body, depth: frozenset(unpacker.keys(body, depth)),
    "dict": _Unpacker.mapping,
    "counter": lambda unpacker, body, depth: Counter(unpacker.mapping(body, depth)),
    "ordered": lambda unpacker, body, depth: OrderedDict(unpacker.mapping(body, depth)),
    "namedtuple": _namedtuple,
    "deque": lambda unpacker, body, depth: deque(unpacker.items(body, depth)),
    "iterator": _Unpacker.iterator,
    "stream": _Unpacker.stream,
    "int": lambda unpacker, body, depth: int(_text(body), 16),
    "float": lambda unpacker, body, depth: _float(body),
    "complex": _complex,
    "bytes": lambda unpacker, body, depth: _bytes(body),
    "bytearray": lambda unpacker, body, depth: bytearray(_bytes(body)),
    "range": lambda unpacker, body, depth: range(*unpacker.ints(body, depth, 3)),
    "decimal": lambda unpacker, body, depth: Decimal(_text(body, NUMBER_TEXT_LIMIT)),
    "fraction": _fraction,
    "datetime": lambda unpacker, body, depth: datetime.fromisoformat(_text(body, 64)),
    "date": lambda unpacker, body, depth: date.fromisoformat(_text(body, 64)),
    "time": lambda unpacker, body, depth: time.fromisoformat(_text(body, 64)),
    "timedelta": lambda unpacker, body, depth: timedelta(*unpacker.ints(body, depth, 3)),
}
