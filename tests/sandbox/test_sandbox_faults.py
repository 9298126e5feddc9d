"""Our own faults: they are errors, never verdicts, and the next run works."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sandbox_harness import Runner, left_behind

import sandbox as package
from sandbox import (
    InvalidProgramError,
    Limits,
    Mode,
    Program,
    Sandbox,
    SandboxCancelledError,
    SandboxClosedError,
    SandboxConfig,
    SandboxCrashedError,
)
from sandbox.command import Command
from sandbox.tree import descendants
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.sandbox

_SLEEP = Program("import os, time\nif os.fork() == 0: os.setsid()\ntime.sleep(300)")
_LONG = Limits(wall_seconds=200)  # what ends before has been ended


@pytest.fixture
def own() -> Sandbox:
    """A sandbox that a test may break, with one slot."""
    with Sandbox(SandboxConfig(slots=1)) as opened:
        yield opened


def in_background(call: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def target() -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    return thread, errors


def wait_until_it_runs(own: Sandbox) -> None:
    """The one slot has its supervisor, its zygote, and two processes of a program."""
    keeper = own._slots[0].facts["processes"][0]
    wait_until(lambda: len(descendants(keeper)) == 4)


@pytest.mark.parametrize("which", [0, 1], ids=["keeper", "supervisor"])
def test_killed_process_of_ours_is_replaced_and_the_run_is_retryable(own: Sandbox, which: int) -> None:
    thread, errors = in_background(lambda: own.run(_SLEEP, _LONG))
    processes = own._slots[0].facts["processes"]
    wait_until_it_runs(own)
    left = [usage.pid for usage in descendants(processes[0])]
    os.kill(processes[which], signal.SIGKILL)
    thread.join(PATIENCE_SECONDS)
    assert isinstance(errors[0], SandboxCrashedError)
    assert errors[0].retryable
    assert own.run(Program("print(1)")).stdout == b"1\n"
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in left))
    assert left_behind(own) == []


def test_killed_zygote_ends_no_run_and_is_replaced(own: Sandbox) -> None:
    results: list[object] = []
    source = (
        "import os, signal, time\ngo = {signal.SIGUSR1}\nsignal.pthread_sigmask(signal.SIG_BLOCK, go)\n"
        "if os.fork() == 0: time.sleep(300)\nsignal.sigwait(go); print(2)"
    )
    thread, errors = in_background(lambda: results.append(own.run(Program(source), _LONG).stdout))
    processes = own._slots[0].facts["processes"]
    wait_until_it_runs(own)
    os.kill(processes[2], signal.SIGKILL)
    for program in {usage.pid for usage in descendants(processes[0])} - set(processes):
        os.kill(program, signal.SIGUSR1)
    thread.join(PATIENCE_SECONDS)
    assert (results, errors) == ([b"2\n"], [])
    with pytest.raises(SandboxCrashedError):
        own.run(Program("print(1)"))
    assert own.run(Program("print(1)")).stdout == b"1\n"
    assert left_behind(own) == []


def test_cancelled_run_ends_early_and_leaves_nothing(own: Sandbox) -> None:
    cancelled = threading.Event()
    thread, errors = in_background(lambda: own.run(_SLEEP, _LONG, cancelled=cancelled))
    wait_until_it_runs(own)
    cancelled.set()
    thread.join(PATIENCE_SECONDS)
    assert isinstance(errors[0], SandboxCancelledError)
    assert own.run(Program("print(1)")).stdout == b"1\n"
    assert left_behind(own) == []


def test_cancelled_run_does_not_wait_for_a_slot(own: Sandbox) -> None:
    busy = threading.Event()
    thread, _ = in_background(lambda: own.run(_SLEEP, _LONG, cancelled=busy))
    wait_until_it_runs(own)
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(SandboxCancelledError):
        own.run(Program("print(1)"), cancelled=cancelled)
    busy.set()
    thread.join(PATIENCE_SECONDS)


def test_close_ends_what_runs_and_turns_away_what_waits() -> None:
    sandbox = Sandbox(SandboxConfig(slots=1)).open()
    root = sandbox._root
    running, first = in_background(lambda: sandbox.run(_SLEEP, _LONG))
    wait_until_it_runs(sandbox)
    waiting, second = in_background(lambda: sandbox.run(_SLEEP, _LONG))
    wait_until(lambda: len(sandbox._pool._waiting) == 1)
    sandbox.close()
    running.join(PATIENCE_SECONDS)
    waiting.join(PATIENCE_SECONDS)
    assert [type(errors[0]) for errors in (first, second)] == [SandboxClosedError] * 2
    with pytest.raises(SandboxClosedError):
        sandbox.run(_SLEEP)
    assert left_behind(sandbox) == []
    assert root is not None
    assert not Path(root).exists()


def test_many_threads_share_the_slots(run: Runner) -> None:
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda n=n: results.append(run.script(f"print({n})").stdout)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, results)) == list(range(24))


def test_host_that_ignores_ended_children_is_no_obstacle() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with Sandbox(SandboxConfig(slots=1)) as own:
            assert own.run(Program("import os; print(os.fork() == 0 or os.wait() and 1)")).exit_code == 0
    finally:
        signal.signal(signal.SIGCHLD, before)


_SERVER = """
import threading
from sandbox import *
box = Sandbox(SandboxConfig(slots=2)).open()
print(box._root, flush=True)
box.run(Program("import os, time\\nif os.fork() == 0: os.setsid()\\ntime.sleep(300)"), Limits(wall_seconds=200))
"""


def test_killed_server_leaves_neither_processes_nor_folders() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], cwd=Path(package.__file__).parents[1], stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    root = server.stdout.readline().decode().strip()
    wait_until(lambda: len(with_command_line(root)) == 8)  # two slots of three, and two of the program
    server.kill()
    server.wait()
    server.stdout.close()
    wait_until(lambda: with_command_line(root) == [])
    wait_until(lambda: not Path(root).exists())


def with_command_line(part: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if part.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def test_work_root_that_vanishes_is_an_error_not_a_verdict(own: Sandbox) -> None:
    assert own._root is not None
    folder = Path(own._root, "slot-0")
    folder.rename(own._root + "/moved")
    with pytest.raises(SandboxCrashedError):
        own.run(Program("print(1)"))
    Path(own._root, "moved").rename(folder) if not folder.exists() else None
    assert own.run(Program("print(1)")).stdout == b"1\n"


def test_program_with_a_huge_source_is_run(run: Runner, sandbox: Sandbox) -> None:
    source = "x = '''" + "a" * (4 << 20) + "'''\nprint(len(x))"
    assert sandbox.run(Program(source)).stdout == b"4194304\n"
    assert sandbox.run(Program(source, Mode.CALLS)).exit_code == 0


@pytest.mark.parametrize(
    ("program", "limits"),
    [
        (Program("print(1)"), Limits(open_files=8)),
        (Program("echo 1", language="bash"), Limits(open_files=8)),
        (Program("echo 1 #" + "x" * (2 << 20), language="bash"), Limits(file_bytes=1 << 20)),
        (Program("print(1)", files={"a": b"x" * (2 << 20)}), Limits(file_bytes=1 << 20)),
    ],
    ids=["open files", "open files of a command", "source", "file"],
)
def test_limits_on_files_do_not_keep_a_program_from_starting(
    sandbox: Sandbox, program: Program, limits: Limits
) -> None:
    assert sandbox.run(program, limits).stdout == b"1\n"


@pytest.mark.parametrize("namespaces", [None, False])
def test_program_that_cannot_be_set_up_does_not_end_its_slot(namespaces: bool | None) -> None:
    before = Command(("/bin/sh",), "/bin/sh", None, readable=("/proc/there-is-none",))
    after = Command(("/bin/sh",), "/bin/sh", "main", outputs="main")
    with Sandbox(SandboxConfig(slots=1, namespaces=namespaces)) as own:
        processes = own._slots[0].facts["processes"]
        for command in (before, after):
            with pytest.raises(SandboxCrashedError, match=r"No such file|File exists"):
                own._run_command(Program("x" * (4 << 20)), command, Limits(), None)
        assert own.run(Program("print(1)")).stdout == b"1\n"
        assert own._slots[0].facts["processes"] == processes


def test_name_that_no_file_can_have_is_the_callers_mistake(sandbox: Sandbox) -> None:
    for name in ("x" * 256, "ü" * 128, "\ud800" * 86, "a/b", "..", "a\0b"):
        with pytest.raises(InvalidProgramError, match="file name"):
            sandbox.run(Program("print(1)", files={name: b""}))


def test_umask_of_the_server_keeps_no_program_from_its_folder() -> None:
    ours = os.umask(0o077)
    try:
        with Sandbox(SandboxConfig(slots=1)) as own:
            assert own.run(Program("open('a', 'w').write('1')\nprint(1)")).stdout == b"1\n"
    finally:
        os.umask(ours)


def test_too_few_descriptors_are_named() -> None:
    code = (
        "import resource, sandbox\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
        "try:\n    sandbox.Sandbox(sandbox.SandboxConfig(slots=1)).open()\n"
        "except sandbox.SandboxError as error:\n    print(error)\n"
    )
    root = Path(package.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert "the limit on open files is 256: expected 1024 or more" in done.stdout
    assert "Traceback" not in done.stdout
