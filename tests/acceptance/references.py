"""HumanEval and MBPP: their reference programs, and mutants of them with what a plain run of their tests says."""

from __future__ import annotations

import ast
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.acceptance.code_corpus import SHARED, Submission

BARE_SECONDS = 10
LIMITS = {"cpu_s": 4, "wall_s": 15}
OPTIONS = {"deadline_ms": 300_000}  # a mutant that never ends takes its time for each of its tests
_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE,
    ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
_REFUSED = (
    "wrong_answer", "runtime_error", "time_limit_exceeded", "memory_limit_exceeded", "output_limit_exceeded",
)  # fmt: skip


def problems() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(name, reference program, judge request without its program)."""
    with gzip.open(SHARED / "data" / "humaneval" / "HumanEval.jsonl.gz", "rt") as file:
        for row in map(json.loads, file):
            tests = [{"type": "check", "code": row["test"], "entry": row["entry_point"]}]
            yield row["task_id"], row["prompt"] + row["canonical_solution"], {"tests": tests, "prefix": row["prompt"]}
    for row in json.loads((SHARED / "data" / "mbpp" / "mbpp.json").read_text()):
        tests = [{"type": "assert", "code": code} for code in row["test_list"]]
        yield f"MBPP/{row['task_id']}", row["code"], {"tests": tests, "setup": "\n".join(row["test_imports"])}


def references() -> list[Submission]:
    return [
        Submission(name, {"source": source, "limits": LIMITS, "options": OPTIONS, **body}, ("accepted",))
        for name, source, body in problems()
    ]


def mutants(seed: int, per_program: int) -> list[Submission]:
    """References with a wrong operator or a number off by one, and with functions that return a constant.

    A mutant can be right: `expect` is what its tests say in one plain process.
    """
    chosen = random.Random(seed)
    made = [
        (f"{name} {kind}", source, body) for name, reference, body in problems()
        for kind, source in _mutated(reference, body["tests"][0].get("entry"), chosen, per_program)
    ]  # fmt: skip
    with ThreadPoolExecutor(2) as threads:
        passes = list(threads.map(lambda one: _passes_bare(one[1], one[2]), made))
    return [
        Submission(
            name, {"source": source, "limits": LIMITS, "options": OPTIONS, **body}, ("accepted",) if right else _REFUSED
        )
        for (name, source, body), right in zip(made, passes, strict=True)
    ]


def _mutated(reference: str, entry: str | None, chosen: random.Random, count: int) -> Iterator[tuple[str, str]]:
    """`entry`: the function under test. Others are helpers of the prompt, which the tests take from the prompt."""
    places = _Mutator(0, entry)
    places.visit(ast.parse(reference))
    for place in chosen.sample(range(1, places.seen + 1), min(count, places.seen)):
        mutator = _Mutator(place, entry)
        tree = mutator.visit(ast.parse(reference))
        yield f"{mutator.kind} {place}", ast.unparse(ast.fix_missing_locations(tree))
    yield "constant", _constant(reference)


class _Mutator(ast.NodeTransformer):
    """Changes the one place whose number it is given."""

    def __init__(self, place: int, entry: str | None) -> None:
        self.place, self.entry, self.seen, self.kind = place, entry, 0, ""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        for one in node.body:
            if self.entry is None or getattr(one, "name", None) == self.entry:
                self.generic_visit(one)
        return node

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Module):
            return self.visit_Module(node)
        self.generic_visit(node)
        if type(node) in _SWAPPED:
            return self._here("wrong operator", _SWAPPED[type(node)]()) or node
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return self._here("off by one", ast.copy_location(ast.Constant(node.value + 1), node)) or node
        return node

    def _here(self, kind: str, changed: ast.AST) -> ast.AST | None:
        self.seen += 1
        if self.seen != self.place:
            return None
        self.kind = kind
        return changed


def _constant(source: str) -> str:
    """The program with every function of its own returning a text."""
    module = ast.parse(source)
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Return(ast.Constant("a constant"))]
    return ast.unparse(ast.fix_missing_locations(module))


def _passes_bare(source: str, body: dict[str, Any]) -> bool:
    tests = [test["code"] + (f"\ncheck({test['entry']})" if test["type"] == "check" else "") for test in body["tests"]]
    program = "\n".join([body.get("prefix", "") and "from typing import *", source, body.get("setup", ""), *tests])
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program], capture_output=True, timeout=BARE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
