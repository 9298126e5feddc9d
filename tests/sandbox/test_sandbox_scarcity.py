"""A machine whose memory or disk has ended: what fails of that has no verdict, and what does not need it still runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox as package
from sandbox import Limits, Program, Sandbox, SandboxConfig, SandboxCrashedError
from sandbox.compiler import judged
from sandbox.types import ExecutionResult, RunStatus

pytestmark = pytest.mark.sandbox

_MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")
_GROUP_BYTES = 160 << 20
_IN_SMALL_GROUP = """
import os, sys
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
from sandbox import Limits, Program, Sandbox, SandboxConfig, SandboxCrashedError
with Sandbox(SandboxConfig(slots=1, namespaces=False, cgroup=False, try_languages_at_open=False)) as own:
    try:
        print(own.run(Program("x = bytearray(400 << 20)\\nprint(len(x))"), Limits(memory_bytes=1 << 30)))
    except SandboxCrashedError as error:
        print("retryable" if error.retryable else "final")
    print(own.run(Program("print('next')")).stdout)
    print(own.run(Program("raise SystemExit(3)")).exit_code)
"""


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A group of processes that has less memory than a program may use."""
    folder = _MEMORY_GROUPS / f"test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(_GROUP_BYTES))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield folder
    folder.rmdir()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=1777", "none", name]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("nothing can be mounted here")
        os.chmod(name, 0o1777)
        yield Path(name)
        subprocess.run(["umount", "--lazy", name], check=True)


def test_program_killed_for_the_memory_of_the_machine_has_no_verdict(small_group: Path) -> None:
    command = [sys.executable, "-c", _IN_SMALL_GROUP, str(small_group)]
    root = Path(package.__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.splitlines() == ["retryable", "b'next\\n'", "3"]


def test_program_that_meets_a_full_disk_has_no_verdict(small_disk: Path) -> None:
    config = SandboxConfig(slots=1, work_root=str(small_disk), namespaces=False, try_languages_at_open=False)
    with Sandbox(config) as own:
        with pytest.raises(SandboxCrashedError, match="disk"):
            own.run(Program("open('x', 'wb').write(bytes(12 << 20))"))
        assert own.run(Program("open('x', 'wb').write(bytes(1 << 20))\nprint(1)")).stdout == b"1\n"
        over = own.run(Program("open('x', 'wb').write(bytes(12 << 20))"), Limits(disk_bytes=4 << 20))
        assert over.status is RunStatus.DISK_LIMIT


def test_program_that_fills_its_own_file_system_gets_its_verdict(sandbox: Sandbox) -> None:
    """No shelter from a verdict: with namespaces it has one that nobody else can fill."""
    fill = "import os\ntry:\n  while True:\n    n += 1; os.mknod(str(n))\nexcept OSError: raise SystemExit(3)"
    result = sandbox.run(Program(f"n = 0\n{fill}"), Limits(disk_bytes=1 << 30, cpu_seconds=20))
    assert result.status in (RunStatus.EXITED, RunStatus.DISK_LIMIT, RunStatus.MEMORY_LIMIT, RunStatus.CPU_LIMIT)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_compiler_that_somebody_killed_says_nothing_about_the_program(number: int) -> None:
    ended = ExecutionResult(RunStatus.SIGNALED, None, number, b"", b"", b"", 0.0, 0.0, 0, "base")
    with pytest.raises(SandboxCrashedError, match="from outside"):
        judged(ended, Limits())
