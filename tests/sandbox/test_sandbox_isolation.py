"""What a program cannot do to the host, the server, or its neighbours."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from sandbox_harness import SECRET, Runner, left_behind

from sandbox import Program, Sandbox, SandboxConfig
from sandbox.config import Level

pytestmark = pytest.mark.sandbox


def attempt(run: Runner, code: str) -> str:
    """What came of it: `done`, or the name of the error."""
    source = (
        f"import ctypes, os, socket, sys\ntry:\n    {code}\n    print('done')\n"
        f"except OSError as e: print(type(e).__name__)"
    )
    result = run.script(source)
    assert result.exit_code == 0, result
    return result.stdout.decode().strip()


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd').read()",
        "open('/proc/self/environ').read()",
        "os.listdir('/proc')",
        "os.listdir('/')",
        "os.listdir('..')",
        "open('/tmp/escaped', 'w')",
        "open('/dev/shm/escaped', 'w')",
        "open('../escaped', 'w')",
        "os.mkfifo('pipe')",
        "open('/dev/tty', 'w')",
        "os.kill(os.getppid(), 0)",
        "os.kill(1, 0)",
        "os.setuid(0)",
        "os.chroot('.')",
        "os.nice(-5)",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "os.sched_setaffinity(os.getppid(), [0])",
        "__import__('resource').prlimit(os.getppid(), 7, (1, 1))",
        "socket.socket()",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_NETLINK, 3)",
        "os.memfd_create('x')",
        "__import__('time').clock_settime(0, 0)",
    ],
)
def test_way_out_is_closed(run: Runner, code: str) -> None:
    assert attempt(run, code) in ("PermissionError", "FileNotFoundError", "ProcessLookupError", "OSError")


def test_kernel_interfaces_are_closed(run: Runner) -> None:
    source = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
calls = {"ptrace": (101, 0, 0, 0, 0), "bpf": (321, 0, 0, 0), "io_uring_setup": (425, 8, 0), "userfaultfd": (323, 1),
         "keyctl": (250, 0, -3, 0), "perf_event_open": (298, 0, 0, -1, -1, 0), "unshare": (272, 0x10000000),
         "clone": (56, 0x10000011, 0, 0, 0, 0), "clone3": (435, 0, 0), "mount": (165, 0, 0, 0, 0, 0),
         "personality": (135, 0x40000), "shmget": (29, 1, 4096, 0o1666), "syslog": (103, 3, 0, 0)}
for name, call in calls.items():
    result = libc.syscall(*call)
    print(name, "open" if result >= 0 else ctypes.get_errno())
"""
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    answers = dict(line.split() for line in run.script(source).stdout.decode().splitlines())
    assert answers.pop("io_uring_setup") == answers.pop("clone3") == "38"  # ENOSYS
    assert set(answers.values()) == {"1"}, answers  # EPERM


def test_foreign_system_call_numbers_end_the_program(run: Runner) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x32 exists on x86_64 only")
    result = run.script("import ctypes; ctypes.CDLL(None).syscall(0x40000000 + 39)")
    assert result.status == "security_violation"


def test_environment_and_memory_hold_no_secret(run: Runner) -> None:
    result = run.script(
        "import os, gc\nprint(dict(os.environ), [o for o in gc.get_objects() if isinstance(o, (str, bytes, dict))])"
    )
    assert SECRET.encode() not in result.stdout
    assert result.stdout.startswith(b"{'PATH'")


def test_only_the_standard_descriptors_are_open(run: Runner) -> None:
    source = "import os\nfor fd in range(3, 2000):\n  try: os.fstat(fd); print(fd)\n  except OSError: pass"
    assert run.script(source).stdout == b""


def test_work_folder_starts_empty_and_is_private(run: Runner) -> None:
    source = (
        "import os; open('x', 'w'); "
        "print(sorted(os.listdir('.')), oct(os.stat('.').st_mode), oct(os.stat('x').st_mode))"
    )
    for _ in range(2):
        assert run.script(source).stdout == b"['main.py', 'x'] 0o40700 0o100600\n"


def test_runs_do_not_see_what_earlier_runs_left(run: Runner) -> None:
    run.script("import builtins, random, sys; builtins.left = 1; sys.left = 1; random.left = 1; open('left', 'w')")
    for _ in range(2):
        source = (
            "import builtins, os, random, sys; "
            "print([hasattr(m, 'left') for m in (builtins, random, sys)], os.listdir())"
        )
        assert run.script(source).stdout == b"[False, False, False] ['main.py']\n"


def test_random_numbers_differ_between_runs(run: Runner) -> None:
    assert (
        run.script("import random; print(random.random())").stdout
        != run.script("import random; print(random.random())").stdout
    )


def test_kill_of_everything_reaches_only_the_program_itself(run: Runner, sandbox: Sandbox) -> None:
    source = "import os, time\nif os.fork() == 0: time.sleep(9)\nos.kill(-1, 9); print('alive')"
    results: list[bytes] = []
    neighbour = threading.Thread(
        target=lambda: results.append(run.script("import time; time.sleep(.4); print('fine')").stdout)
    )
    neighbour.start()
    assert run.script(source).exit_code == 0
    neighbour.join()
    assert results == [b"fine\n"]
    assert left_behind(sandbox) == []


def test_neighbours_cannot_reach_each_other(run: Runner, sandbox: Sandbox) -> None:
    """A program of another slot cannot read, signal or find out about this one."""
    seen: list[bytes] = []
    folder = tempfile.mkdtemp()  # any path both could share, were it not for the walls
    os.chmod(folder, 0o777)
    victim = threading.Thread(
        target=lambda: seen.append(
            run.script("import os, time; print(os.getpid(), os.getcwd()); time.sleep(.5)").stdout
        )
    )
    victim.start()
    spy = f"""
import os, glob
reached = []
for pid in range(2, 33000):
    if pid == os.getpid(): continue
    try: os.kill(pid, 0); reached.append(pid)
    except OSError: pass
    try: open(f"/proc/{{pid}}/environ"); reached.append(pid)
    except OSError: pass
try: reached += os.listdir({os.path.dirname(sandbox._root or "")!r})
except OSError: pass
try: open({folder!r} + "/x", "w"); reached.append("shared")
except OSError: pass
print(reached)
"""
    assert run.script(spy).stdout == b"[]\n"
    victim.join()
    os.rmdir(folder)


def test_level_is_that_of_the_host(sandbox: Sandbox, run: Runner) -> None:
    root = os.geteuid() == 0
    expected = Level.NAMESPACES if can_make_namespaces() else Level.UID if root else Level.BASE
    assert sandbox.report is not None
    assert (sandbox.report.level, sandbox.report.own_uids) == (expected, root)
    assert run.script("").isolation == expected
    uid = int(run.script("import os; print(os.getuid())").stdout)
    assert (uid == os.getuid()) is not root


def can_make_namespaces() -> bool:
    """What this host gives, found out by another tool than our own."""
    command = ["unshare", "--mount", "--net", "mount", "-t", "tmpfs", "none", "/mnt"]
    command[1:1] = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("namespaces", [True, False])
def test_only_own_file_system_hides_what_exists(namespaces: bool) -> None:
    if namespaces and not can_make_namespaces():
        pytest.skip("this host has no namespaces for us")
    source = (
        "import os\nfor path in ('/etc/passwd', '/home', '/root', '/usr/share/doc', '/dev/tty'):\n"
        "  try: os.stat(path); print(path)\n  except FileNotFoundError: pass"
    )
    with Sandbox(SandboxConfig(slots=1, namespaces=namespaces)) as own:
        seen = own.run(Program(source)).stdout.split()
        assert own.run(Program("import wave, os; open('x', 'w'); print(os.listdir())")).stdout != b""
    assert (seen == []) is namespaces


def test_namespaces_leave_no_mount_and_no_folder_behind(sandbox: Sandbox) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    with Sandbox(SandboxConfig(slots=1)) as own:
        root = Path(own._root or "")
        assert own.run(Program("open('x', 'w').write('left')")).exit_code == 0
        assert Path("/proc/self/mountinfo").read_text() == before
    assert not root.exists()


def test_interpreter_is_one_the_programs_can_read(run: Runner) -> None:
    source = "import sys, wave; print(sys.executable, wave.__file__)"  # a module that is not loaded beforehand
    executable, module = run.script(source).stdout.decode().split()
    assert Path(executable).exists()
    assert Path(module).exists()
