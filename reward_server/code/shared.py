"""The weak way: program and tests in one process, for tests that hand the program something that is no value.

A token per test says that it ran to its end. A program that looks for the tokens in its own process can find them: no
test in the same process can be made sound, which is why the verdict then says `trusted: weak`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from reward_server.code.outcome import Outcome, bad_end
from reward_server.errors import GroundTruthInvalid
from reward_server.wire_code import AssertTest, CheckTest, CodeVerdict, PytestTest, UnittestTest
from sandbox.suite import pytest_for_one_process
from sandbox.types import ExecutionResult, Program

_HARNESS = """
import json, os, sys, types
import pytest
source, setup, cases, unsupported = json.loads({payload!r})
solution = sys.modules["solution"] = types.ModuleType("solution")
solution.__file__ = "solution.py"
namespace = solution.__dict__
exec(compile(source, "solution.py", "exec"), namespace)
exec(compile(setup, "tests.py", "exec"), namespace)
def say(token):
    sys.stdout.flush()
    os.write(1, ("\\n" + token + "\\n").encode())
for code, entry, token in cases:
    before = dict(namespace)
    try:
        exec(compile(code, "tests.py", "exec"), namespace)
        if entry:
            namespace["check"](namespace[entry])
        else:
            pytest.run_collected({{name: value for name, value in namespace.items() if before.get(name) is not value}})
    except pytest.Unsupported:
        say(unsupported)
    except BaseException as error:
        print(type(error).__name__, file=sys.stderr)
    else:
        say(token)
"""


def _token() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Tokens:
    """What is printed for each test that passed, and where one uses something of pytest that is not here."""

    passed: tuple[str, ...]
    unsupported: str = field(default_factory=_token)


def new_tokens(count: int) -> Tokens:
    return Tokens(tuple(_token() for _ in range(count)))


def shared_program(
    source: str, setup: str, tests: Sequence[AssertTest | CheckTest | UnittestTest | PytestTest], tokens: Tokens
) -> Program:
    """The program that runs source and tests together, and prints the token of each test that passed."""
    entries = [test.entry if isinstance(test, CheckTest) else "" for test in tests]
    cases = [(test.code, entry, token) for test, entry, token in zip(tests, entries, tokens.passed, strict=True)]
    payload = json.dumps([source, setup, cases, tokens.unsupported])
    files = {**pytest_for_one_process(), "solution.py": source.encode("utf-8", "replace")}
    return Program(_HARNESS.format(payload=payload), files=files)


def shared_outcomes(result: ExecutionResult, tokens: Tokens) -> list[Outcome]:
    """One outcome a test, all of them weak. What the process wrote stays out: the tests are in it.

    Raises GroundTruthInvalid where a test cannot be run here.
    """
    lines = set(result.stdout.split(b"\n"))
    if tokens.unsupported.encode() in lines:
        raise GroundTruthInvalid("a test uses something of pytest that is not supported here")
    ended = bad_end(result)
    missed = Outcome(ended.verdict, ended.message, weak=True) if ended else Outcome(CodeVerdict.WRONG_ANSWER, weak=True)
    passed = Outcome(CodeVerdict.ACCEPTED, weak=True)
    return [passed if token.encode() in lines else missed for token in tokens.passed]
