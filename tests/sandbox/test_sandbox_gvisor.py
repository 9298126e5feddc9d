"""Slots inside gVisor, with the real runsc: the kernel that programs talk to is not the host's."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sandbox_harness import SECRET, Runner

from sandbox import Level, Program, RunStatus, Sandbox, SandboxConfig, SandboxFloorError
from sandbox.errors import SandboxCrashedError
from sandbox.gvisor import launch_command
from sandbox.suite import Case

pytestmark = pytest.mark.sandbox

_RUNTIME = "runsc"


@pytest.fixture(scope="module")
def inside() -> Iterator[Sandbox]:
    if os.geteuid() != 0 or shutil.which(_RUNTIME) is None:
        pytest.skip("only root, where gVisor's runsc is installed, can start slots inside gVisor")
    os.environ["REWARD_SECRET"] = SECRET
    with Sandbox(SandboxConfig(slots=1, runtime=_RUNTIME, languages=("python", "c"))) as opened:
        yield opened
    del os.environ["REWARD_SECRET"]


@pytest.fixture
def run_inside(inside: Sandbox) -> Runner:
    return Runner(inside)


def test_level_is_shown_by_the_canaries(inside: Sandbox, run_inside: Runner) -> None:
    report = inside.report
    assert report is not None
    assert report.level is Level.GVISOR
    assert set(report.tests.values()) == {"pass"}
    assert {"gvisor", "stat_outside", "signal_parent", "read_parent", "outlive", "memory"} <= set(report.tests)
    assert run_inside.script("").isolation == "gvisor"


def test_kernel_is_not_the_hosts(run_inside: Runner) -> None:
    source = "import os; print(os.uname().release, sorted(p for p in os.listdir('/proc') if p.isdecimal())[:1])"
    release, first = run_inside.script(source).stdout.decode().split()
    assert release != os.uname().release
    assert first == "['1']"


def test_only_the_work_folder_can_be_written_to(run_inside: Runner) -> None:
    """Also nothing is left for a later run: there is no folder open to all."""
    source = """
import json, os
written = []
tops = [top for top, _, _ in os.walk("/") if not top.startswith(("/proc", "/sys"))]
for top in [*tops, os.getcwd(), os.path.dirname(os.getcwd())]:
    try: open(f"{top}/left", "w").close(); written.append(top)
    except OSError: pass
print(json.dumps([written, os.getcwd()]))
"""
    written, own = json.loads(run_inside.script(source, cpu_seconds=100, wall_seconds=200).stdout)
    assert written == [own]


def test_files_environment_and_processes_of_the_host_are_not_there(run_inside: Runner, tmp_path: Path) -> None:
    tmp_path.joinpath("secret").write_text(SECRET)
    source = f"""
import glob, os
outside = ({str(tmp_path)!r}, "/root", "/home", "/etc/passwd")
seen = [path for path in outside if os.path.exists(path)]
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    if {SECRET!r} in open(path).read(): seen.append(path)
print(seen)
"""
    assert run_inside.script(source).stdout == b"[]\n"


def test_descriptors_and_memory_of_other_processes_cannot_be_opened(run_inside: Runner) -> None:
    """gVisor lists them for all users: what protects them is that each belongs to the one who has made it.

    What has a name that the program may open itself does not count: libraries, /dev/null.
    """
    source = """
import glob, os
got = []
for path in glob.glob("/proc/[0-9]*/fd/*") + glob.glob("/proc/[0-9]*/mem"):
    if path.split("/")[2] == str(os.getpid()): continue
    for flags in (os.O_RDONLY, os.O_WRONLY):
        try:
            fd = os.open(path, flags | os.O_NONBLOCK)
            name = os.readlink(f"/proc/self/fd/{fd}")
            if not os.access(name, os.R_OK): got.append([path, name])
            os.close(fd)
        except OSError: pass
print(got)
"""
    assert run_inside.script(source).stdout == b"[]\n"
    passed = run_inside.tests(
        source.replace("print(got)", "def f(): return got"), Case("from solution import f\nassert f() == []")
    )
    assert [one.status for one in passed] == ["passed"]


def test_limits_hold(run_inside: Runner) -> None:
    greedy = "x = b'x' * (400 << 20)\nimport time\ntime.sleep(2)"
    assert run_inside.script("while True: pass", cpu_seconds=0.5).status is RunStatus.CPU_LIMIT
    assert run_inside.script("import time; time.sleep(9)", wall_seconds=0.5).status is RunStatus.WALL_LIMIT
    assert run_inside.script(greedy, memory_bytes=128 << 20).status is RunStatus.MEMORY_LIMIT
    assert run_inside.script("print('x' * 9_000_000)", output_bytes=1 << 20).status is RunStatus.OUTPUT_LIMIT
    assert run_inside.script("print(1)").stdout == b"1\n"


def test_what_a_program_leaves_running_ends_with_it(run_inside: Runner) -> None:
    source = "import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork(): os._exit(0)\n  time.sleep(60)"
    processes = "import os; print(len([p for p in os.listdir('/proc') if p.isdecimal()]))"
    before = run_inside.script(processes).stdout
    assert run_inside.script(source).exit_code == 0
    assert run_inside.script(processes).stdout == before


def test_c_is_compiled_and_run(inside: Sandbox) -> None:
    missing = {one.name: one.missing for one in inside.language_statuses()}["c"]
    if missing is not None:
        pytest.skip(f"C: {missing}")
    source = f'#include <stdio.h>\nint main() {{ puts("gvisor {os.getpid()}"); }}'
    assert inside.run(Program(source, language="c")).stdout == b"gvisor %d\n" % os.getpid()
    deep = "int f(int n) { volatile char page[1000]; page[0] = n; return n ? f(n - 1) + page[0] * 0 : 7; }"
    result = inside.run(Program(f"{deep} int main() {{ return f(60000); }}", language="c"))
    assert result.exit_code == 7, "60 MB of stack"


def test_fork_bomb_ends_at_its_limit(run_inside: Runner) -> None:
    bomb = "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"
    assert run_inside.script(bomb, processes=8).status in (RunStatus.PROCESS_LIMIT, RunStatus.CPU_LIMIT)
    assert run_inside.script("print(1)").stdout == b"1\n"


def test_forks_share_what_they_have_not_changed(run_inside: Runner) -> None:
    source = "import os, time\nfor _ in range(12):\n  if os.fork() == 0: time.sleep(1); os._exit(0)\ntime.sleep(1)"
    assert run_inside.script(source, memory_bytes=128 << 20, processes=32).status is RunStatus.EXITED


def test_slot_whose_gvisor_is_killed_starts_anew(inside: Sandbox) -> None:
    assert inside.run(Program("print(1)")).stdout == b"1\n"
    launcher = inside._slots[0]._keeper
    assert launcher is not None
    launcher.kill()
    launcher.wait()
    with suppress(SandboxCrashedError):  # if its socket is still open
        inside.run(Program("print(2)"))
    assert inside.run(Program("print(3)")).stdout == b"3\n"
    assert len(_sandboxes(inside)) == 1


def test_closed_sandbox_leaves_neither_processes_nor_folders(inside: Sandbox) -> None:
    with Sandbox(SandboxConfig(slots=1, runtime=_RUNTIME)) as own:
        assert own.run(Program("print(1)")).stdout == b"1\n"
        assert len(_sandboxes(own)) == 1
    assert _sandboxes(own) == []
    assert not Path(own._root or "").exists()


def _sandboxes(sandbox: Sandbox) -> list[str]:
    """gVisor's own processes of this sandbox on the host that hold a kernel."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"boot" in arguments and any((sandbox._root or "?").encode() in one for one in arguments):
            found.append(entry.name)
    return found


def test_runtime_that_is_missing_is_named() -> None:
    with pytest.raises(SandboxFloorError, match="under no-such-runtime, which was not found"):
        Sandbox(SandboxConfig(slots=1, runtime="no-such-runtime")).open()


def test_runtime_that_is_not_gvisor_is_refused(tmp_path: Path) -> None:
    """One that only starts what it was told to, on the kernel of the host."""
    code = (
        "import json, os, sys\n"
        "bundle = [one.partition('=')[2] for one in sys.argv if one.startswith('--bundle=')][0]\n"
        "argv = json.load(open(bundle + '/config.json'))['process']['args']\n"
        "os.execv(argv[0], argv)\n"
    )
    fake = tmp_path / "runsc"
    fake.write_text(f"#!{sys.executable}\n{code}")
    fake.chmod(0o755)
    with pytest.raises(SandboxCrashedError, match="the kernel is not gVisor's"):
        Sandbox(SandboxConfig(slots=1, runtime=str(fake))).open()


def test_ordinary_user_is_told_that_it_takes_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SandboxFloorError, match="only root can start slots under /bin/true"):
        launch_command("/bin/true", (), str(tmp_path / "bundle"), ["true"], {}, (), "/work")
    assert not (tmp_path / "bundle").exists()
