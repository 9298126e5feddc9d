"""Tests of programs: the shapes in which data sets carry them → one kind.

Understood: our own `{"tests": […], "setup": "…"}` or a bare list of tests, a list of assert strings (AceCode, MBPP),
a HumanEval row (`test`, `entry_point`), an MBPP row (`test_list`, `test_imports`), APPS, TACO and PRIME columns
(`inputs`, `outputs`, `fn_name`); each also as a JSON string. Nothing is unpickled or evaluated.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from reward_server import lenient_json
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.test_syntax import require_check, require_python, require_test

MAX_TESTS = 512
JSON_LAYERS = 3  # data sets encode JSON in strings of JSON


class TestModel(BaseModel):
    __test__ = False  # not for pytest
    model_config = ConfigDict(frozen=True, extra="forbid")


class StdinTest(TestModel):
    """The program reads `stdin` and must write `stdout`."""

    type: Literal["stdin"] = "stdin"
    stdin: str
    stdout: str


class CallTest(TestModel):
    """The function, or `Class.method`, must return `expected`."""

    type: Literal["call"] = "call"
    entry: str = Field(min_length=1)
    args: list[JsonValue] = Field(default_factory=list)
    kwargs: dict[str, JsonValue] = Field(default_factory=dict)
    expected: JsonValue


class AssertTest(TestModel):
    """Test code that fails with an exception; names it does not define are those of the program."""

    type: Literal["assert"] = "assert"
    code: str = Field(min_length=1)


class CheckTest(TestModel):
    """Code that defines `check(candidate)`, called with the function `entry` of the program (HumanEval)."""

    type: Literal["check"] = "check"
    code: str = Field(min_length=1)
    entry: str = Field(min_length=1)


Test = Annotated[StdinTest | CallTest | AssertTest | CheckTest, Field(discriminator="type")]


class CodeTests(TestModel):
    """All tests of one problem. `setup` runs before the asserts; `prefix` is what the completion continues."""

    language: Literal["python"] = "python"
    tests: list[Test] = Field(min_length=1, max_length=MAX_TESTS)
    setup: str = ""
    prefix: str = ""

    @property
    def entries(self) -> list[str]:
        """Functions and classes that the program must define, as far as the tests say."""
        names = (test.entry.partition(".")[0] for test in self.tests if isinstance(test, CallTest | CheckTest))
        return list(dict.fromkeys(names))


def parse_code_tests(ground_truth: JsonValue) -> CodeTests:
    """The tests of a ground truth in any of the shapes above. Raises GroundTruthInvalid."""
    shape = _unwrapped(ground_truth)
    try:
        problem = CodeTests.model_validate(_normalised(shape))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise GroundTruthInvalid(f"tests do not fit: {where}: {first['msg']}") from error
    require_python(problem.setup, "setup")
    for place, test in enumerate(problem.tests):
        if isinstance(test, CheckTest):
            require_check(test.code, f"test {place}")
        elif isinstance(test, AssertTest):
            require_test(test.code, f"test {place}")
    return problem


def _unwrapped(ground_truth: Any) -> Any:
    for _ in range(JSON_LAYERS):
        if not isinstance(ground_truth, str):
            break
        try:
            ground_truth = lenient_json.loads(ground_truth.encode("utf-8", "replace"))
        except ValueError as error:
            raise GroundTruthInvalid(
                "expected tests as an object, a list or JSON text of them, got other text"
            ) from error
    return ground_truth


def _normalised(shape: Any) -> Any:
    if isinstance(shape, list):
        return {"tests": [{"type": "assert", "code": test} if isinstance(test, str) else test for test in shape]}
    if not isinstance(shape, dict):
        raise GroundTruthInvalid(f"expected tests as an object or a list, got {type(shape).__name__}")
    if "tests" in shape:
        return shape
    if "test" in shape and "entry_point" in shape:
        return _humaneval(shape)
    if "test_list" in shape:
        return _mbpp(shape)
    if "inputs" in shape and "outputs" in shape:
        return _apps(shape)
    known = "`tests`, `test` with `entry_point`, `test_list`, or `inputs` with `outputs`"
    raise GroundTruthInvalid(f"expected an object with {known}, got the fields {', '.join(map(str, shape))[:200]}")


def _humaneval(row: dict[str, Any]) -> dict[str, Any]:
    check = {"type": "check", "code": row["test"], "entry": row["entry_point"]}
    return {"tests": [check], "prefix": row.get("prompt") or ""}


def _mbpp(row: dict[str, Any]) -> dict[str, Any]:
    setup = [*(row.get("test_imports") or []), row.get("test_setup_code") or ""]
    return {"tests": [{"type": "assert", "code": code} for code in row["test_list"]], "setup": "\n".join(setup).strip()}


def _apps(row: dict[str, Any]) -> dict[str, Any]:
    inputs, outputs, entry = row["inputs"], row["outputs"], row.get("fn_name")
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        raise GroundTruthInvalid("expected `inputs` and `outputs` to be lists of one length")
    pairs = zip(inputs, outputs, strict=True)
    if entry is None:
        return {"tests": [{"type": "stdin", "stdin": _lines(i), "stdout": _lines(o)} for i, o in pairs]}
    return {"tests": [{"type": "call", "entry": entry, "args": _args(i), "expected": _result(o)} for i, o in pairs]}


def _lines(text: Any) -> Any:
    return "\n".join(map(str, text)) if isinstance(text, list) else text


def _args(arguments: Any) -> Any:
    """A list of arguments, or PRIME's text with one JSON value a line."""
    return [_json(line) for line in arguments.splitlines()] if isinstance(arguments, str) else arguments


def _result(output: Any) -> Any:
    """The value, which APPS wraps in a list and PRIME writes as JSON text."""
    if isinstance(output, str):
        return _json(output)
    return output[0] if isinstance(output, list) and len(output) == 1 else output


def _json(text: str) -> Any:
    try:
        return lenient_json.loads(text.encode("utf-8", "replace"))
    except ValueError as error:
        raise GroundTruthInvalid("expected the arguments and results of `fn_name` as JSON") from error
