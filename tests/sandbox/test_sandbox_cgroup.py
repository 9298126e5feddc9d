"""Control groups, where this host gives them: what they count, what they bound, and that none is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox as package
from sandbox import Limits, Mode, Program, RunStatus, Sandbox, SandboxConfig
from sandbox.layers import cgroup
from sandbox.suite import Case, make_tester, read_report
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.sandbox

_HIDES_CHILDREN = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    if os.fork() == 0:
        end = time.process_time() + .008
        while time.process_time() < end: pass
        os._exit(0)
    time.sleep(.009)
"""


@pytest.fixture(scope="module")
def grouped() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(slots=1, base_uid=60_200)) as opened:
        assert opened.report is not None
        if opened.report.cgroup == "none":
            pytest.skip("no control groups can be made here")
        yield opened


def groups_of(sandbox: Sandbox) -> list[Path]:
    name = os.path.basename(sandbox._root or "")
    return [
        path for parent in cgroup._v1_parents() or cgroup._v2_parents(None) for path in Path(parent).glob(f"*{name}*")
    ]


def test_cpu_time_of_children_nobody_waits_for_is_counted(grouped: Sandbox) -> None:
    result = grouped.run(Program(_HIDES_CHILDREN), Limits(cpu_seconds=0.5, wall_seconds=60, processes=200))
    assert result.status is RunStatus.CPU_LIMIT
    assert result.cpu_seconds > 0.5


def test_tree_that_grows_faster_than_it_is_looked_at_is_held_by_the_kernel() -> None:
    """Looking once a second would come too late: the kernel makes it wait at its limit."""
    source = (
        "import os\nchildren = [pid for _ in range(3) if (pid := os.fork() or os._exit(b'x' * (90 << 20) == b''))]\n"
        "for pid in children: os.waitpid(pid, 0)\nprint('all of it')"
    )
    with Sandbox(SandboxConfig(slots=1, base_uid=60_200, poll_seconds=1.0)) as slow:
        if slow.report is None or slow.report.cgroup == "none":
            pytest.skip("no control groups can be made here")
        limits = Limits(memory_bytes=100 << 20, disk_bytes=8 << 20, processes=200, cpu_seconds=20)
        assert slow.run(Program(source), limits).status is RunStatus.MEMORY_LIMIT
        assert slow.run(Program("print(1)")).stdout == b"1\n"


def test_both_sides_of_a_pair_are_bounded(grouped: Sandbox) -> None:
    tester = make_tester([Case("assert f() == 1")])
    solution = Program("def f(): return 1", Mode.CALLS)
    _, tests = grouped.run_pair(solution, tester)
    assert read_report(tests.channel, 1)[0].status == "passed"
    greedy = Program("def f(): return len(b'x' * (300 << 20))", Mode.CALLS)
    assert grouped.run_pair(greedy, tester, Limits(memory_bytes=64 << 20))[1].status is not RunStatus.MEMORY_LIMIT


def test_closed_sandbox_leaves_no_group() -> None:
    with Sandbox(SandboxConfig(slots=2, base_uid=60_200)) as own:
        assert own.report is not None
        if own.report.cgroup == "none":
            pytest.skip("no control groups can be made here")
        assert own.run(Program("print(1)")).stdout == b"1\n"
        assert len(groups_of(own)) == 2 * 2 * (3 if own.report.cgroup == "v1" else 1)
    assert groups_of(own) == []


_DIES = """
import os, signal, time
from sandbox import *
box = Sandbox(SandboxConfig(slots=1, base_uid=60_200)).open()
print(box._root, *box._slots[0].facts["processes"], flush=True)
box.run(Program("import os, time\\nif os.fork() == 0: os.setsid()\\nprint(os.getpid(), flush=True)\\ntime.sleep(60)"))
"""


def test_what_a_server_left_that_died_with_all_its_processes_is_swept(grouped: Sandbox) -> None:
    """Keeper and supervisor killed at one moment: a daemon may live on, in its group, until a sandbox opens again."""
    server = subprocess.Popen(
        [sys.executable, "-c", _DIES], cwd=Path(package.__file__).parents[1], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    root, *processes = server.stdout.readline().decode().split()
    name = os.path.basename(root)
    parents = cgroup._v1_parents() or cgroup._v2_parents(None)
    group = Path(parents[0], f"assay-{name}-0-0", "cgroup.procs")
    wait_until(lambda: len(group.read_text().split()) == 2)
    ours = [*map(int, processes), server.pid]
    for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped, none sees another die
        for pid in ours:
            os.kill(pid, number)
    server.wait()
    server.stdout.close()
    shutil.rmtree(root)  # of a slot whose keeper was killed too, nobody removes it
    with Sandbox(SandboxConfig(slots=1, base_uid=60_200)):
        assert [path for parent in parents for path in Path(parent).glob(f"assay-{name}-*")] == []


def test_version_two_group_ends_all_that_is_in_it_at_one_stroke() -> None:
    """The unified hierarchy may have no memory controller here; moving, counting and killing work without one."""
    mounts = [words[4] for words in cgroup._mounts("cgroup2")]
    if os.geteuid() != 0 or not mounts:
        pytest.skip("needs root and a unified hierarchy")
    folder = Path(mounts[0], f"assay-test-{os.getpid()}")
    folder.mkdir()
    process = subprocess.Popen([sys.executable, "-c", "import os\nos.fork()\nwhile True: pass"])
    try:
        group = cgroup.GroupV2((str(folder),))
        group._open = {
            name: os.open(folder / name, flags) for name, flags in group._files().items() if (folder / name).exists()
        }
        group._micros_before = group._value("cpu.stat", "usage_usec")
        group.admit(process.pid)
        wait_until(lambda: group.cpu_seconds() >= 0.05)
        group.end()
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        for fd in group._open.values():
            os.close(fd)
    finally:
        cgroup._remove(str(folder))
    assert not folder.exists()
