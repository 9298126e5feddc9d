"""Mode CALLS: a solution answers calls with plain values, and with nothing else."""

from __future__ import annotations

import pytest
from sandbox_harness import Runner

from sandbox import Mode, Program, RunStatus, Sandbox
from sandbox.calls import Call, ReplyKind, read_replies, requests

pytestmark = pytest.mark.sandbox


def test_calls_are_answered_in_order(run: Runner) -> None:
    replies = run.calls("def f(a, b=1): return a - b", Call("f", [5]), Call("f", [5, 3]), Call("f", [1], {"b": 9}))
    assert [reply.value for reply in replies] == [4, 2, -8]


@pytest.mark.parametrize("entry", ["Solution.twice", "Solution().twice"])
def test_method_gets_a_fresh_instance(run: Runner, entry: str) -> None:
    source = (
        "class Solution:\n  def __init__(self): self.n = 0\n  def twice(self, x):\n"
        "    self.n += 1\n    return self.n, 2 * x"
    )
    replies = run.calls(source, Call(entry, [4]), Call(entry, [5]))
    assert [reply.value for reply in replies] == [(1, 8), (1, 10)]


def test_static_and_class_methods_work(run: Runner) -> None:
    source = "class S:\n  @staticmethod\n  def a(x): return x\n  @classmethod\n  def b(cls): return cls.__name__"
    assert [reply.value for reply in run.calls(source, Call("S.a", [1]), Call("S.b"))] == [1, "S"]


def test_main_block_does_not_run_and_prints_stay_out_of_the_channel(sandbox: Sandbox) -> None:
    source = "print('loading')\ndef f(): print('called'); return 1\nif __name__ == '__main__': 1 / 0"
    result = sandbox.run(Program(source, Mode.CALLS, channel=requests([Call("f")])))
    assert result.stdout == b"loading\ncalled\n"
    assert read_replies(result.channel, 1)[0].value == 1


def test_exceptions_are_answers_too(run: Runner) -> None:
    source = "def f(x):\n  if x: raise x_error\n  exit()\nclass Mine(ValueError): pass\nx_error = Mine('no', 3)"
    first, second, third = run.calls(source, Call("f", [1]), Call("f", [0]), Call("g"))
    assert (first.kind, first.error, first.base, first.args) == (ReplyKind.ERROR, "Mine", "ValueError", ("no", 3))
    assert second.error == "SystemExit"
    assert (third.error, third.message) == ("NameError", "name 'g' is not defined")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 ** 5000", 2**5000),
        ("(1, [2.0, None], {3: {4}})", (1, [2.0, None], {3: {4}})),
        ("__import__('collections').Counter('aab')", {"a": 2, "b": 1}),
        ("type('I', (int,), {'__eq__': lambda s, o: True, '__hash__': None})(7)", 7),
        ("type('L', (list,), {'__iter__': lambda s: iter([9])})([1])", [1]),
        ("type('S', (str,), {'__str__': lambda s: 'lie'})('truth')", "truth"),
        ("type('D', (dict,), {'items': lambda s: [(0, 0)]})(a=1)", {"a": 1}),
    ],
)
def test_values_arrive_as_exact_standard_types(run: Runner, expression: str, value: object) -> None:
    reply = run.value(f"def f(): return {expression}")
    assert (reply.value, type(reply.value)) == (value, type(value))


def test_generator_is_read_out(run: Runner) -> None:
    assert list(run.value("def f():\n  yield 1\n  yield 2").value) == [1, 2]


@pytest.mark.parametrize("expression", ["object()", "f", "iter(int, 1)", "[[]] * 10 and loop()", "re.compile('x')"])
def test_value_that_is_not_plain_is_unsupported(run: Runner, expression: str) -> None:
    source = f"import re\ndef loop():\n  x = []; x.append(x); return x\ndef f(): return {expression}"
    assert run.value(source).kind is ReplyKind.UNSUPPORTED


def test_changed_arguments_come_back(run: Runner) -> None:
    reply = run.value("def f(a, b, c): a.append(1); c['k'] = b.copy()", "f", [0], [5], {})
    assert reply.changed == ((0, [0, 1]), (2, {"k": [5]}))


@pytest.mark.parametrize(
    "noise",
    [
        "b'garbage\\n'",
        'b\'{"id":1,"value":3}\\n{"id":1,"value":3}\\n\'',
        "b'[]\\n'",
        "b'\\xff\\n'",
        "b'[' * 100000 + b'\\n'",
    ],
)
def test_noise_on_the_channel_is_never_more_than_a_value(run: Runner, noise: str) -> None:
    source = (
        f"import os\ndef f(x):\n  for fd in range(3, 30):\n    try: os.write(fd, {noise})\n"
        f"    except OSError: pass\n  return x"
    )
    first, second = run.calls(source, Call("f", [1]), Call("f", [2]))
    assert second.kind is ReplyKind.BROKEN
    assert first.kind is ReplyKind.BROKEN or first.value == 3


def test_program_that_leaves_does_not_answer(run: Runner) -> None:
    replies = run.calls(
        "import os\ndef f(x): return x if x else os._exit(0)", Call("f", [1]), Call("f", [0]), Call("f", [1])
    )
    assert [reply.kind for reply in replies] == [ReplyKind.VALUE, ReplyKind.BROKEN, ReplyKind.BROKEN]


def test_source_that_does_not_load_ends_as_a_script_would(sandbox: Sandbox) -> None:
    result = sandbox.run(Program("def f(:", Mode.CALLS, channel=requests([Call("f")])))
    assert (result.status, result.exit_code, result.channel) == (RunStatus.EXITED, 1, b"")
    assert b"SyntaxError" in result.stderr
    assert b"drivers" not in result.stderr
    assert sandbox.run(Program("exit(3)", Mode.CALLS)).exit_code == 3


def test_answer_larger_than_the_output_limit_ends_the_run(sandbox: Sandbox) -> None:
    program = Program("def f(): return 'x' * (2 << 20)", Mode.CALLS, channel=requests([Call("f")]))
    assert sandbox.run(program).status is RunStatus.OUTPUT_LIMIT
