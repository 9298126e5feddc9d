"""Mode CALLS: the source is loaded once, as module `solution`, and then answers the requests on its channel."""

from __future__ import annotations

import builtins
import inspect
import sys
import types
from collections import deque
from typing import Any, BinaryIO, Final, NoReturn

from sandbox import calls, frames, plain
from sandbox.drivers import objects, script, stage
from sandbox.errors import PlainError, UnsupportedValueError

_REQUESTS_FD: Final = 3
_REPLIES_FD: Final = 4
_FILE: Final = "solution.py"
_MESSAGE_CHARACTERS: Final = 500
_MUTABLE: Final = (list, dict, set, bytearray, deque)
_GONE_EXIT_CODE: Final = 1  # the tester left in the middle of a callback

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
        # A tracer that the solution has set would lead us astray, and the run would only hang. Here it is not yet one
        # of ours: frames that were there before it are not traced.
        sys.settrace(None)
        Service(module, requests).serve()
    stage.leave(0)


class Service:
    """Answers requests about one module."""

    def __init__(self, module: types.ModuleType, requests: BinaryIO) -> None:
        self._module = module
        self._requests = requests
        self._objects = objects.Objects(self._resolve, self._call_back)

    def serve(self) -> None:
        while (request := self._next()) is not None:
            self._answer(request)

    def _next(self) -> Json | None:
        text = self._requests.readline(plain.TEXT_LIMIT_BYTES + 1)
        if not text:
            return None
        try:
            request = plain.parse_json(text)
        except PlainError:
            return {}
        return request if isinstance(request, dict) else {}

    def _answer(self, request: Json) -> None:
        frames.write(_REPLIES_FD, calls.line(self._reply(request)))

    def _reply(self, request: Json) -> Json:
        number = 0
        try:
            number = int(request["id"])
            return {"id": number, **_OPERATIONS[request["op"]](self, request)}
        except BaseException as error:
            return {"id": number, **_error(error)}

    def _call_back(self, function: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Have the tester call a function of its own; it may ask something of us before it answers."""
        refer = self._objects.refer
        packed = {name: plain.pack(value, refer) for name, value in kwargs.items()}
        message = {"callback": function, "args": [plain.pack(value, refer) for value in args], "kwargs": packed}
        frames.write(_REPLIES_FD, calls.line(message))
        while (answer := self._next()) is not None:
            if "op" not in answer:
                return self._returned(answer)
            self._answer(answer)
        stage.leave(_GONE_EXIT_CODE)

    def _returned(self, answer: Json) -> Any:
        if "error" not in answer:
            return plain.unpack(answer["value"], self._objects.resolve)
        reply = calls.parse_error(answer["error"])
        kind = getattr(builtins, reply.base, Exception)
        raise kind(*reply.args)

    def _call(self, request: Json) -> Json:
        resolve = self._objects.resolve if request.get("refer") else None
        args = [plain.unpack(packed, resolve) for packed in request["args"]]
        kwargs = {name: plain.unpack(packed, resolve) for name, packed in request["kwargs"].items()}
        answer = self._value(request, lambda: self._resolve(request["entry"])(*args, **kwargs))
        if "value" not in answer:
            return answer
        given = [*enumerate(request["args"]), *request["kwargs"].items()]
        after = dict([*enumerate(args), *kwargs.items()])
        refer = self._objects.refer if request.get("refer") else None
        changed = [[key, now] for key, before in given if (now := _changed(before, after[key], refer)) is not None]
        return {**answer, **({"changed": changed} if changed else {})}

    def _value(self, request: Json, compute: Any) -> Json:
        """The answer with what `compute` gives, which may run code of the solution while it is packed."""
        value = None
        refer = self._objects.refer if request.get("refer") else None
        try:
            try:
                value = compute()
            finally:
                sys.settrace(None)  # as after loading
            if refer is None and inspect.iscoroutine(value):
                value = self._objects.awaited(value)
            return {"value": plain.pack(value, refer)}
        except UnsupportedValueError as error:
            return {"unsupported": str(error), "truth": _truth(value)}
        except BaseException as error:
            return _error(error)

    def _get(self, request: Json) -> Json:
        refer = self._objects.refer if request.get("refer") else None
        try:
            value = self._resolve(request["entry"])
            if isinstance(value, types.ModuleType):
                return {"module": value.__name__}
            if isinstance(value, type) and issubclass(value, BaseException):
                return {"exception": _standard_base(value)}
            return {"callable": True} if callable(value) else {"value": plain.pack(value, refer)}
        except UnsupportedValueError as error:
            return {"unsupported": str(error)}
        except BaseException as error:
            return _error(error)

    def _names(self, request: Json) -> Json:
        names = self._module.__dict__.get("__all__") or [n for n in self._module.__dict__ if not n.startswith("_")]
        return {"value": plain.pack(list(names))}

    def _special(self, request: Json) -> Json:
        args = [plain.unpack(packed, self._objects.resolve) for packed in request["args"]]
        return self._value(request, lambda: objects.special(self._resolve(request["entry"]), request["name"], args))

    def _take(self, request: Json) -> Json:
        return self._value(request, lambda: objects.take(self._resolve(request["entry"]), request["count"]))

    def _set(self, request: Json) -> Json:
        (value,) = (plain.unpack(packed, self._objects.resolve) for packed in request["args"])
        return self._value(request, lambda: setattr(*self._owner(request["entry"]), value))

    def _owner(self, entry: Any) -> tuple[Any, str]:
        """The object, class or module whose attribute it is, and the attribute's name."""
        path = entry[1] if isinstance(entry, list) else entry
        first, _, name = path.rpartition(".")
        if isinstance(entry, list):
            return self._resolve([entry[0], first]), name
        return (self._resolve(first) if first else self._module), name

    def _isinstance(self, request: Json) -> Json:
        (thing,) = (plain.unpack(packed, self._objects.resolve) for packed in request["args"])
        return self._value(request, lambda: bool(isinstance(thing, self._resolve(request["entry"]))))

    def _await(self, request: Json) -> Json:
        return self._value(request, lambda: self._objects.awaited(self._resolve(request["entry"])))

    def _resolve(self, entry: Any) -> Any:
        """What a dotted name of the module, or [object, dotted name], stands for."""
        if isinstance(entry, list):
            number, path = entry
            target = self._objects.get(number)
            for name in path.split(".") if path else ():
                target = getattr(target, name)
            return target
        return _of_module(self._module, str(entry))


_OPERATIONS: Final = {
    "call": Service._call,
    "get": Service._get,
    "names": Service._names,
    "special": Service._special,
    "take": Service._take,
    "set": Service._set,
    "isinstance": Service._isinstance,
    "await": Service._await,
}


def _of_module(module: types.ModuleType, entry: str) -> Any:
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


def _truth(value: Any) -> bool:
    """The one thing about any value that is plain."""
    try:
        return bool(value)
    except BaseException:
        return True


def _changed(before: Any, value: Any, refer: plain.Refer | None) -> Any:
    """The packed value if it is mutable and not what it was, otherwise None."""
    if type(value) not in _MUTABLE:
        return None
    try:
        now = plain.pack(value, refer)
    except UnsupportedValueError:
        return None  # the caller keeps its argument as it was; nothing better can be said
    return None if now == before and repr(now) == repr(before) else now


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
    body = {"type": type(error).__name__, "base": _standard_base(type(error)), "args": args, "message": message}
    return {"error": {**body, "attributes": _attributes(error)}}


def _attributes(error: BaseException) -> Json:
    """What the exception carries, as far as it is plain and short."""
    shown: Json = {}
    try:
        for name, value in list(vars(error).items()):
            packed = plain.pack(value)
            if len(repr(packed)) <= _MESSAGE_CHARACTERS and len(shown) < plain.FIELDS_LIMIT:
                shown[str(name)] = packed
    except BaseException:
        return shown
    return shown


def _standard_base(kind: type) -> str:
    names: list[str] = [base.__name__ for base in kind.__mro__ if getattr(builtins, base.__name__, None) is base]
    return names[0]
