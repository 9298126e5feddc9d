"""The start-up self-test: a program with real canaries tries to get out, the real way, and the host tells what it saw.

The level is what was shown to hold, never what the kernel's version promises.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from sandbox.config import Level
from sandbox.layers.landlock import SIGNAL_SCOPE_ABI
from sandbox.slot import ENVIRONMENT
from sandbox.types import ExecutionResult, Limits, Program, RunStatus

_TRIES: Final = 3
_LIMITS: Final = Limits(cpu_seconds=2, wall_seconds=5, processes=8)
_NEEDED_CAPABILITIES: Final = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7}
_ROOT: Final = f"root with CAP_{', CAP_'.join(_NEEDED_CAPABILITIES)} (Docker's default set has them)"
_NAMESPACES: Final = "root with CAP_SYS_ADMIN, or user namespaces for ordinary users (a default container has neither)"
_GREEDY: Final = "import time\nx = b'x' * (400 << 20)\ntime.sleep(1)\nprint(len(x))"
_PROBES: Final = (Path(__file__).parent / "probes.py").read_text(encoding="utf-8")
_ADVICE: Final = {
    "landlock": "a kernel of 5.13 or later with landlock among its LSMs (kernel parameter lsm=...)",
    "seccomp": "a kernel with CONFIG_SECCOMP_FILTER on x86_64 or aarch64",
    "signal_scope": f"a kernel of 6.12 or later (Landlock ABI 6), or {_ROOT}",
    "not_root": f"an ordinary user, or {_ROOT}",
}

Run = Callable[[Program, Limits], ExecutionResult]


@dataclass(frozen=True)
class Report:
    """What this host gives. `tests`: name → "pass", or "fail: " and what happened."""

    level: Level
    landlock_abi: int  # 0: none
    seccomp: bool
    own_uids: bool  # each side of each slot runs as a user of its own
    namespaces: bool  # each slot has its own file system, network, IPC and host name
    cgroup: str  # "v1" or "v2": version of the control groups in use, "none"
    python: str  # the interpreter that was chosen for the programs
    python_version: str
    tests: dict[str, str] = field(default_factory=dict)

    def refusal(self, floor: Level) -> str:
        """Why a sandbox with this floor does not open, and what to do."""
        failed = [f"{name} ({text})" for name, text in self.tests.items() if text != "pass"]
        advice = [text for name, text in _ADVICE.items() if self.tests.get(name, "pass") != "pass"]
        if not failed and floor is Level.UID:
            advice = [_ROOT]
        if not failed and floor is Level.NAMESPACES:
            advice = [_NAMESPACES]
        if floor is Level.GVISOR:
            advice = [f"{_ROOT}, and runtime set to gVisor's runsc"]
        return (
            f"this host gives isolation level {self.level}, the configured floor is {floor}. "
            f"Failed: {', '.join(failed) or 'nothing'}. Needed: {'; '.join(advice) or 'see docs/sandbox.md'}. "
            f"To run unprotected all the same, set allow_unsafe"
        )


@cache
def can_separate_uids() -> bool:
    """Whether this process may give programs users of their own: root with the capabilities for it."""
    needed = sum(1 << number for number in _NEEDED_CAPABILITIES.values())
    return os.geteuid() == 0 and _effective_capabilities() & needed == needed


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def examine(run: Run, facts: dict[str, Any], own_uids: bool) -> Report:
    """Run the canaries through `run`, whose zygote has said `facts`."""
    tests = {
        **_kernel(facts),
        "seccomp": _verdict(facts["seccomp"], "no filter for this machine"),
        "signal_scope": _verdict(own_uids or facts["landlock_abi"] >= SIGNAL_SCOPE_ABI, "programs could signal us"),
        "not_root": _verdict(own_uids or os.geteuid() != 0, "programs would run as root"),
        **_attacks(run),
        **(_seen_in_gvisor(run) if facts["gvisor"] else {}),
        **_limits(run, facts["gvisor"]),
    }
    outside_can_be_seen = tests.pop("stat_outside", "pass")  # Landlock does not hide it, a file system of its own does
    if facts["namespaces"] or facts["gvisor"]:
        tests["stat_outside"] = outside_can_be_seen
    if facts["namespaces"]:
        tests["network"] = _verdict(not facts["network"], "an interface is up")
    held = all(text == "pass" for text in tests.values())
    return Report(
        level=_best(facts, own_uids) if held else Level.NONE,
        landlock_abi=facts["landlock_abi"],
        seccomp=facts["seccomp"],
        own_uids=own_uids,
        namespaces=facts["namespaces"],
        cgroup=facts["cgroup"],
        python=facts["python"],
        python_version=facts["python_version"],
        tests=tests,
    )


def _kernel(facts: dict[str, Any]) -> dict[str, str]:
    """What keeps files from programs: Landlock, or a kernel of their own and nothing but the permissions in it."""
    if facts["gvisor"]:
        return {"gvisor": "pass"}
    return {"landlock": _verdict(facts["landlock_abi"] > 0, "the kernel has none")}


def _best(facts: dict[str, Any], own_uids: bool) -> Level:
    if facts["gvisor"]:
        return Level.GVISOR
    return Level.NAMESPACES if facts["namespaces"] else Level.UID if own_uids else Level.BASE


def _verdict(holds: bool, otherwise: str) -> str:
    return "pass" if holds else f"fail: {otherwise}"


def _attacks(run: Run) -> dict[str, str]:
    """One program that tries everything: what it got, and what arrived on this side."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-canary-")))
        folder.chmod(0o777)  # what stops the program must be the sandbox, not the canaries' own permissions
        secret = folder / "secret"
        secret.write_text("canary")
        unix_path, abstract = str(folder / "socket"), f"\0assay-canary-{os.getpid()}-{id(stack)}"
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listeners = {
            "tcp": tcp,
            "unix_socket": stack.enter_context(_unix_listener(unix_path)),
            "abstract_socket": stack.enter_context(_unix_listener(abstract)),
        }
        arguments = (
            str(folder / "written"),
            str(secret),
            tcp.getsockname()[1],
            unix_path,
            abstract,
            sorted(ENVIRONMENT),
        )
        told = _told(_answered(run, f"attack(*{arguments!r})", lambda result: b"{" in result.stdout))
        reached = {name: "fail: a connection arrived" for name, one in listeners.items() if _was_reached(one)}
        written = {"write_outside": "fail: the file is there"} if (folder / "written").exists() else {}
        return {**told, **reached, **written}


def _answered(run: Run, call: str, answers: Callable[[ExecutionResult], bool]) -> ExecutionResult:
    """The result of a probe, which on a busy host may be ended before it has shown anything: then it is tried again."""
    program = Program(f"{_PROBES}\n{call}\n")
    for _ in range(_TRIES - 1):
        result = run(program, _LIMITS)
        if answers(result):
            return result
    return run(program, _LIMITS)


def _is_bounded(result: ExecutionResult) -> bool:
    return result.status is RunStatus.PROCESS_LIMIT or b"bounded" in result.stdout


def _unix_listener(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    return listener


def _was_reached(listener: socket.socket) -> bool:
    listener.setblocking(False)
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def _told(result: ExecutionResult) -> dict[str, str]:
    """What the attacking program reports. One that reports nothing has not shown that anything holds."""
    try:
        answers = json.loads(result.stdout)
    except ValueError:
        return {"attacks": f"fail: {result.status}, {(result.stderr or result.stdout)[-200:]!r}"}
    return {str(name): str(text) for name, text in answers.items()}


def _seen_in_gvisor(run: Run) -> dict[str, str]:
    """There the environment of other users' processes can be read: it must be the one that every program gets."""
    source = (
        "import os\nnames = open(f'/proc/{os.getppid()}/environ').read().split('\\0')\n"
        "print(*(name.partition('=')[0] for name in names))"
    )
    names = set(run(Program(source), _LIMITS).stdout.decode().split())
    return {"read_parent": _verdict(names <= set(ENVIRONMENT), f"{sorted(names)} can be read")}


def _is_gone_inside(run: Run, pid: str) -> bool:
    """Whether a process inside gVisor, whose numbers are not ours, is gone, as a program there sees it."""
    source = f"import os; print(os.path.exists('/proc/1'), os.path.exists('/proc/{pid}'))"
    return run(Program(source), _LIMITS).stdout.split() == [b"True", b"False"]


def _limits(run: Run, gvisor: bool) -> dict[str, str]:
    """Programs that leave something running or want too much."""
    forks = _answered(run, f"fork_past_limit({_LIMITS.processes})", _is_bounded)
    daemon = _answered(run, "leave_daemon()", lambda result: result.stdout.strip().isdigit())
    memory = run(Program(_GREEDY), replace(_LIMITS, memory_bytes=64 << 20))
    left = daemon.stdout.strip().decode()
    gone = _is_gone_inside(run, left) if gvisor else not os.path.exists(f"/proc/{left}")
    return {
        "fork_past_limit": _verdict(_is_bounded(forks), f"{forks.status}, {forks.stderr[-200:]!r}"),
        "outlive": _verdict(left.isdecimal() and gone, f"process {left} was left"),
        "memory": _verdict(memory.stdout == b"", "400 MiB were given where 64 were allowed"),
    }
