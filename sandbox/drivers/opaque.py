"""A result of the solution that is not plain, as test code sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_REFUSED: Final = (
    "eq", "ne", "lt", "le", "gt", "ge", "hash", "len", "iter", "next", "reversed", "getitem", "setitem", "delitem",
    "contains", "call", "str", "repr", "format", "int", "float", "complex", "index", "abs", "neg", "pos", "invert",
    "round", "enter", "add", "radd", "sub", "rsub", "mul", "rmul", "matmul", "rmatmul", "truediv", "rtruediv",
    "floordiv", "rfloordiv", "mod", "rmod", "divmod", "rdivmod", "pow", "rpow", "lshift", "rlshift", "rshift",
    "rrshift", "and", "rand", "or", "ror", "xor", "rxor",
)  # fmt: skip


class Opaque:
    """True or false, and not None. Whatever else is asked of it cannot cross: `refuse` makes the exception for that.

    `__class__` is what isinstance asks for.
    """

    def __init__(self, refuse: Callable[[], Exception], truth: bool) -> None:
        self._refuse = refuse
        self._truth = truth

    def __bool__(self) -> bool:
        return self._truth

    def __getattr__(self, name: str) -> Any:
        raise self._refuse()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise self._refuse()


def _refused(self: Opaque, *_: Any) -> Any:
    raise self._refuse()


for _name in _REFUSED:
    setattr(Opaque, f"__{_name}__", _refused)
