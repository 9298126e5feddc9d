"""The reference solution that a row of programming problems carries, as a completion that states it.

| data set | what is read |
| --- | --- |
| HumanEval, HumanEval+, BigCodeBench | `canonical_solution`, which continues the prompt |
| MBPP, MBPP+ | `code` |
| APPS, TACO | the first of `solutions`, JSON text of a list |
| CodeContests | the first of `solutions` in the language of the tests |
| PrimeIntellect, open-r1 | `gold_standard_solution`, perhaps in a fence |
| KodCode, LeetCodeDataset | `solution`, `completion` |
"""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.answers import fields_of
from reward_server.ground_truth.code import CodeTests
from reward_server.ground_truth.layers import unwrapped

MAX_CHARS = 1_000_000
_CONTINUES = "canonical_solution"
_WHOLE = ("gold_standard_solution", "reference_solution", "code", "solution", "completion")
# CodeContests numbers its languages: https://huggingface.co/datasets/deepmind/code_contests
_CONTESTS = {"cpp": 2, "python": 3, "java": 4}


def reference_of(ground_truth: JsonValue, problem: CodeTests) -> str | None:
    """A completion with the row's own solution; None where it has none that can be read."""
    for row in fields_of(ground_truth):
        source = _source(row, problem)
        if source and source.strip() and len(source) <= MAX_CHARS:
            return source if "```" in source else f"```{problem.language}\n{source}\n```"
    return None


def _source(row: dict[str, Any], problem: CodeTests) -> str | None:
    body = row.get(_CONTINUES)
    if isinstance(body, str):
        return body if _is_whole(body, problem) else problem.prefix + body
    found = next((row[name] for name in _WHOLE if isinstance(row.get(name), str) and row[name].strip()), None)
    return found if found is not None else _first(row.get("solutions"), problem.language)


def _is_whole(source: str, problem: CodeTests) -> bool:
    """Whether a solution defines what is called, and is no body of it."""
    return not source[:1].isspace() and any(f"def {name}" in source for name in problem.entries)


def _first(solutions: Any, language: str) -> str | None:
    """The first of a list of sources, or of CodeContests' columns in this language."""
    if isinstance(solutions, str):
        try:
            solutions = unwrapped(solutions, "`solutions`")
        except GroundTruthInvalid:
            return None
    if isinstance(solutions, dict):
        languages, sources = solutions.get("language"), solutions.get("solution")
        if not isinstance(languages, list) or not isinstance(sources, list):
            return None
        number = _CONTESTS.get(language)
        solutions = [source for one, source in zip(languages, sources, strict=False) if one == number]
    first = solutions[0] if isinstance(solutions, list) and solutions else None
    return first if isinstance(first, str) else None
