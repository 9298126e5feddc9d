"""The solution as test code sees it: names, functions, objects and exceptions of another process."""

from __future__ import annotations

import builtins
import functools
import importlib
import sys
import threading
import types
from collections import deque
from collections.abc import Coroutine, Sequence
from datetime import timezone
from typing import Any, Final

from sandbox import calls, frames, plain
from sandbox.calls import Call, Reply, ReplyKind, Target
from sandbox.drivers import objects, raised
from sandbox.drivers.remote import Made, Remote, as_made, entry_of
from sandbox.errors import ForeignTypeError, PlainError, UnsupportedValueError

_REPLIES_FD: Final = 3
_REQUESTS_FD: Final = 4
_LENT: Final = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
_LENT_LIMIT: Final = 100_000
_TESTS: Final = "tests"  # the module that the test code is
# Raised by a solution, these would end a loop of the test code as if it had gone through.
_NOT_RERAISED: Final = (StopIteration, StopAsyncIteration)


class CandidateErrorType(type):
    """The type of classes that stand for exception classes of the solution: tells them from the test's own classes."""


class CandidateError(Exception, metaclass=CandidateErrorType):
    """An exception of the solution that has no standard class of its own."""

    said: str | None = None  # its text over there, where its class may have a way of its own to make it

    def __str__(self) -> str:
        return super().__str__() if self.said is None else self.said


class Untransferable(Exception):
    """Something that can neither cross nor be referred to would have had to. `cause` as in suite.Cause."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class PartnerGone(Exception):
    """The solution's process has ended or talks nonsense."""


class Partner:
    def __init__(self) -> None:
        self.broken: str | None = None  # why the partner cannot be asked any more
        # Of the case that runs; the tester clears them before the next one:
        self.untransferable: Untransferable | None = None  # the first one
        self.weak = False  # something was decided by the solution's own word
        self.failed: BaseException | None = None  # a failure of the test that the solution may have swallowed
        self.asked = 0  # requests so far, in all cases
        self._compared: list[Made] = []  # what was compared with a value of the test
        self._replies = open(_REPLIES_FD, "rb", closefd=False)  # noqa: SIM115
        self._lock = threading.RLock()
        self._number = 0
        self._exceptions: dict[str, type[Exception]] = {}
        self._remotes: dict[int, Remote] = {}
        self._made: dict[Target, tuple[Remote, str]] = {}  # by the test, and with a call of which name
        self._lent: list[Any] = []

    def begin_case(self) -> None:
        self.untransferable, self.weak, self.failed, self._compared = None, False, None, []

    def end_case(self) -> None:
        """Refuse comparisons of what only looked like an object of a class of the solution."""
        if not all(made.used_as_object for made in self._compared):
            self.refuse("result", "a result that is no plain value was compared or computed with")

    def candidate(self, entry: str) -> Remote:
        return Remote(self, entry)

    def call(self, entry: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = Call(entry, args, kwargs)
        known = len(self._remotes)
        reply = self._request(lambda: calls.call_message(call, self._refer))
        if reply.kind is ReplyKind.VALUE:
            for key, value in reply.changed:
                _change(call, key, value)
            if type(reply.value) is Remote and _names_class(entry):
                return self._made_by_test(reply.value, str(entry), new=len(self._remotes) > known)
        return self._value(reply)

    def _made_by_test(self, remote: Remote, name: str, new: bool) -> Remote:
        """What a call of a class gave, apart from what methods return, which may be the same object.

        A class that gives one object again and again (a singleton) gives what it has given before.
        """
        entry = entry_of(remote)
        before, by = self._made.get(entry, (None, ""))
        if before is not None and by == name:
            return before
        if not new:
            return remote
        made = as_made(remote, Made())
        self._made[entry] = made, name
        return made

    def get(self, entry: Target) -> Any:
        """What a name of the solution stands for: a value, or something that can be called, raised or imported."""
        reply = self._request(lambda: {"op": "get", "entry": entry})
        name = entry if isinstance(entry, str) else ""
        if reply.kind is ReplyKind.CALLABLE:
            return Remote(self, entry)
        if reply.kind is ReplyKind.EXCEPTION:
            return self._exception_class(name.rpartition(".")[2], reply.error)
        if reply.kind is ReplyKind.MODULE and reply.error == name and name in sys.stdlib_module_names:
            return importlib.import_module(name)  # the solution's import serves the test code too, as in one process
        if reply.kind in (ReplyKind.UNSUPPORTED, ReplyKind.MODULE):
            raise self.refuse("attribute", f"{entry}: {reply.message or reply.error}")
        return self._value(reply)

    def ask(self, op: str, entry: Target, *args: Any, **more: Any) -> Any:
        """The value that an operation on an object of the solution gives, see calls.py."""
        reply = self._request(
            lambda: {"op": op, "entry": entry, "args": [plain.pack(value, self._refer) for value in args], **more},
            always="result",  # without an object of the solution the argument would not have to cross
        )
        return self._value(reply)

    def names(self) -> list[str]:
        """What `from solution import *` gives. Nothing by which the test code may mean what Python itself has."""
        reply = self._request(lambda: {"op": "names"})
        if not isinstance(reply.value, list) or not all(isinstance(name, str) for name in reply.value):
            raise self._gone("it does not tell its names")
        return [name for name in reply.value if not _belongs_to_python(name)]

    def refuse(self, cause: str, message: str) -> Untransferable:
        error = Untransferable(cause, message)
        self.untransferable = self.untransferable or error
        return error

    def rely_on_solution(self, made: Made | None) -> None:
        self.weak = True
        if made is not None:
            self._compared.append(made)

    def suppressed(self, error: BaseException) -> None:
        """A context manager of the solution has ended the block it was used for: what would have followed in it, was
        left out. Only what the test itself had raised may be swallowed.
        """
        if not raised.on_purpose(error):
            self.failed = self.failed or error

    def _request(self, make: Any, always: str | None = None) -> Reply:
        """`make` builds the message; that may itself call the solution: a generator among the arguments does."""
        try:
            return self._exchange({**make(), "refer": True})
        except UnsupportedValueError as error:
            raise self.refuse(always or _refusal_cause(error), str(error)) from None

    def _exchange(self, request: dict[str, Any]) -> Reply:
        if self.broken is not None:
            raise PartnerGone(self.broken)
        with self._lock:
            self._number += 1
            self.asked += 1
            number = self._number
            try:
                frames.write(_REQUESTS_FD, calls.line({"id": number, **request}))
                while True:
                    message = self._next()
                    if not isinstance(message, dict) or "callback" not in message:
                        return calls.parse_reply(message, number, self._resolve)
                    frames.write(_REQUESTS_FD, calls.line(self._called_back(message)))
            except BrokenPipeError:
                raise self._gone("it ended before it was asked") from None
            except UnsupportedValueError:
                raise
            except PlainError as error:
                raise self._gone(str(error)) from None

    def _next(self) -> Any:
        answer = self._replies.readline(plain.TEXT_LIMIT_BYTES + 1)
        if not answer.endswith(b"\n"):
            raise self._gone("it ended before it replied")
        return plain.parse_json(answer)

    def _called_back(self, message: dict[str, Any]) -> dict[str, Any]:
        """The solution calls a function of the test. Raises PlainError for a call that is none."""
        number = message["callback"]
        if type(number) is not int or not 0 <= number < len(self._lent):
            raise PlainError("there is no such function")
        if not isinstance(message.get("args"), list) or not isinstance(message.get("kwargs"), dict):
            raise PlainError("malformed call of a function of the test")
        args = [plain.unpack(value, self._resolve) for value in message["args"]]
        kwargs = {name: plain.unpack(value, self._resolve) for name, value in message["kwargs"].items()}
        try:
            return {"value": plain.pack(self._lent[number](*args, **kwargs), self._refer)}
        except UnsupportedValueError as error:
            self.refuse(_refusal_cause(error), str(error))
            failed: BaseException = TypeError(str(error))
        except Exception as error:
            if isinstance(error, AssertionError):
                self.failed = self.failed or error
            failed = error
        base = next(kind.__name__ for kind in type(failed).__mro__ if _standard(kind.__name__) is kind)
        return {"error": {"type": base, "base": base, "args": [str(failed)], "message": str(failed)}}

    def _value(self, reply: Reply) -> Any:
        if reply.kind is ReplyKind.VALUE:
            return reply.value
        if reply.kind is ReplyKind.ERROR:
            raise self._exception(reply)
        raise self.refuse("result", reply.message or "the solution gave something else than a value")

    def _resolve(self, tag: str, body: plain.Json) -> Any:
        """A reference from the solution: one of its objects, or a function of the test that comes back."""
        if tag == "callback" and type(body) is int and 0 <= body < len(self._lent):
            return self._lent[body]
        if tag != "object" or not isinstance(body, list) or len(body) != 2 or type(body[0]) is not int:
            raise PlainError(f"malformed reference {tag}")
        number, kind = body
        if kind == "coroutine":
            return self._awaiting(number)
        if number not in self._remotes:
            self._remotes[number] = Remote(self, (number, ""), str(kind))
        return self._remotes[number]

    def _awaiting(self, number: int) -> Coroutine[Any, Any, Any]:
        async def result() -> Any:
            return self.ask("await", (number, ""))

        return result()

    def _refer(self, value: Any) -> plain.Json:
        """An argument that is not plain. Raises ForeignTypeError where it can only be used in the test's process."""
        kind = type(value)
        if kind is Remote:
            return {"entry": entry_of(value)}
        name = _standard_name(value)
        if name is not None:
            return {"standard": name}
        if not isinstance(value, _LENT) or len(self._lent) >= _LENT_LIMIT:
            message = f"{kind.__name__!s:.60} is neither a plain value nor a function"
            if isinstance(value, type) and value.__module__ != _TESTS:
                raise UnsupportedValueError(message)  # the class of something that came from the solution
            error = ForeignTypeError(message)
            error.kind = kind
            raise error
        self._lent.append(value)
        return {"callback": len(self._lent) - 1}

    def _gone(self, why: str) -> PartnerGone:
        self.broken = why
        return PartnerGone(why)

    def _exception(self, reply: Reply) -> Exception:
        """The solution's exception as one of this process."""
        kind = self._exceptions.get(reply.error) or _standard(reply.error)
        if kind is None or issubclass(kind, _NOT_RERAISED):
            kind = self._exception_class(reply.error, reply.base)
        try:
            error = kind(*reply.args)
        except Exception:
            error = CandidateError(reply.message)
        if isinstance(error, CandidateError):
            error.said = reply.message
        error.__dict__.update({name: value for name, value in reply.attributes.items() if not name.startswith("__")})
        return error

    def _exception_class(self, name: str, base_name: str) -> type[Exception]:
        """A class that stands for an exception class of the solution, below the same standard class."""
        if name not in self._exceptions:
            base = _standard(base_name)
            only_ours = base is None or base is Exception or issubclass(base, _NOT_RERAISED)
            bases: Sequence[type] = (CandidateError,) if only_ours or base is None else (CandidateError, base)
            self._exceptions[name] = type(name if name.isidentifier() else "CandidateError", tuple(bases), {})
        return self._exceptions[name]


# Kinds of things that are not plain and yet can have come from the solution, as results, attributes or exceptions.
_FROM_SOLUTION: Final = (
    CandidateErrorType, BaseException, types.ModuleType, timezone, types.CoroutineType, types.TracebackType,
    types.FrameType, types.CodeType, types.GeneratorType, slice,
)  # fmt: skip


def _refusal_cause(error: UnsupportedValueError) -> str:
    """Whose doing it is that an argument cannot be sent: the test's only if the solution can have had no part in it.

    The test code often passes on what the solution gave it, so size and depth may be the solution's choice.
    """
    kind = error.kind if isinstance(error, ForeignTypeError) else None
    return "result" if kind is None or issubclass(kind, _FROM_SOLUTION) else "argument"


def _names_class(entry: Target) -> bool:
    """Whether a test that calls this means a class: it then made the object. A solution cannot choose the name."""
    name = entry.rpartition(".")[2] if isinstance(entry, str) else ""
    return name.lstrip("_")[:1].isupper()


def _standard_name(value: Any) -> str | None:
    """`module:name` of a function or class of the standard library, None for anything else."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(value, type | types.FunctionType | types.BuiltinFunctionType | types.MethodDescriptorType):
        return None
    if isinstance(value, types.MethodDescriptorType):
        module = "builtins"
    if not isinstance(module, str) or not isinstance(name, str) or isinstance(value, CandidateErrorType):
        return None
    try:
        same = objects.standard(f"{module}:{name}") is value
    except (PlainError, ImportError, AttributeError):
        return None
    return f"{module}:{name}" if same else None


def _belongs_to_python(name: str) -> bool:
    return name.startswith("__") or hasattr(builtins, name) or name in sys.stdlib_module_names


def _standard(name: str) -> type[Exception] | None:
    kind = getattr(builtins, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Exception) else None


def _change(call: Call, key: int | str, value: Any) -> None:
    """Do to the caller's own argument what the solution did to its copy."""
    try:
        argument = call.args[key] if isinstance(key, int) else call.kwargs[key]
    except (IndexError, KeyError):
        return
    if type(argument) is not type(value):
        return
    if isinstance(argument, list | bytearray):
        argument[:] = value
    elif isinstance(argument, dict | set):
        argument.clear()
        argument.update(value)
    elif isinstance(argument, deque):
        argument.clear()
        argument.extend(value)
