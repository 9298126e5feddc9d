"""The solution as test code sees it: names, functions and exceptions that stand for those of another process."""

from __future__ import annotations

import builtins
import importlib
import sys
import threading
import types
from collections import deque
from collections.abc import Sequence
from datetime import timezone
from typing import Any, Final

from sandbox import calls, frames, plain
from sandbox.calls import Call, Reply, ReplyKind
from sandbox.drivers.opaque import Opaque
from sandbox.errors import ForeignTypeError, PlainError, UnsupportedValueError

_REPLIES_FD: Final = 3
_REQUESTS_FD: Final = 4
# Raised by a solution, these would end a loop of the test code as if it had gone through.
_NOT_RERAISED: Final = (StopIteration, StopAsyncIteration)


class CandidateErrorType(type):
    """The type of classes that stand for exception classes of the solution: tells them from the test's own classes."""


class CandidateError(Exception, metaclass=CandidateErrorType):
    """An exception of the solution that has no standard class of its own."""


class Untransferable(Exception):
    """Something that is not plain would have had to cross. `cause` as in suite.Cause."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class PartnerGone(Exception):
    """The solution's process has ended or talks nonsense."""


class Candidate:
    """A function, class or method of the solution. Calling it calls there; its result is a plain value."""

    def __init__(self, partner: Partner, entry: str) -> None:
        self.__partner = partner
        self.__entry = entry

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__partner.call(Call(self.__entry, args, kwargs))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__entry in sys.stdlib_module_names:  # the test forgot an import: `math.isclose` is no question of ours
            return getattr(importlib.import_module(self.__entry), name)
        return self.__partner.get(f"{self.__entry}.{name}")

    def __repr__(self) -> str:
        return f"<{self.__entry} of the solution>"


class Partner:
    def __init__(self) -> None:
        self.broken: str | None = None  # why the partner cannot be asked any more
        self.untransferable: Untransferable | None = None  # the first one since the tester last cleared it
        self._replies = open(_REPLIES_FD, "rb", closefd=False)  # noqa: SIM115
        self._lock = threading.Lock()
        self._number = 0
        self._exceptions: dict[str, type[Exception]] = {}

    def candidate(self, entry: str) -> Candidate:
        return Candidate(self, entry)

    def call(self, call: Call) -> Any:
        try:
            message = calls.call_message(call)  # may itself call the solution: a generator among the arguments
            reply = self._ask(message)
        except UnsupportedValueError as error:
            raise self._cannot_cross(_refusal_cause(error), str(error)) from None
        if reply.kind is ReplyKind.VALUE:
            for key, value in reply.changed:
                _change(call, key, value)
            return reply.value
        if reply.kind is ReplyKind.UNSUPPORTED:
            return Opaque(lambda: self._cannot_cross("result", reply.message), reply.value)
        raise self._exception(reply)

    def get(self, entry: str) -> Any:
        """What a name of the solution stands for: a value, or something that can be called, raised or imported."""
        reply = self._ask({"op": "get", "entry": entry})
        if reply.kind is ReplyKind.VALUE:
            return reply.value
        if reply.kind is ReplyKind.CALLABLE:
            return self.candidate(entry)
        if reply.kind is ReplyKind.EXCEPTION:
            return self._exception_class(entry, reply.error)
        if reply.kind is ReplyKind.MODULE and reply.error == entry and entry in sys.stdlib_module_names:
            return importlib.import_module(entry)  # the solution's import serves the test code too, as in one process
        if reply.kind is ReplyKind.ERROR:
            raise self._exception(reply)
        raise self._cannot_cross("attribute", f"{entry}: {reply.message or reply.error}")

    def names(self) -> list[str]:
        """What `from solution import *` gives. Nothing by which the test code may mean what Python itself has."""
        reply = self._ask({"op": "names"})
        if not isinstance(reply.value, list) or not all(isinstance(name, str) for name in reply.value):
            raise self._gone("it does not tell its names")
        return [name for name in reply.value if not _belongs_to_python(name)]

    def _ask(self, request: dict[str, Any]) -> Reply:
        if self.broken is not None:
            raise PartnerGone(self.broken)
        with self._lock:
            self._number += 1
            try:
                frames.write(_REQUESTS_FD, calls.line({"id": self._number, **request}))
                answer = self._replies.readline(plain.TEXT_LIMIT_BYTES + 1)
                if not answer.endswith(b"\n"):
                    raise self._gone("it ended before it replied")
                return calls.parse_reply(plain.parse_json(answer), self._number)
            except BrokenPipeError:
                raise self._gone("it ended before it was asked") from None
            except PlainError as error:
                raise self._gone(str(error)) from None

    def _gone(self, why: str) -> PartnerGone:
        self.broken = why
        return PartnerGone(why)

    def _cannot_cross(self, cause: str, message: str) -> Untransferable:
        error = Untransferable(cause, message)
        self.untransferable = self.untransferable or error
        return error

    def _exception(self, reply: Reply) -> Exception:
        """The solution's exception as one of this process."""
        kind = self._exceptions.get(reply.error) or _standard(reply.error)
        if kind is None or issubclass(kind, _NOT_RERAISED):
            kind = self._exception_class(reply.error, reply.base)
        try:
            return kind(*reply.args)
        except Exception:
            return CandidateError(reply.message)

    def _exception_class(self, name: str, base_name: str) -> type[Exception]:
        """A class that stands for an exception class of the solution, below the same standard class."""
        if name not in self._exceptions:
            base = _standard(base_name)
            only_ours = base is None or base is Exception or issubclass(base, _NOT_RERAISED)
            bases: Sequence[type] = (CandidateError,) if only_ours or base is None else (CandidateError, base)
            self._exceptions[name] = type(name if name.isidentifier() else "CandidateError", tuple(bases), {})
        return self._exceptions[name]


# Kinds of things that are not plain and yet can have come from the solution, as results, attributes or exceptions.
_FROM_SOLUTION: Final = (Candidate, CandidateErrorType, Opaque, BaseException, types.ModuleType, timezone)


def _refusal_cause(error: UnsupportedValueError) -> str:
    """Whose doing it is that an argument cannot be sent: the test's only if the solution can have had no part in it.

    The test code often passes on what the solution gave it, so size and depth may be the solution's choice.
    """
    kind = error.kind if isinstance(error, ForeignTypeError) else None
    return "result" if kind is None or issubclass(kind, _FROM_SOLUTION) else "argument"


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
