"""Limits hold for the whole tree of a program, and the run is over soon after one breaks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from sandbox_harness import Runner, left_behind

from sandbox import RunStatus, Sandbox, SandboxConfig

pytestmark = pytest.mark.sandbox

_SPIN = "while True: pass"
_GOES_ON_SECONDS = 120  # what is not ended lasts so long
_ENDED_SECONDS = 60  # on a machine that many share, what is ended is over long before
# A child whose first thread ends alone: in /proc the process looks empty then, while its other thread goes on.
_HEADLESS = """
import ctypes, mmap, os, platform, threading, time
def work():
  time.sleep(.1)
  {}
  time.sleep(120)
if os.fork() == 0:
  threading.Thread(target=work).start()
  ctypes.CDLL(None).syscall({{"x86_64": 60, "aarch64": 93}}[platform.machine()], 0)
time.sleep(120)
"""


@pytest.mark.parametrize(
    ("source", "status", "limits"),
    [
        (_SPIN, RunStatus.CPU_LIMIT, {"cpu_seconds": 0.3}),
        (f"import os\nfor _ in range(3): os.fork()\n{_SPIN}", RunStatus.CPU_LIMIT, {"cpu_seconds": 0.5}),
        (
            (
                "import os, time\nwhile True:\n  p = os.fork()\n  if p: os.wait()\n  else:\n"
                "    t = time.time()\n    while time.time() < t + .1: pass\n    os._exit(0)"
            ),
            RunStatus.CPU_LIMIT,
            {"cpu_seconds": 0.5},
        ),
        (
            "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n" + _SPIN,
            RunStatus.CPU_LIMIT,
            {"cpu_seconds": 0.3},
        ),
        ("import time; time.sleep(120)", RunStatus.WALL_LIMIT, {"wall_seconds": 0.4}),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", RunStatus.WALL_LIMIT, {"wall_seconds": 0.4}),
        (
            "import os, time; [os.close(n) for n in (0, 1, 2)]; time.sleep(120)",
            RunStatus.WALL_LIMIT,
            {"wall_seconds": 0.4},
        ),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", RunStatus.MEMORY_LIMIT, {"memory_bytes": 100 << 20}),
        (
            (
                "import os, time\nx = bytearray(40 << 20)\nfor i in range(4):\n"
                "  if os.fork() == 0: x[:] = b'x' * len(x); time.sleep(120)\ntime.sleep(120)"
            ),
            RunStatus.MEMORY_LIMIT,
            {"memory_bytes": 128 << 20, "cpu_seconds": 5},
        ),
        ("while True: print('x' * 1000)", RunStatus.OUTPUT_LIMIT, {}),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", RunStatus.OUTPUT_LIMIT, {}),
        ("print('x' * 2000)", RunStatus.OUTPUT_LIMIT, {"output_bytes": 1000}),
        (
            "i = 0\nwhile True:\n  i += 1\n  open(str(i), 'wb').write(bytes(1 << 20))",
            RunStatus.DISK_LIMIT,
            {"disk_bytes": 20 << 20, "cpu_seconds": 5},
        ),
        (
            "i = 0\nwhile True:\n  i += 1\n  open(str(i), 'w').close()",
            RunStatus.DISK_LIMIT,
            {"disk_bytes": 4 << 20, "cpu_seconds": 5},
        ),
        (
            (
                "import os, time\nf = []\nfor i in range(30):\n"
                "  f.append(open('x', 'wb')); os.unlink('x'); f[-1].write(bytes(1 << 20)); f[-1].flush()\n"
                "time.sleep(120)"
            ),
            RunStatus.DISK_LIMIT,
            {"disk_bytes": 20 << 20},
        ),
        (
            (
                "import ctypes, os, time\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\nf = []\nfor i in range(30):\n"
                "  f.append(open('x', 'wb')); os.unlink('x'); f[-1].write(bytes(1 << 20)); f[-1].flush()\n"
                "time.sleep(120)"
            ),
            RunStatus.DISK_LIMIT,
            {"disk_bytes": 20 << 20},
        ),
        (
            _HEADLESS.format("m = mmap.mmap(-1, 300 << 20); [m.write(bytes(1 << 20)) for _ in range(300)]"),
            RunStatus.MEMORY_LIMIT,
            {"memory_bytes": 128 << 20, "cpu_seconds": 5},
        ),
        (
            _HEADLESS.format(
                "f = []\n  for i in range(30):\n"
                "    f.append(open('x', 'wb')); os.unlink('x'); f[-1].write(bytes(1 << 20)); f[-1].flush()"
            ),
            RunStatus.DISK_LIMIT,
            {"disk_bytes": 20 << 20},
        ),
        (
            (
                "import os, time\nfor _ in range(40): os.mkdir('d' * 200); os.chdir('d' * 200)\n"
                "for i in range(30): open(str(i), 'wb').write(bytes(1 << 20))\ntime.sleep(120)"
            ),
            RunStatus.DISK_LIMIT,
            {"disk_bytes": 20 << 20},
        ),
    ],
    ids=[
        "cpu",
        "cpu of a tree",
        "cpu of children that ended",
        "cpu, signal ignored",
        "wall",
        "stopped",
        "no descriptors",
        "memory",
        "memory of a tree",
        "stdout",
        "stderr",
        "output",
        "disk",
        "files",
        "files without names",
        "files without names, not to be looked at",
        "memory behind a thread that ended",
        "files without names behind a thread that ended",
        "files below the longest path",
    ],
)
def test_broken_limit_is_named_and_ends_the_run(
    run: Runner, source: str, status: RunStatus, limits: dict[str, float]
) -> None:
    start = time.monotonic()
    result = run.script(source, **{"wall_seconds": _GOES_ON_SECONDS, **limits})
    assert (result.status, result.exit_code, result.signal) == (status, None, None)
    assert time.monotonic() - start < _ENDED_SECONDS
    assert result.cpu_seconds < limits.get("cpu_seconds", 2.0) + 2
    assert len(result.stdout) <= limits.get("output_bytes", 1 << 20)


def test_forks_share_memory_and_it_is_counted_once(run: Runner) -> None:
    source = (
        "import os, time\nx = bytearray(60 << 20)\nfor _ in range(5):\n"
        "  if os.fork() == 0: time.sleep(.15); os._exit(0)\ntime.sleep(.2); print('ok')"
    )
    assert run.script(source, memory_bytes=256 << 20).stdout == b"ok\n"


def test_file_larger_than_allowed_is_an_error_inside(run: Runner) -> None:
    result = run.script("open('x', 'wb').write(bytes(3 << 20))", file_bytes=1 << 20)
    assert b"OSError: [Errno 27] File too large" in result.stderr


def test_fork_bomb_is_ended_to_the_last_process(run: Runner, sandbox: Sandbox) -> None:
    result = run.script("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass", cpu_seconds=1, processes=20)
    assert result.status in (RunStatus.CPU_LIMIT, RunStatus.PROCESS_LIMIT)
    assert run.script("print(1)").stdout == b"1\n"
    assert left_behind(sandbox) == []


@pytest.mark.parametrize("ends", ["os._exit(0)", "pass", "while True: os.write(1, b'x' * 65536)"])
def test_nothing_outlives_its_run(run: Runner, sandbox: Sandbox, ends: str) -> None:
    source = f"""
import os, signal, time
heard, said = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 32):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        print(os.getpid(), flush=True)
        os.write(said, b"1")
        {ends if "while" in ends else "time.sleep(60)"}
    os._exit(0)
os.read(heard, 1)
time.sleep(.1)
{"pass" if "while" in ends else ends}
"""
    result = run.script(source)
    pid = result.stdout.split()[0].decode()
    assert not os.path.exists(f"/proc/{pid}")
    assert left_behind(sandbox) == []


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.makedirs('a/b'); open('a/b/\\n -rf ~', 'w').close(); os.mkdir('c', 0)",
        "import os\nfor _ in range(1200): os.mkdir('d'); os.chdir('d')",
        (
            "import os\nfor i in range(3000): open(str(i), 'w').close()\n"
            "os.symlink('/etc', 'link'); os.symlink('..', 'up')"
        ),
    ],
    ids=["closed folders", "deep folders", "many files"],
)
def test_work_folder_is_gone_whatever_is_in_it(run: Runner, sandbox: Sandbox, source: str) -> None:
    result = run.script(source)
    assert result.exit_code == 0, result.stderr
    assert left_behind(sandbox) == []
    assert os.path.exists("/etc/passwd")


def test_limits_of_one_run_do_not_touch_its_neighbour(run: Runner) -> None:
    noisy = threading.Thread(target=run.script, args=(_SPIN,), kwargs={"cpu_seconds": 0.5})
    noisy.start()
    results = [run.script("print(1)") for _ in range(5)]
    noisy.join()
    assert all(result.stdout == b"1\n" for result in results)


def test_busy_host_does_not_make_a_right_program_too_slow(run: Runner) -> None:
    """It needs most of its wall limit of CPU time alone, while many others want the same processors."""
    own = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})"
    spin = [sys.executable, "-c", f"{own}\nprint(flush=True)\nwhile True: pass"]
    # Each in a session of its own: a kernel may share processors out by session, and the program has its own.
    busy = [subprocess.Popen(spin, stdout=subprocess.PIPE, start_new_session=True) for _ in range(2)]
    for process in busy:
        assert process.stdout is not None
        process.stdout.readline()  # from here on it wants the processor
    everywhere = os.sched_getaffinity(0)
    processes = run.sandbox._slots[0].facts["processes"] + run.sandbox._slots[1].facts["processes"]
    try:
        for pid in processes:
            os.sched_setaffinity(pid, {min(everywhere)})
        source = "import time\nwhile time.process_time() < .8: pass\nprint(1)"
        result = run.script(source, cpu_seconds=2, wall_seconds=1.5)
        assert (result.stdout, result.status) == (b"1\n", RunStatus.EXITED)
        assert result.wall_seconds > 1.5
        sleeper = run.script("import time; time.sleep(20)", wall_seconds=0.5)
        assert (sleeper.status, sleeper.wall_seconds < 2) == (RunStatus.WALL_LIMIT, True)
    finally:
        for process in busy:
            process.kill()
            process.communicate()
        for pid in processes:
            os.sched_setaffinity(pid, everywhere)


def test_program_that_waits_for_its_own_children_gets_no_more_than_the_stretched_limit(run: Runner) -> None:
    source = "import os, time\nfor _ in range(3): os.fork()\nwhile True: pass"
    result = run.script(source, cpu_seconds=60, wall_seconds=0.4)
    assert result.status is RunStatus.WALL_LIMIT
    assert result.wall_seconds < 4 * 0.4 + 3  # to end them takes its time too


def test_page_tables_count_as_memory() -> None:
    """A huge mapping that is only read takes no memory but for the tables of what was looked at."""
    source = (
        "import mmap\nsize, step = 1 << 36, 1 << 21\nmaps = []\nwhile True:\n"
        "  flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000\n"
        "  maps.append(mmap.mmap(-1, size, flags, mmap.PROT_READ))\n"
        "  maps[-1].madvise(mmap.MADV_NOHUGEPAGE)\n  for at in range(0, size, step): maps[-1][at]\n"
    )
    with Sandbox(SandboxConfig(slots=1, namespaces=False, cgroup=False)) as own:
        result = Runner(own).script(source, memory_bytes=100 << 20, cpu_seconds=10)
    assert result.status is RunStatus.MEMORY_LIMIT
    assert result.peak_memory_bytes > 100 << 20


def test_timers_are_limited(run: Runner) -> None:
    source = (
        "import ctypes\nlibc, timer = ctypes.CDLL(None), ctypes.c_void_p()\nno_event = (ctypes.c_char * 64)()\n"
        "ctypes.memmove(ctypes.addressof(no_event) + 12, b'\\1', 1)\n"
        "made = 0\nwhile made < 5000 and libc.timer_create(0, no_event, ctypes.byref(timer)) == 0: made += 1\n"
        "print(made)"
    )
    result = run.script(source)
    assert 0 < int(result.stdout) < 5000
