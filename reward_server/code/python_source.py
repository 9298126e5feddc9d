"""What a Python program defines, and a whole program from what the policy wrote and the prompt that it continues."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate

MAX_PARSED_CHARS = 100_000

_DEFINITION = re.compile(r"^(?:(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|(\w+)[ \t]*=(?!=))", re.MULTILINE)


def complete(source: str, prefix: str, entries: list[str]) -> str:
    """A whole program from what the policy wrote and the prompt it was to continue.

    HumanEval asks for the body of a function that the prompt began: where the entry is not defined, the prompt comes
    first as it is. Where it is, the prompt still gives the imports and helpers that the function may use. A prompt in
    a natural language is no code and stays out.
    """
    whole = closed(prefix) if prefix else ""
    if not whole:
        return source
    return _joined(whole if _names(source).issuperset(entries) else prefix, source)


def defines(source: str, name: str) -> bool:
    return name in _names(source)


@lru_cache(maxsize=16)  # asked for once a test
def _names(source: str) -> frozenset[str]:
    """What the program defines: by its syntax, or where it does not parse (a function's body alone) by its lines."""
    tree = _parsed(source)
    return frozenset(_defined(tree) if tree else {name for pair in _DEFINITION.findall(source) for name in pair})


def _parsed(source: str) -> ast.Module | None:
    """The syntax tree, or None where there is none, or where building one would take the server long."""
    if len(source) > MAX_PARSED_CHARS:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # they would print the program
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=256)
def closed(prefix: str) -> str:
    """The prompt with a function it began closed, so that a program can follow; nothing where it is not Python."""
    begun, whole = prefix.rstrip() + "\n    pass\n", prefix.rstrip() + "\n"
    if _parsed(begun):
        return begun
    tree = _parsed(whole)
    # A single word of prose is an expression too; code brings names.
    return whole if tree and _defined(tree) else ""


def _defined(tree: ast.Module) -> set[str]:
    """The names that the module's own statements bind, those under `if` and `try` too."""
    names: set[str] = set()
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        names.update(_bound(node))
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = ast.iter_child_nodes(node)
            nodes.extend(child for child in inner if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case))
    return names


def _bound(node: ast.AST) -> Iterable[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name.partition(".")[0] for alias in aliases]
        case ast.Assign(targets=targets):
            inner = (part for target in targets for part in ast.walk(target))
            return [part.id for part in inner if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return [name]
    return []


def _joined(prefix: str, source: str) -> str:
    """Both, with the `from __future__` lines of both on top: Python takes them nowhere else."""
    if "__future__" not in source:
        return prefix + source
    futures, parts = zip(_without_futures(prefix), _without_futures(source), strict=True)
    return "".join(futures) + "".join(parts)


def _without_futures(source: str) -> tuple[str, str]:
    """The `from __future__` lines that the source begins with, and the source with `pass` in their place."""
    tree = _parsed(source)
    if tree is None:
        return "", source
    data = source.encode()  # the columns of ast count bytes
    starts = [0, *accumulate(map(len, data.splitlines(keepends=True)))]
    rest, end, futures = [], 0, ""
    for node in tree.body[ast.get_docstring(tree) is not None :]:
        if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
            break
        rest.append(data[end : starts[node.lineno - 1] + node.col_offset])
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        futures += ast.unparse(node) + "\n"
    return futures, b"pass".join([*rest, data[end:]]).decode()
