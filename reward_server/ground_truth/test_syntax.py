"""What test code says about itself, read from its syntax tree. Nothing is run."""

from __future__ import annotations

import ast
import builtins
import warnings

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


def builtin_under_test(code: str) -> str | None:
    """The function that a test means although Python has one of that name: `assert sum(10, 15) == 6` (MBPP 126).

    Only where a test names nothing but builtins; the first of its innermost calls then is the program's. In any other
    test a builtin is Python's own, or a program could bring an `abs` or a `set` that makes everything equal.
    """
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
