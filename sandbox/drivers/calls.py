"""Mode CALLS: the source is loaded once, as module `solution`, and then answers the requests on its channel."""

from __future__ import annotations

import builtins
import inspect
import types
from collections import deque
from typing import Any, Final, NoReturn

from sandbox import calls, frames, plain
from sandbox.drivers import script, stage
from sandbox.errors import PlainError, UnsupportedValueError

_REQUESTS_FD: Final = 3
_REPLIES_FD: Final = 4
_FILE: Final = "solution.py"
_MESSAGE_CHARACTERS: Final = 500
_MUTABLE: Final = (list, dict, set, bytearray, deque)

Json = dict[str, Any]


def run(source: str) -> NoReturn:
    """Load and serve until the requests end. A source that does not load ends the process as a script would end."""
    module = stage.prepare("solution", _FILE, source)
    with open(_REQUESTS_FD, "rb", closefd=False) as requests:
        try:
            exec(compile(source, _FILE, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
        except SystemExit as stop:
            stage.leave(script.exit_code(stop))
        except BaseException as error:
            stage.show(error, __file__)
            stage.leave(1)
        while text := requests.readline(plain.TEXT_LIMIT_BYTES + 1):
            frames.write(_REPLIES_FD, calls.line(_reply(module, text)))
    stage.leave(0)


def _reply(module: types.ModuleType, text: bytes) -> Json:
    number = 0
    try:
        request = plain.parse_json(text)
        number = int(request["id"])
        return {"id": number, **_OPERATIONS[request["op"]](module, request)}
    except (PlainError, KeyError, TypeError, ValueError) as error:
        return {"id": number, **_error(error)}


def _call(module: types.ModuleType, request: Json) -> Json:
    args = [plain.unpack(packed) for packed in request["args"]]
    kwargs = {name: plain.unpack(packed) for name, packed in request["kwargs"].items()}
    value = None
    try:
        value = _resolve(module, request["entry"])(*args, **kwargs)
        packed = plain.pack(value)  # may run the code of a generator
    except UnsupportedValueError as error:
        return {"unsupported": str(error), "truth": _truth(value)}
    except BaseException as error:
        return _error(error)
    given = [*enumerate(request["args"]), *request["kwargs"].items()]
    after = dict([*enumerate(args), *kwargs.items()])
    changed = [[key, now] for key, before in given if (now := _changed(before, after[key])) is not None]
    return {"value": packed, **({"changed": changed} if changed else {})}


def _truth(value: Any) -> bool:
    """The one thing about any value that is plain."""
    try:
        return bool(value)
    except BaseException:
        return True


def _changed(before: Any, value: Any) -> Any:
    """The packed value if it is mutable and not what it was, otherwise None."""
    if type(value) not in _MUTABLE:
        return None
    try:
        now = plain.pack(value)
    except UnsupportedValueError:
        return None  # the caller keeps its argument as it was; nothing better can be said
    return None if now == before and repr(now) == repr(before) else now


def _get(module: types.ModuleType, request: Json) -> Json:
    try:
        value = _resolve(module, request["entry"])
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__}
        if isinstance(value, type) and issubclass(value, BaseException):
            return {"exception": _standard_base(value)}
        return {"callable": True} if callable(value) else {"value": plain.pack(value)}
    except UnsupportedValueError as error:
        return {"unsupported": str(error)}
    except BaseException as error:
        return _error(error)


def _names(module: types.ModuleType, request: Json) -> Json:
    names = module.__dict__.get("__all__") or [name for name in module.__dict__ if not name.startswith("_")]
    return {"value": plain.pack(list(names))}


_OPERATIONS: Final = {"call": _call, "get": _get, "names": _names}


def _resolve(module: types.ModuleType, entry: str) -> Any:
    """What a dotted name stands for. A method gets a fresh instance of its class."""
    first, *rest = entry.replace("()", "").split(".")
    if first not in module.__dict__:
        raise NameError(f"name {first!r} is not defined")
    target = module.__dict__[first]
    for name in rest:
        if isinstance(target, type) and inspect.isfunction(inspect.getattr_static(target, name, None)):
            target = target()
        target = getattr(target, name)
    return target


def _error(error: BaseException) -> Json:
    try:
        message = str(error)
    except BaseException:
        message = ""
    message = message[:_MESSAGE_CHARACTERS]
    try:
        args = [plain.pack(value) for value in error.args]
        if len(repr(args)) > 2 * _MESSAGE_CHARACTERS:
            args = [message]
    except BaseException:
        args = [message]
    name = type(error).__name__
    return {"error": {"type": name, "base": _standard_base(type(error)), "args": args, "message": message}}


def _standard_base(kind: type) -> str:
    names: list[str] = [base.__name__ for base in kind.__mro__ if getattr(builtins, base.__name__, None) is base]
    return names[0]
