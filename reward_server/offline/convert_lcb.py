"""`reward-server convert-lcb`: LiveCodeBench's pickled private test cases → JSON text, on the user's own machine.

A pickle is a program; the server never reads one. Here one is read by an unpickler that can find no class and no
function, so that it can build texts, numbers and lists at most, and only a text is taken. Sizes are bounded before.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import json
import pickle
import pickletools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

from reward_server import lenient_json
from reward_server.errors import ConfigError
from reward_server.offline.output import under_its_name_when_whole
from reward_server.offline.rows import BrokenRow, read_rows

FIELD = "private_test_cases"
MAX_PACKED_BYTES = 256 << 20
MAX_UNPACKED_BYTES = 512 << 20
# What pickles of one text are made of; anything else could build more than was sent.
_OPCODES = {"PROTO", "FRAME", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "MEMOIZE", "BINPUT",
            "LONG_BINPUT", "PUT", "STOP"}  # fmt: skip


class _TextUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"a pickle of test cases has no use for {module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("a pickle of test cases has no persistent objects")


def convert(source: Path, out: Path) -> int:
    """Writes the rows of a .jsonl, .jsonl.gz or .json file as JSONL, and says how many. Raises ConfigError."""
    count = 0
    with under_its_name_when_whole(out, source) as partial, _opened(partial, gzipped=out.suffix == ".gz") as file:
        for row in _converted(source):
            file.write(json.dumps(row).encode() + b"\n")
            count += 1
    return count


def _opened(path: Path, *, gzipped: bool) -> gzip.GzipFile | IO[bytes]:
    return gzip.open(path, "wb") if gzipped else path.open("wb")


def _converted(source: Path) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(read_rows(source), 1):
        if isinstance(row, BrokenRow):
            raise ConfigError(row.reason)
        try:
            yield {**row, FIELD: plain_cases(row[FIELD])} if row.get(FIELD) else row
        except ValueError as error:
            raise ConfigError(f"{source.name}, row {number}: {FIELD}: {error}") from error


def plain_cases(cases: Any) -> str:
    """The test cases as JSON text, from JSON text or from base64 of zlib of a pickle of it. Raises ValueError."""
    if not isinstance(cases, str):
        return json.dumps(cases)
    if _is_list(cases):
        return cases
    text = _unpickled(_inflated(_decoded(cases)))
    if not _is_list(text):
        raise ValueError("the pickle holds a text that is no JSON list of cases")
    return text


def _is_list(text: str) -> bool:
    try:
        return isinstance(lenient_json.loads(text.encode("utf-8", "replace")), list)
    except ValueError:
        return False


def _decoded(text: str) -> bytes:
    if len(text) > MAX_PACKED_BYTES:
        raise ValueError(f"expected at most {MAX_PACKED_BYTES} characters, got {len(text)}")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("expected JSON text, or base64 of a compressed pickle") from error


def _inflated(data: bytes) -> bytes:
    inflate = zlib.decompressobj()
    try:
        unpacked = inflate.decompress(data, MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise ValueError(f"expected data compressed by zlib: {error}") from error
    if not inflate.eof:
        raise ValueError(f"expected whole compressed data of at most {MAX_UNPACKED_BYTES} bytes unpacked")
    return unpacked


def _unpickled(data: bytes) -> str:
    try:
        strangers = {opcode.name for opcode, _, _ in pickletools.genops(data)} - _OPCODES
        if strangers:
            raise ValueError(f"this one has {', '.join(sorted(strangers))}")
        text = _TextUnpickler(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, IndexError, KeyError, ValueError) as error:
        raise ValueError(f"expected a pickle of one text: {error}") from error
    if not isinstance(text, str):
        raise ValueError(f"expected a pickle of one text, got one of {type(text).__name__}")
    return text
