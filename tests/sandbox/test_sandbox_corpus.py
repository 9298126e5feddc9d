"""Real attacks and real programs: the shared corpus, as this user and as one without any privilege."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import corpus
import pytest
from sandbox_harness import left_behind

import sandbox as package
from sandbox import Sandbox

pytestmark = pytest.mark.sandbox

_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases" / "sandbox"
_NOBODY = 65534
_SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture
def folder() -> Path:
    if not _FOLDER.is_dir():
        text = f"the shared corpus is not at {_FOLDER}"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    return _FOLDER


def test_hostile_programs_get_what_they_deserve(sandbox: Sandbox, folder: Path) -> None:
    assert corpus.hostile(sandbox, folder / "hostile") == {}
    assert left_behind(sandbox) == []


def test_legitimate_programs_are_accepted(sandbox: Sandbox, folder: Path) -> None:
    assert corpus.legitimate(sandbox, folder / "legit") == {}


@pytest.fixture
def readable_copy() -> Iterator[Path]:
    """The package where every user can read it."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        shutil.copytree(Path(package.__file__).parent, copy / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(corpus.__file__, copy)
        if _FOLDER.is_dir():
            shutil.copytree(_FOLDER, copy / "cases")
        subprocess.run(["chmod", "-R", "a+rX,u+w", name], check=True)
        yield copy


def as_nobody(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a user without privileges, in an empty environment."""
    if os.geteuid() != 0 or not shutil.which("setpriv") or not os.path.exists(_SYSTEM_PYTHON):
        pytest.skip("only root, with setpriv and a Python for everybody, can become somebody else")
    drop = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--bounding-set=-all"]
    environment = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.defpath}
    command = [*drop, _SYSTEM_PYTHON, *arguments]
    # One after the other, also of several processes of pytest: sandboxes of one user share its RLIMIT_NPROC, and the
    # fork bombs of one would let the forks of another fail.
    with open(Path(tempfile.gettempdir()) / "tests-as-nobody.lock", "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return subprocess.run(
            command, env=environment, cwd=copy, capture_output=True, text=True, timeout=200, check=False
        )


def test_ordinary_user_gets_a_level_without_uids_of_its_own(readable_copy: Path) -> None:
    done = as_nobody(readable_copy, "-m", "sandbox", "check", "--json")
    report = json.loads(done.stdout)
    assert report["level"] == ("namespaces" if report["namespaces"] else "base"), done
    assert not report["own_uids"]
    assert set(report["tests"].values()) == {"pass"}


def test_corpus_is_judged_alike_at_level_base(readable_copy: Path, folder: Path) -> None:
    done = as_nobody(readable_copy, "corpus.py", str(readable_copy / "cases"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"level": "base", "uid": _NOBODY, "wrong": {}}


_DOCKER_CAPABILITIES = (
    "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot,mknod,audit_write"
)
_FORKS = """
from sandbox import *
with Sandbox(SandboxConfig(slots=1, floor=Level.UID)) as box:
    shared = "x = bytearray(60 << 20)\\nimport os, time\\nfor _ in range(5):\\n"
    shared += "  if os.fork() == 0: time.sleep(.2); os._exit(0)"
    print(box.run(Program(shared + "\\ntime.sleep(.3)"), Limits(memory_bytes=256 << 20)).status)
    hidden = "import os, time\\nf = open('x', 'wb'); os.unlink('x'); f.write(bytes(9 << 20)); f.flush(); time.sleep(9)"
    print(box.run(Program(hidden), Limits(disk_bytes=4 << 20)).status)
"""


def test_root_of_a_container_measures_as_well_as_the_real_one(readable_copy: Path) -> None:
    """Without CAP_SYS_PTRACE it sees neither shared memory nor nameless files of others, unless it acts as them."""
    if os.geteuid() != 0 or not shutil.which("setpriv") or not os.path.exists(_SYSTEM_PYTHON):
        pytest.skip("only root can have fewer capabilities")
    bounding = "-all," + ",".join(f"+{name}" for name in _DOCKER_CAPABILITIES.split(","))
    command = ["setpriv", f"--bounding-set={bounding}", _SYSTEM_PYTHON, "-B", "-c", _FORKS]
    done = subprocess.run(command, cwd=readable_copy, capture_output=True, text=True, timeout=200, check=False)
    assert done.stdout.split() == ["exited", "disk_limit"], done.stderr


_SHARED_UID = """
import json, os, resource, stat, sys
from sandbox import *
from sandbox.calls import *
from sandbox.suite import *
open("/tmp/own-" + str(os.getpid()), "w").close()
mine = "/tmp/own-" + str(os.getpid())
source = '''
import os, resource
def attempt(f):
    try: f(); return True
    except OSError: return False
def spy(pid, folder, server, mine):
    return [attempt(f) for f in (
        lambda: os.kill(pid, 0), lambda: os.kill(server, 0), lambda: open(f"/proc/{pid}/mem", "rb"),
        lambda: open(f"/proc/{server}/environ"), lambda: os.listdir(folder), lambda: os.chmod(mine, 0),
        lambda: os.utime(mine, (0, 0)), lambda: resource.prlimit(server, resource.RLIMIT_NOFILE, (3, 3)),
        lambda: os.setpriority(os.PRIO_PROCESS, server, 19), lambda: os.sched_setaffinity(server, [0]))]
'''
code = f"import os\\nassert spy(os.getpid(), os.getcwd(), {os.getpid()}, {mine!r}) == [False] * 10, 1"
with Sandbox(SandboxConfig(slots=1)) as box:
    solution, tester = box.run_pair(Program(source, Mode.CALLS), make_tester([Case(code)]))
    bomb = box.run(Program("import os\\nwhile True:\\n  try: os.fork()\\n  except OSError: pass"), Limits(processes=8))
    folders = box.run(Program("import os\\nos.mkdir('a'); os.mkdir('a/b', 0); os.mkdir('c', 0)"))
    again = box.run(Program("print(1)"))
os.unlink(mine)
print(json.dumps([read_report(tester.channel, 1)[0].status, bomb.status, folders.exit_code, again.stdout.decode()]))
"""


_CROWDED = r"""
import json, subprocess, sys
from sandbox import *
crowd = '\n'.join((
    "import threading, time",
    "for _ in range(400): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "print(flush=True)",
    "time.sleep(60)",
))
told = []
with Sandbox(SandboxConfig(slots=2, namespaces=False, cgroup=False, try_languages_at_open=False)) as box:
    forks = Program("import os\nif os.fork(): os.wait()\nelse: print('forked')")
    other = subprocess.Popen([sys.executable, "-c", crowd], stdout=subprocess.PIPE)
    other.stdout.readline()
    try:
        told.append(box.run(forks).status)
    except SandboxCrashedError as error:
        told.append(str(error))
    told.append(box.run(Program("print(1)")).stdout.decode())
    other.kill()
    other.wait()
    told.append(box.run(forks).stdout.decode())
    told.append(box.run(Program("raise SystemExit(3)")).exit_code)
print(json.dumps(told))
"""


def test_program_that_can_start_no_process_because_of_others_has_no_verdict(readable_copy: Path) -> None:
    done = as_nobody(readable_copy, "-c", _CROWDED)
    assert done.returncode == 0, done.stderr
    crowded, *others = json.loads(done.stdout)
    assert "had no process left" in crowded
    assert others == ["1\n", "forked\n", 3]


def test_programs_of_the_servers_own_uid_reach_neither_server_nor_partner(readable_copy: Path) -> None:
    done = as_nobody(readable_copy, "-c", _SHARED_UID)
    assert done.returncode == 0, done.stderr
    report, bomb, exit_code, stdout = json.loads(done.stdout)
    assert (report, exit_code, stdout) == ("passed", 0, "1\n")
    assert bomb in ("process_limit", "cpu_limit")


def test_sandbox_needs_nothing_but_the_standard_library() -> None:
    command = [sys.executable, "-I", "-S", "-c", "import sys; sys.path.insert(0, sys.argv[1]); import sandbox.__main__"]
    subprocess.run([*command, str(Path(package.__file__).parents[1])], check=True, timeout=200)
