"""The weak way: program and tests in one process, for tests that hand the program something that is no value.

A token per test says that it ran to its end. A program that looks for the tokens in its own process can find them: no
test in the same process can be made sound, which is why the verdict then says `trusted: weak`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from reward_server.code.outcome import Outcome, bad_end
from reward_server.wire_code import AssertTest, CheckTest, CodeVerdict, PytestTest, UnittestTest
from sandbox.types import ExecutionResult, Program

_HARNESS = """
import json, os, sys
source, setup, cases = json.loads({payload!r})
namespace = {{"__name__": "solution"}}
exec(compile(source, "solution.py", "exec"), namespace)
exec(compile(setup, "tests.py", "exec"), namespace)
for code, entry, token in cases:
    try:
        exec(compile(code, "tests.py", "exec"), namespace)
        if entry:
            namespace["check"](namespace[entry])
    except BaseException as error:
        print(type(error).__name__, file=sys.stderr)
    else:
        sys.stdout.flush()
        os.write(1, ("\\n" + token + "\\n").encode())
"""


def new_tokens(count: int) -> tuple[str, ...]:
    return tuple(secrets.token_hex(16) for _ in range(count))


def shared_program(
    source: str, setup: str, tests: Sequence[AssertTest | CheckTest | UnittestTest | PytestTest], tokens: Sequence[str]
) -> Program:
    """The program that runs source and tests together, and prints the token of each test that passed."""
    entries = [test.entry if isinstance(test, CheckTest) else "" for test in tests]
    cases = [(test.code, entry, token) for test, entry, token in zip(tests, entries, tokens, strict=True)]
    return Program(_HARNESS.format(payload=json.dumps([source, setup, cases])))


def shared_outcomes(result: ExecutionResult, tokens: Sequence[str]) -> list[Outcome]:
    """One outcome a test, all of them weak. What the process wrote stays out: the tests are in it."""
    lines = set(result.stdout.split(b"\n"))
    ended = bad_end(result)
    missed = Outcome(ended.verdict, ended.message, weak=True) if ended else Outcome(CodeVerdict.WRONG_ANSWER, weak=True)
    passed = Outcome(CodeVerdict.ACCEPTED, weak=True)
    return [passed if token.encode() in lines else missed for token in tokens]
