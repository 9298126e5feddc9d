"""Hostile programs beyond the shared corpus: what each tries, and the verdicts it may get from a judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

STDIN = ({"type": "stdin", "stdin": "1 2\n", "stdout": "3\n"},)
FAILED = ("wrong_answer", "runtime_error")
LATE = ("time_limit_exceeded",)
LARGE = ("memory_limit_exceeded", "time_limit_exceeded")


@dataclass(frozen=True)
class Hostile:
    name: str
    source: str
    verdicts: tuple[str, ...]
    tests: tuple[dict[str, Any], ...] = STDIN
    language: str = "python"
    limits: dict[str, float] = field(default_factory=dict)


def _pytest(code: str) -> tuple[dict[str, Any], ...]:
    return ({"type": "pytest", "code": code},)


def _assert(code: str) -> tuple[dict[str, Any], ...]:
    return ({"type": "assert", "code": code},)


def _call(expected: Any, *args: Any, **more: Any) -> tuple[dict[str, Any], ...]:
    return ({"type": "call", "entry": "f", "args": list(args), "expected": expected, **more},)


_LIAR = """
class Liar:
    def __init__(self, *a): pass
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 3
    def __getitem__(self, key): return self
    def __await__(self): yield
    def __enter__(self): return self
    def __exit__(self, *a): return True
    def read(self): return "x"
"""
_STEAL = """
import sys
frame = sys._getframe()
while frame:
    for case in frame.f_globals.get("cases") or (): print(case[2])
    frame = frame.f_back
"""

FOOLING = (
    Hostile(
        "function_named_like_a_class", f"{_LIAR}def Sum(n): return Liar()", FAILED, _assert("assert Sum(60) == 10")
    ),
    Hostile("class_in_place_of_a_function", f"{_LIAR}class Sum(Liar): pass", FAILED, _assert("assert Sum(60) == 10")),
    Hostile(
        "slice_of_an_object", f"{_STEAL}{_LIAR}def f(x): return Liar()", FAILED, _assert("assert f(3)[1:3] == [2, 3]")
    ),
    Hostile(
        "coroutine_handed_on",
        f"{_STEAL}{_LIAR}def f(x): return Liar()\ndef g(x): return x",
        FAILED,
        _assert("assert g(f('abc')) == 'xyz'"),
    ),
    Hostile(
        "type_handed_on",
        f"{_STEAL}{_LIAR}def f(x): return Liar()\ndef g(x): return Liar()",
        FAILED,
        _assert("assert g(type(f(1))) == 5"),
    ),
    Hostile(
        "block_swallows_assertion",
        _LIAR,
        FAILED,
        _pytest(
            "from solution import Liar\ndef test_a():\n    with Liar() as a:\n        assert a.read() == 'right'\n"
        ),
    ),
    Hostile(
        "block_swallows_type_error",
        _LIAR,
        FAILED,
        _pytest("from solution import Liar\ndef test_a():\n    with Liar() as a:\n        assert a.read() + 1 == 5\n"),
    ),
    Hostile(
        "test_skips_for_the_solution",
        "def f(x): raise NotImplementedError",
        FAILED,
        _pytest(
            "import pytest\nfrom solution import f\ndef test_a():\n    try:\n        r = f(1)\n"
            "    except NotImplementedError:\n        pytest.skip('later')\n    assert r == 2\n"
        ),
    ),
    Hostile(
        "decorator_takes_the_test_away",
        "def timed(f): return 5",
        FAILED,
        _pytest("from solution import timed\n@timed\ndef test_a():\n    assert 1 == 2\n"),
    ),
    Hostile("nan_within_tolerance", "def f(x): return float('nan')", FAILED, _call(1.5, 1, abs_tol=1e9, rel_tol=1.0)),
    Hostile("infinity_within_tolerance", "def f(x): return 1e400", FAILED, _call(1.5, 1, abs_tol=1e9, rel_tol=1.0)),
    Hostile("true_for_one", "def f(x): return True", FAILED, _call(1, 1, abs_tol=1e9)),
    Hostile("nans_unordered", "def f(x): return [float('nan')] * 3", FAILED, _call([1.0, 2.0, 2.0], 1, unordered=True)),
    Hostile(
        "forged_changes",
        'import os\ndef f(x):\n    os.write(4, b\'{"id":1,"value":null,"changed":[[true,[1,2,3]]]}\\n\')'
        "\n    os._exit(0)",
        FAILED,
        _call([1, 2, 3], [3], changes=0),
    ),
    Hostile(
        "deep_reply",
        "import os\ndef f(x):\n    os.write(4, b'{\"id\":1,\"value\":' + b'[' * 300000 + b'}\\n')\n    os._exit(0)",
        FAILED,
        _call(3, 1),
    ),
    Hostile(
        "java_name_too_long_for_a_file",
        "public class " + "\u7532" * 120 + " { public static void main(String[] a) { System.out.println(3); } }",
        ("compile_error",),
        language="java",
    ),
)

BREAKING = (
    Hostile(
        "signal_by_descriptor",
        "#define _GNU_SOURCE\n#include <fcntl.h>\n#include <signal.h>\n#include <unistd.h>\n#include <sys/socket.h>\n"
        "int main() { for (int d = 0; d < 4; d++) { int p[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, p);\n"
        "fcntl(p[0], F_SETOWN, getppid() - d); fcntl(p[0], F_SETSIG, SIGKILL); fcntl(p[0], F_SETFL, O_ASYNC);\n"
        'write(p[1], "x", 1); } usleep(100000); return 0; }',
        FAILED,
        language="c",
    ),
    Hostile(
        "siblings_by_clone_parent",
        "#define _GNU_SOURCE\n#include <sched.h>\n#include <signal.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n"
        "int main() { for (int i = 0; i < 400; i++) if (!syscall(SYS_clone, CLONE_PARENT | SIGKILL, 0, 0, 0, 0)) {\n"
        "if (i % 2) _exit(i); setsid(); sleep(60); _exit(0); } return 0; }",
        (*FAILED, *LATE),
        language="c",
    ),
    Hostile(
        "page_tables",
        "#define _GNU_SOURCE\n#include <sys/mman.h>\nint main() { for (;;) { unsigned long n = 64UL << 30;\n"
        "volatile char *p = mmap(0, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);\n"
        "if (p == MAP_FAILED) return 1; madvise((void *)p, n, MADV_NOHUGEPAGE);\n"
        "for (unsigned long i = 0; i < n; i += 2 << 20) (void)p[i]; } }",
        ("memory_limit_exceeded",),
        language="c",
        limits={"memory_mb": 64, "cpu_s": 4},
    ),
    Hostile(
        "attributes_fill_the_disk",
        "import os\nfor i in range(3000):\n    open(f'f{i}', 'w').close()\n    try:\n        for k in range(50):\n"
        "            os.setxattr(f'f{i}', f'user.k{k}', b'x' * 60000)\n    except OSError:\n        pass\n"
        "raise SystemExit(1)",
        (*FAILED, *LARGE, "output_limit_exceeded"),
    ),
    Hostile(
        "first_thread_ends_alone",
        "import ctypes, threading, time\nprint(3, flush=True)\n"
        "threading.Thread(target=lambda: time.sleep(60)).start()\n"
        "ctypes.CDLL(None).syscall(60, 0)",
        (*LATE, *FAILED),
    ),
    Hostile(
        "stopped_children",
        "import os, signal\nfor i in range(8):\n    if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)\n"
        "os.kill(os.getpid(), signal.SIGSTOP)",
        LATE,
    ),
    Hostile(
        "links_without_end",
        "import os\nn = 0\nwhile True:\n    n += 1; os.symlink('x' * 4000, str(n))",
        ("output_limit_exceeded", *LARGE),
    ),
    Hostile("lines_of_nothing", "import os\nwhile True: os.write(1, b'\\n')", ("output_limit_exceeded", *LATE)),
    Hostile(
        "workers_of_javascript",
        "const { Worker } = require('worker_threads');\n"
        "for (let i = 0; i < 200; i++) new Worker('while (1) {}', { eval: true }).on('error', () => {});",
        (*FAILED, *LARGE),
        language="javascript",
    ),
    Hostile("functions_of_bash", "f() { f | f & }; f; wait", (*FAILED, *LATE), language="bash"),
)

PROGRAMS = (*FOOLING, *BREAKING)
