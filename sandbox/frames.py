"""Messages between our own processes: a JSON header and byte strings, on a stream socket of their own.

No program ever holds an end of such a socket while its code runs.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

_LENGTH: Final = struct.Struct("<I")
_CHUNK_BYTES: Final = 1 << 20


def pack(header: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """One frame. The header must not use the key `sizes`."""
    text = json.dumps({**header, "sizes": [len(blob) for blob in blobs]}).encode()
    return b"".join((_LENGTH.pack(len(text)), text, *blobs))


def read_header(fd: int) -> dict[str, Any]:
    """The next frame's header; its blobs stay unread. Raises EOFError when the other end has closed."""
    (length,) = _LENGTH.unpack(read_exactly(fd, _LENGTH.size))
    header: dict[str, Any] = json.loads(read_exactly(fd, length))
    return header


def read_blobs(fd: int, header: Mapping[str, Any]) -> list[bytes]:
    return [read_exactly(fd, size) for size in header["sizes"]]


def read(fd: int) -> tuple[dict[str, Any], list[bytes]]:
    header = read_header(fd)
    return header, read_blobs(fd, header)


def read_exactly(fd: int, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = os.read(fd, min(count - len(parts), _CHUNK_BYTES))
        if not part:
            raise EOFError(f"expected {count} bytes, got {len(parts)}")
        parts += part
    return bytes(parts)


def write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:_CHUNK_BYTES]) :]
