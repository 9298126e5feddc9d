"""What test code says about itself, read from its syntax tree. Nothing is run."""

from __future__ import annotations

import ast
import builtins
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress

from reward_server.errors import GroundTruthInvalid


def require_python(code: str, what: str) -> ast.Module:
    """The syntax tree. Raises GroundTruthInvalid: a test that does not compile would fail every program."""
    try:
        with warnings.catch_warnings(action="ignore"):  # they would print the test
            return ast.parse(code)
    except SyntaxError as error:
        raise GroundTruthInvalid(f"{what} is not Python: {error.msg} in line {error.lineno}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise GroundTruthInvalid(f"{what} is not Python: {type(error).__name__}") from error


def require_check(code: str, what: str) -> None:
    """Raises GroundTruthInvalid where the code defines no `check`: it would accept every program."""
    if "check" not in _defined(require_python(code, what)):
        raise GroundTruthInvalid(f"{what} defines no function check(candidate)")


def require_test(code: str, what: str) -> None:
    """Raises GroundTruthInvalid where the code runs nothing and defines no test: it would accept every program."""
    tree = require_python(code, what)
    runs = any(not isinstance(node, DEFINITIONS) for node in tree.body)
    if not runs and not _defines_tests(tree):
        raise GroundTruthInvalid(f"{what} tests nothing: it holds neither a statement to run nor a test function")


def require_test_file(code: str, what: str) -> None:
    """Raises GroundTruthInvalid where a file for unittest or pytest defines no test: it would accept every program."""
    if not _defines_tests(require_python(code, what)):
        raise GroundTruthInvalid(f"{what} tests nothing: it defines no function or method test…")


def _defines_tests(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(("test", "runTest"))
        for node in ast.walk(tree)
    )


def foreign_imports(codes: Sequence[str]) -> list[str]:
    """Modules beside the standard library and the program that these codes import, sorted. No Python: none."""
    names: set[str] = set()
    for code in codes:
        with suppress(GroundTruthInvalid):
            names.update(_imported(require_python(code, "code")))
    return sorted(names - sys.stdlib_module_names - {"solution", "pytest", ""})


def _imported(tree: ast.Module) -> set[str]:
    """Those that its own statements import: a function may guard its imports."""
    roots = {alias.name.partition(".")[0] for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    froms = (node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom) and not node.level)
    return roots | {module.partition(".")[0] for module in froms}


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass)


def _defined(tree: ast.Module) -> set[str]:
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return functions | {target.id for target in targets if isinstance(target, ast.Name)}


def builtin_under_test(codes: Sequence[str]) -> str | None:
    """The function that all tests mean although Python has one of that name: `assert sum(10, 15) == 6` (MBPP 126).

    Only where every test names nothing but builtins, and the first of its innermost calls is the same in all. In any
    other test a builtin is Python's own, or a program could bring an `abs` or a `set` that makes everything equal.
    """
    meant = {_builtin_meant(code) for code in codes}
    return meant.pop() if len(meant) == 1 else None


def _builtin_meant(code: str) -> str | None:
    tree = require_python(code, "test")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if not names or not all(hasattr(builtins, name) for name in names) or _imports(tree):
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    innermost = [call for call in calls if not any(_calls_inside(call))]
    innermost.sort(key=lambda call: (call.lineno, call.col_offset))
    return innermost[0].func.id if innermost and isinstance(innermost[0].func, ast.Name) else None


def _imports(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree))


def _calls_inside(call: ast.Call) -> list[ast.Call]:
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return [node for argument in arguments for node in ast.walk(argument) if isinstance(node, ast.Call)]
