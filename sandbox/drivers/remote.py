"""A function, class or object of the solution as test code sees it: what is done to it, is done in its own process.

What comes back is a plain value, which the solution can only have stated without knowing what the test expects. So an
object of the solution may be asked for its parts, but is not compared with a value of the test, nor handed one together
with a yes-or-no question: it could answer as it likes. Where two objects of the solution are compared, and where the
test itself has made the object by calling a class, the class is what is under test; the verdict then rests on the
solution's own word, which is reported as weak.

Whether a name is that of a class only the test can say: a capital letter is not enough, some data sets have functions
with one. So comparisons of what such a call gave count when the test also uses a member of it that no plain value has.
"""

from __future__ import annotations

import importlib
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from sandbox.calls import Target

_NAMES_OF_ALL: Final = ("__name__", "__doc__", "__qualname__")


class Link(Protocol):
    """What a remote thing needs of the partner."""

    def call(self, entry: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...

    def get(self, entry: Target) -> Any: ...

    def ask(self, op: str, entry: Target, *args: Any, **more: Any) -> Any: ...

    def refuse(self, cause: str, message: str) -> Exception: ...

    def rely_on_solution(self, made: Made | None) -> None: ...

    def suppressed(self, error: BaseException) -> None: ...


class Made:
    """What the test made by one call of what may be a class, with all that operators have made of it."""

    def __init__(self) -> None:
        self.used_as_object = False  # the test has asked it for a member that no plain value has


class Remote:
    """`made`: None for what a function of the solution, or an attribute, has given."""

    def __init__(self, link: Link, entry: Target, kind: str = "object") -> None:
        object.__setattr__(self, "_Remote__link", link)
        object.__setattr__(self, "_Remote__entry", entry)
        object.__setattr__(self, "_Remote__kind", kind)
        object.__setattr__(self, "_Remote__made", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__link.call(self.__entry, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _NAMES_OF_ALL:
            raise AttributeError(name)
        if self.__entry in sys.stdlib_module_names:  # the test forgot an import: `math.isclose` is no question of ours
            return getattr(importlib.import_module(str(self.__entry)), name)
        if self.__made is not None and name not in _MEMBERS_OF_PLAIN_VALUES:
            self.__made.used_as_object = True
        value = self.__link.get(self.__part(name))
        if name in _QUESTIONS and isinstance(value, Remote) and self.__is_result():
            raise self.__link.refuse("result", f"a result that is no plain value was asked for `{name}`")
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        self.__link.ask("set", self.__part(name), value)

    def __part(self, name: str) -> Target:
        if isinstance(self.__entry, str):
            return f"{self.__entry}.{name}"
        number, path = self.__entry
        return number, f"{path}.{name}" if path else name

    def __is_result(self) -> bool:
        return self.__made is None and not isinstance(self.__entry, str)

    def __special(self, name: str, *args: Any) -> Any:
        return self.__link.ask("special", self.__entry, *args, name=name)

    def __compared(self, name: str, other: Any) -> Any:
        """An operator with another operand."""
        plain = not isinstance(other, Remote)
        if plain and self.__made is None:
            raise self.__link.refuse("result", "a result that is no plain value was compared or computed with")
        result = self.__special(name, other)
        if isinstance(result, Remote) and self.__made is not None:
            result = as_made(result, self.__made)
        if plain or name in _COMPARISONS:
            self.__link.rely_on_solution(self.__made if plain else None)
        return result

    def __eq__(self, other: object) -> Any:
        return True if self is other else self.__compared("eq", other)

    def __ne__(self, other: object) -> Any:
        return False if self is other else self.__compared("ne", other)

    def __hash__(self) -> int:
        return hash(self.__entry)

    def __contains__(self, item: Any) -> bool:
        return bool(self.__compared("contains", item))

    def __iter__(self) -> Iterator[Any]:
        if self.__kind == "iterator":
            return self
        iterator: Iterator[Any] = iter(self.__special("iter"))
        return iterator

    def __next__(self) -> Any:
        taken = self.__link.ask("take", self.__entry, count=1)
        if not taken:
            raise StopIteration
        return taken[0]

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Remote) and self.__link.ask("isinstance", self.__entry, instance) is True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if kind is None or error is None:
            return bool(self.__special("leave", None, []))
        standard = next(base.__name__ for base in kind.__mro__ if base.__module__ == "builtins")
        suppressed = bool(self.__special("leave", standard, [str(error)]))
        if suppressed:
            self.__link.suppressed(error)
        return suppressed

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        raise self.__link.refuse("argument", "a class of the test has a base in the solution")

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__special("deepcopy")

    def __repr__(self) -> str:
        if isinstance(self.__entry, str):
            return f"<{self.__entry} of the solution>"
        return str(self.__special("repr"))

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What isinstance asks for: a result that is no plain value is of no type of Python."""
        if self.__is_result() and self.__kind == "object":
            raise self.__link.refuse("result", "a result that is no plain value was asked for its type")
        return Remote


def entry_of(remote: Remote) -> Target:
    entry: Target = object.__getattribute__(remote, "_Remote__entry")
    return entry


def as_made(remote: Remote, made: Made) -> Remote:
    """The same object as the test made it. Apart from `remote`, which stays what functions and methods give."""
    fields = (object.__getattribute__(remote, f"_Remote__{name}") for name in ("link", "entry", "kind"))
    twin = Remote(*fields)
    object.__setattr__(twin, "_Remote__made", made)
    return twin


def _public(*kinds: type) -> set[str]:
    return {name for kind in kinds for name in dir(kind) if not name.startswith("_")}


_MEMBERS_OF_PLAIN_VALUES: Final = _public(
    str, bytes, bytearray, list, dict, set, frozenset, tuple, int, float, complex, deque
)
_COMPARISONS: Final = ("eq", "ne", "lt", "le", "gt", "ge", "contains")
# Methods of plain values that take what the test expects and answer yes or no, or as good as that.
_QUESTIONS: Final = _public(str, bytes, frozenset, int, float, complex) - _public(list, dict, deque)


def _applied(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        return self._Remote__special(name, *args)

    return method


def _compared(name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        return self._Remote__compared(name, other)

    return method


_UNARY: Final = (
    "len", "getitem", "setitem", "delitem", "abs", "neg", "pos", "invert", "index", "reversed", "str", "format", "bool",
    "int", "float", "complex", "round", "bytes", "copy", "enter",
)  # fmt: skip
_BINARY: Final = (
    "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow", "lshift", "rshift", "and", "or",
    "xor",
)  # fmt: skip
for _name in _UNARY:
    setattr(Remote, f"__{_name}__", _applied(_name))
for _name in (*_BINARY, *(f"r{name}" for name in _BINARY), "lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _compared(_name))
for _name in _BINARY:
    if _name != "divmod":
        setattr(Remote, f"__i{_name}__", _compared(f"i{_name}"))
