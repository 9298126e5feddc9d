"""Mode SCRIPT: a program sees what it would see under `python main.py`."""

from __future__ import annotations

import pytest
from sandbox_harness import Runner

from sandbox import InvalidProgramError, Limits, Mode, Program, RunStatus, Sandbox

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize(
    ("source", "stdin", "stdout"),
    [
        ("print('hello')", b"", b"hello\n"),
        ("a, b = map(int, input().split()); print(a + b)", b"1 2\n", b"3\n"),
        ("import sys; print(sys.stdin.read())", "é\n".encode(), "é\n\n".encode()),
        ("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", b"\xff\x00", b"\xff\x00"),
        ("import os; print(os.read(0, 9))", b"abc", b"b'abc'\n"),
        ("import os; os.write(1, b'raw')", b"", b"raw"),
        ("try: input()\nexcept EOFError: print('end')", b"", b"end\n"),
        ("if __name__ == '__main__': print(__name__)", b"", b"__main__\n"),
        ("import sys; print(sys.argv, __file__)", b"", b"['main.py'] main.py\n"),
        ("print(type(eval('1 if True else 2')), isinstance('x', str))", b"", b"<class 'int'> True\n"),
        ("import __main__; x = 4; print(__main__.x)", b"", b"4\n"),
        ("import atexit; atexit.register(print, 'bye'); print('hi')", b"", b"hi\nbye\n"),
        ("out = open(1, 'w'); out.write('held only by the program')", b"", b"held only by the program"),
        (
            "import threading, time\ndef late(): time.sleep(.05); print('late')\nthreading.Thread(target=late).start()",
            b"",
            b"late\n",
        ),
        (
            ("import sys; sys.setrecursionlimit(30000)\ndef f(n): return n and 1 + f(n - 1)\nprint(f(20000))"),
            b"",
            b"20000\n",
        ),
        (
            ("import os\nif os.fork() == 0: print('child'); os._exit(0) if False else exit()\nos.wait(); print('end')"),
            b"",
            b"child\nend\n",
        ),
        (
            (
                "import subprocess, sys; "
                "print(subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True).stdout)"
            ),
            b"",
            b"b'7\\n'\n",
        ),
        (
            (
                "import multiprocessing as m\ndef f(c): c.send(6)\na, b = m.Pipe()\n"
                "p = m.Process(target=f, args=(b,))\np.start(); print(a.recv()); p.join()"
            ),
            b"",
            b"6\n",
        ),
        ("import pickle\nclass A: pass\nprint(pickle.loads(pickle.dumps(A())).__class__.__name__)", b"", b"A\n"),
        ("import asyncio\nasync def f(): await asyncio.sleep(.001); print('async')\nasyncio.run(f())", b"", b"async\n"),
        ("import sandbox", b"", b""),
    ],
)
def test_program_sees_an_ordinary_python(run: Runner, source: str, stdin: bytes, stdout: bytes) -> None:
    result = run.script(source, stdin)
    assert (result.stdout, result.status) == (stdout, RunStatus.EXITED), result.stderr.decode()


@pytest.mark.parametrize(
    ("source", "code", "stderr"),
    [
        ("", 0, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("exit(4)", 4, ""),
        ("import sys; sys.exit('sorry')", 1, "sorry\n"),
        ("raise SystemExit(256 + 7)", 7, ""),
        ("import os; os._exit(9)", 9, ""),
        ("import sys; sys.excepthook = lambda *_: print('mine', file=sys.stderr)\n1 / 0", 1, "mine\n"),
        ("x = 1\nx.y", 1, 'Traceback (most recent call last):\n  File "main.py", line 2, in <module>\n    x.y\n'),
        ("x = (", 1, "  File \"main.py\", line 1\n    x = (\n        ^\nSyntaxError: '(' was never closed\n"),
        ("x = '\ud800'", 1, ""),
        ("def f(): f()\nf()", 1, "Traceback (most recent call last):"),
    ],
)
def test_program_ends_as_under_python(run: Runner, source: str, code: int, stderr: str) -> None:
    result = run.script(source)
    assert (result.status, result.exit_code) == (RunStatus.EXITED, code), result
    assert result.stderr.decode().startswith(stderr)


def test_program_that_dies_of_a_signal_is_reported_with_it(run: Runner) -> None:
    result = run.script("import os; os.kill(os.getpid(), 11)")
    assert (result.status, result.signal, result.exit_code) == (RunStatus.SIGNALED, 11, None)


def test_program_finds_its_files_and_imports_its_modules(sandbox: Sandbox) -> None:
    program = Program(
        "import helper; print(helper.x, open('a b.txt').read())", files={"helper.py": b"x = 5", "a b.txt": b"text"}
    )
    assert sandbox.run(program).stdout == b"5 text\n"


@pytest.mark.parametrize("name", ["../x", "a/b", "", "..", "nul\0"])
def test_file_name_that_leaves_the_work_folder_is_refused(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(InvalidProgramError, match="file name"):
        sandbox.run(Program("", files={name: b""}))


def test_run_that_makes_no_sense_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(InvalidProgramError, match="partner"):
        sandbox.run(Program("", Mode.TESTS))
    with pytest.raises(InvalidProgramError, match="language"):
        sandbox.run(Program("", language="cobol"))
    with pytest.raises(InvalidProgramError, match="cpu_seconds"):
        sandbox.run(Program(""), Limits(cpu_seconds=0))
    with pytest.raises(InvalidProgramError, match="modes"):
        sandbox.run_pair(Program(""), Program(""))


def test_large_input_and_output_do_not_block_each_other(run: Runner) -> None:
    data = b"0123456789abcde\n" * 60_000
    result = run.script("import sys\nfor line in sys.stdin: print(line, end='')", data)
    assert result.stdout == data


def test_input_that_is_not_read_does_no_harm(run: Runner) -> None:
    assert run.script("print(42)", b"x" * (10 << 20)).stdout == b"42\n"


def test_program_that_closes_its_output_is_waited_for(run: Runner) -> None:
    result = run.script("import os, time; os.close(1); os.close(2); time.sleep(.2); os._exit(5)")
    assert result.exit_code == 5


def test_usage_is_told(run: Runner) -> None:
    result = run.script(
        "x = bytearray(50 << 20)\nimport time\nend = time.process_time() + .2\nwhile time.process_time() < end: pass"
    )
    assert 0.2 <= result.cpu_seconds < 0.5
    assert 0.2 <= result.wall_seconds < 5
    assert 50 << 20 <= result.peak_memory_bytes < 120 << 20
    assert result.isolation in ("base", "uid", "namespaces")
