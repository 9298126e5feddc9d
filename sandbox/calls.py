"""The lines on the channel of a program in mode CALLS: one JSON object a line, values packed as in plain.py.

Requests, each with an `id` of its own:
    {"id": 1, "op": "call", "entry": "f" or "Class.method", "args": [...], "kwargs": {...}}
    {"id": 2, "op": "get", "entry": "NAME"}       what the name stands for
    {"id": 3, "op": "names"}                       all public names
Replies, one for each request, in order, with the request's `id` and one of:
    {"value": ..., "changed": [[position or keyword, value], ...]}   `changed`: mutable
    {"error": {"type": "KeyError", "base": "KeyError", "args": [...], "message": "...", "attributes": {...}}}
        base: nearest standard class
    {"unsupported": "why", "truth": true}   the result has no encoding; `truth` is its bool()
    {"callable": true}   {"exception": "ValueError"}   {"module": "math"}      answers to "get" where it is not a value

With a partner (`"refer": true` in the request) what is not plain crosses as a reference, see drivers/objects.py and
drivers/partner.py, and these requests exist too, whose `entry` may be [object, "name.of.attribute"]:
    {"op": "special", "entry": ..., "name": "len", "args": [...]}   an operator or builtin applied to it
    {"op": "take", "entry": ..., "count": 10}                       so many more values of an iterator, or fewer
    {"op": "set", "entry": ..., "args": [value]}   {"op": "isinstance", "entry": class, "args": [object]}
    {"op": "await", "entry": ...}                                   the result of a coroutine
While it answers, the program may send {"callback": number, "args": [...], "kwargs": {...}}: it calls a function that
was among its arguments, and gets {"value": ...} or {"error": ...}; requests may come before that.

A program can write what it likes to its channel. A reply that is malformed or out of turn breaks the channel for good;
a well-formed one states a value, which is then judged like any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox import plain
from sandbox.errors import PlainError

Target = str | tuple[int, str]  # a dotted name of the solution, or a number of its objects with a dotted name or ""


class ReplyKind(StrEnum):
    VALUE = "value"
    ERROR = "error"
    UNSUPPORTED = "unsupported"
    CALLABLE = "callable"
    EXCEPTION = "exception"
    MODULE = "module"
    BROKEN = "broken"  # no valid reply came; never on the wire


@dataclass(frozen=True)
class Call:
    entry: Target
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    kind: ReplyKind
    value: Any = None  # VALUE; UNSUPPORTED: whether it is true
    error: str = ""  # ERROR: the exception's class; EXCEPTION, MODULE: a name
    base: str = ""  # ERROR: the nearest standard class
    args: tuple[Any, ...] = ()  # ERROR: the exception's arguments, where they are plain
    message: str = ""  # ERROR, UNSUPPORTED, BROKEN
    attributes: Mapping[str, Any] = field(default_factory=dict)  # ERROR: those that are plain
    changed: tuple[tuple[int | str, Any], ...] = ()


def call_message(call: Call, refer: plain.Refer | None = None) -> dict[str, Any]:
    """A request to call, without its id. Raises UnsupportedValueError for arguments that are not plain."""
    args = [plain.pack(value, refer) for value in call.args]
    kwargs = {name: plain.pack(value, refer) for name, value in call.kwargs.items()}
    return {"op": "call", "entry": call.entry, "args": args, "kwargs": kwargs}


def requests(calls: Sequence[Call]) -> bytes:
    """`Program.channel` for a run without a partner; the calls get the ids 1, 2, 3 ..."""
    return b"".join(line({"id": number, **call_message(call)}) for number, call in enumerate(calls, 1))


def read_replies(channel: bytes, count: int) -> tuple[Reply, ...]:
    """`ExecutionResult.channel` of such a run as exactly `count` replies; BROKEN from where no valid one came."""
    replies: list[Reply] = []
    for number, text in enumerate(channel.split(b"\n")[:-1][:count], 1):
        try:
            replies.append(parse_reply(plain.parse_json(text), number))
        except PlainError as error:
            replies.append(Reply(ReplyKind.BROKEN, message=str(error)))
            break
    missing = Reply(ReplyKind.BROKEN, message="the program ended or was ended before it replied")
    return (*replies, *[missing] * (count - len(replies)))


def line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def parse_reply(message: Any, number: int, resolve: plain.Resolve | None = None) -> Reply:
    """The reply to request `number` in a parsed line. Raises PlainError."""
    if not isinstance(message, dict) or type(message.get("id")) is not int or message["id"] != number:
        raise PlainError(f"expected the reply to request {number}")
    kinds = [kind for kind in ReplyKind if kind in message]
    if len(kinds) != 1:
        raise PlainError("expected a reply of one kind")
    return _read(kinds[0], message[kinds[0]], message, resolve)


def _read(kind: ReplyKind, body: Any, message: dict[str, Any], resolve: plain.Resolve | None) -> Reply:
    if kind is ReplyKind.VALUE:
        return Reply(kind, plain.unpack(body, resolve), changed=_changed(message.get("changed", []), resolve))
    if kind is ReplyKind.ERROR:
        return parse_error(body, resolve)
    if kind is ReplyKind.UNSUPPORTED:
        return Reply(kind, value=message.get("truth") is not False, message=_string(body))
    if kind is ReplyKind.CALLABLE:
        return Reply(kind)
    if kind in (ReplyKind.EXCEPTION, ReplyKind.MODULE):
        return Reply(kind, error=_string(body))
    raise PlainError(f"unexpected reply {kind}")


def parse_error(body: Any, resolve: plain.Resolve | None = None) -> Reply:
    """An exception as it crosses. Raises PlainError."""
    if not isinstance(body, dict) or not isinstance(body.get("args"), list):
        raise PlainError("malformed error reply")
    args = tuple(plain.unpack(value, resolve) for value in body["args"])
    names = [_string(body.get(name)) for name in ("type", "base", "message")]
    shown = body.get("attributes", {})
    if not isinstance(shown, dict):
        raise PlainError("malformed attributes of an error")
    attributes = {name: plain.unpack(value, resolve) for name, value in shown.items()}
    return Reply(ReplyKind.ERROR, error=names[0], base=names[1], message=names[2], args=args, attributes=attributes)


def _changed(body: Any, resolve: plain.Resolve | None) -> tuple[tuple[int | str, Any], ...]:
    if not isinstance(body, list):
        raise PlainError("malformed list of changed arguments")
    changed = []
    for pair in body:
        if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) not in (int, str):
            raise PlainError("malformed changed argument")
        changed.append((pair[0], plain.unpack(pair[1], resolve)))
    return tuple(changed)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise PlainError(f"expected a text, got {type(value).__name__}")
    return value
