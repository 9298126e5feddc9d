"""The tests of one problem: what a ground truth of the check `code` becomes, in whichever shape it comes.

Our own shape is an object with `tests` (objects as in /v1/code/judge) and what else `CodeTests` has, or a bare list of
tests; the shapes of data sets are told in code_rows.py. Each may be JSON text. Nothing is unpickled or evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, JsonValue, ValidationError

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.code_rows import tests_of
from reward_server.ground_truth.languages import canonical
from reward_server.ground_truth.test_syntax import require_check, require_python, require_test, require_test_file
from reward_server.wire import GoldKind, Wire
from reward_server.wire_code import (
    MAX_SUBTASKS,
    MAX_TESTS,
    AssertTest,
    CallTest,
    CheckTest,
    CodeTest,
    Compare,
    PytestTest,
    StdinTest,
    UnittestTest,
)

CALLED = ("python", "javascript")  # languages whose functions can be called
MAX_DEPTH = 200  # no value that crosses from a program is nested deeper


class CodeTests(Wire):
    """`setup` runs before test code; `prefix` is what the program continues."""

    language: str = "python"
    tests: list[CodeTest] = Field(min_length=1, max_length=MAX_TESTS)
    setup: str = ""
    prefix: str = ""
    compare: Compare = Compare()
    subtasks: dict[str, float] = Field(default_factory=dict, max_length=MAX_SUBTASKS)
    time_limit_s: float | None = Field(
        default=None, gt=0, description="CPU time of each run, where the problem has one"
    )
    memory_limit_mb: int | None = Field(default=None, ge=1, description="of each run, where the problem has one")

    @property
    def entries(self) -> list[str]:
        """Functions and classes that the program must define, as far as the tests say."""
        names = (test.entry.partition(".")[0] for test in self.tests if isinstance(test, CallTest | CheckTest))
        return list(dict.fromkeys(name.removesuffix("()") for name in names))


def parse_code_tests(ground_truth: JsonValue, language: str = "python") -> CodeTests:
    """The tests of a ground truth; `language` is that of programs where it does not say. Raises GroundTruthInvalid."""
    shape = {"language": language, **tests_of(ground_truth)}
    shape["language"] = canonical(str(shape["language"]))
    try:
        problem = CodeTests.model_validate(shape)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise GroundTruthInvalid(f"tests do not fit: {where}: {first['msg']}") from error
    require_judgeable(problem)
    return problem


_KINDS = {"stdin": GoldKind.CODE_STDIO, "call": GoldKind.CODE_CALL, "assert": GoldKind.CODE_ASSERTS}
_FILES = ("check", "unittest", "pytest")


def kind_of_tests(problem: CodeTests) -> GoldKind:
    """That of the first test that runs the program; compiling alone counts as its way of reading input."""
    kinds = (GoldKind.CODE_PYTEST if test.type in _FILES else _KINDS.get(test.type) for test in problem.tests)
    return next((kind for kind in kinds if kind is not None), GoldKind.CODE_STDIO)


def require_judgeable(problem: CodeTests) -> None:
    """Raises GroundTruthInvalid where a test cannot fail, cannot pass, or is not for this language."""
    if problem.setup or (problem.prefix and problem.language != "python"):
        _require_language("setup and prefix", problem.language, ("python",))
        require_python(problem.setup, "setup")
    for place, test in enumerate(problem.tests):
        what = f"test {place}"
        match test:
            case CheckTest():
                require_check(test.code, what)
            case AssertTest():
                require_test(test.code, what)
            case UnittestTest() | PytestTest():
                require_test_file(test.code, what)
            case CallTest():
                _require_call(test, what)
            case StdinTest() if test.checker is not None:
                canonical(test.checker.language)
        if isinstance(test, CallTest):
            _require_language(f"{what} ({test.type})", problem.language, CALLED)
        elif isinstance(test, CheckTest | AssertTest | UnittestTest | PytestTest):
            _require_language(f"{what} ({test.type})", problem.language, ("python",))


def _require_language(what: str, language: str, fit: tuple[str, ...]) -> None:
    if language not in fit:
        raise GroundTruthInvalid(f"{what} is for programs in {' or '.join(fit)}, and the language is {language}")


def _require_call(test: CallTest, what: str) -> None:
    name = test.changes
    there = name is None or (0 <= name < len(test.args) if isinstance(name, int) else name in test.kwargs)
    if not there:
        raise GroundTruthInvalid(f"{what}: `changes` names argument {name!r:.80}, which the call has not")
    if any(_deep(value) for value in (test.args, test.kwargs, test.expected)):
        raise GroundTruthInvalid(f"{what}: expected values nested at most {MAX_DEPTH} deep")


def _deep(value: JsonValue) -> bool:
    level: list[JsonValue] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, Mapping) else []
