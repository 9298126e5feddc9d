"""In the solution's process: what is not plain and yet the tester works with: objects, and functions of the test.

{"object": [number, kind]}     an object of the solution; kind: "object", "coroutine" or "iterator"
{"entry": "f"}                 from the tester: what the name stands for in the solution
{"standard": "math.sqrt"}      from the tester: a function or class of Python's standard library
{"callback": number}           from the tester: a function of the test, called there
"""

from __future__ import annotations

import asyncio
import copy
import importlib
import inspect
import operator
import sys
from collections.abc import Callable
from typing import Any, Final

from sandbox import plain
from sandbox.errors import PlainError, UnsupportedValueError

_OBJECTS_LIMIT: Final = 100_000
_TAKEN_AT_ONCE: Final = 1_000

Ask = Callable[[int, tuple[Any, ...], dict[str, Any]], Any]  # calls a function of the test
Resolve = Callable[[Any], Any]  # an entry of a request → what it stands for


class Objects:
    """The objects that have crossed, by number. They are kept, so that a number means one object for good."""

    def __init__(self, resolve: Resolve, ask: Ask) -> None:
        self._numbers: dict[int, int] = {}
        self._objects: list[Any] = []
        self._resolve = resolve
        self._ask = ask
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self, number: Any) -> Any:
        if type(number) is not int or not 0 <= number < len(self._objects):
            raise PlainError("there is no such object")
        return self._objects[number]

    def refer(self, value: Any) -> plain.Json:
        """The reference to an object. Raises UnsupportedValueError when there are too many."""
        number = self._numbers.get(id(value))
        if number is None:
            if isinstance(value, Callback):
                return {"callback": value.number}
            if len(self._objects) >= _OBJECTS_LIMIT:
                raise UnsupportedValueError(f"more than {_OBJECTS_LIMIT} objects were given to the tests")
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return {"object": [number, _kind(value)]}

    def resolve(self, tag: str, body: plain.Json) -> Any:
        if tag == "object":
            return self.get(body)
        if tag == "entry":
            return self._resolve(body)
        if tag == "standard":
            return standard(body)
        return Callback(body, self._ask)

    def awaited(self, value: Any) -> Any:
        """The result of a coroutine. All run in one event loop, as they would in one process."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop.run_until_complete(_finished(value))


class Callback:
    """A function of the test, for the solution to call."""

    def __init__(self, number: int, ask: Ask) -> None:
        self.number = number
        self._ask = ask

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(self.number, args, kwargs)


def standard(name: Any) -> Any:
    """What a dotted name stands for in the standard library. Raises PlainError."""
    module_name, _, path = str(name).partition(":")
    if module_name.partition(".")[0] not in sys.stdlib_module_names:
        raise PlainError(f"{module_name!r} is not of the standard library")
    value: Any = importlib.import_module(module_name)
    for part in path.split("."):
        value = getattr(value, part)
    return value


def special(value: Any, name: Any, args: list[Any]) -> Any:
    """An operator or builtin of the table applied to an object."""
    if name not in _SPECIAL:
        raise PlainError(f"unknown operation {name!r:.40}")
    return _SPECIAL[name](value, *args)


def take(value: Any, count: Any) -> list[Any]:
    """At most `count` further values of an iterator; fewer when it has ended."""
    taken: list[Any] = []
    while len(taken) < min(int(count), _TAKEN_AT_ONCE):
        try:
            taken.append(next(value))
        except StopIteration:
            break
    return taken


async def _finished(value: Any) -> Any:
    return await value


def _kind(value: Any) -> str:
    if inspect.isawaitable(value):
        return "coroutine"
    return "iterator" if hasattr(type(value), "__next__") else "object"


def _leave(value: Any, kind: str | None, args: list[Any]) -> Any:
    """`__exit__`, with an exception of the standard class of that name where one left the block."""
    if kind is None:
        return value.__exit__(None, None, None)
    error = standard(f"builtins:{kind}")(*args)
    return value.__exit__(type(error), error, None)


def _swapped(act: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda value, left: act(left, value)


_BINARY: Final = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "matmul": operator.matmul, "mod": operator.mod,
    "truediv": operator.truediv, "floordiv": operator.floordiv, "pow": operator.pow, "divmod": divmod,
    "lshift": operator.lshift, "rshift": operator.rshift, "and": operator.and_, "or": operator.or_, "xor": operator.xor,
}  # fmt: skip
_SPECIAL: Final[dict[str, Callable[..., Any]]] = {
    **_BINARY,
    **{f"r{name}": _swapped(act) for name, act in _BINARY.items()},
    **{f"i{name}": getattr(operator, f"i{name}") for name in _BINARY if name != "divmod"},
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "contains": operator.contains, "getitem": operator.getitem, "setitem": operator.setitem,
    "delitem": operator.delitem, "abs": abs, "neg": operator.neg, "pos": operator.pos, "invert": operator.invert,
    "index": operator.index, "len": len, "iter": iter, "reversed": reversed, "str": str, "repr": repr,
    "format": format, "bool": bool, "int": int, "float": float, "complex": complex, "round": round, "bytes": bytes,
    "copy": copy.copy, "deepcopy": copy.deepcopy, "enter": lambda value: value.__enter__(), "leave": _leave, "dir": dir,
}  # fmt: skip
