"""What goes into the sandbox and what comes out: plain frozen values, units in the names. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Mode(StrEnum):
    """How the source of a program is started."""

    SCRIPT = "script"  # runs from top to bottom as `__main__`, stdin and stdout are its interface
    CALLS = "calls"  # is loaded once, then answers calls of its functions that arrive on its channel
    TESTS = "tests"  # test code whose unknown names are functions of the partner program, called over the channel


@dataclass(frozen=True)
class Program:
    """A program to run. `files` are put into its empty work folder before it starts, names without slashes.

    A language that is compiled is compiled first, in a run of its own behind the same walls, unless the cache of
    compiled programs has it. Mode CALLS exists for python and javascript, mode TESTS for python.
    """

    source: str
    mode: Mode = Mode.SCRIPT
    language: str = "python"  # a name that Sandbox.languages() gives
    arguments: tuple[str, ...] = ()  # SCRIPT: what follows the program's name in argv
    stdin: bytes = b""
    channel: bytes = b""  # CALLS without a partner: the requests, see sandbox.calls; not used otherwise
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """What a run may use, over its whole process tree."""

    cpu_seconds: float = 2.0
    wall_seconds: float = 10.0  # time in which it waited for a processor is given back, up to four times as long
    memory_bytes: int = 256 << 20
    output_bytes: int = 1 << 20  # stdout, stderr and channel, each
    processes: int = 32
    file_bytes: int = 16 << 20
    disk_bytes: int = 64 << 20
    open_files: int = 64
    compile_seconds: float = 10.0  # CPU of the compiler's tree, and half of what it may take of wall time


class RunStatus(StrEnum):
    """How a run ended. What it wrote is judged elsewhere."""

    EXITED = "exited"  # by itself; see exit_code
    SIGNALED = "signaled"  # killed by a signal that was not ours; see signal
    CPU_LIMIT = "cpu_limit"
    WALL_LIMIT = "wall_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    DISK_LIMIT = "disk_limit"
    PROCESS_LIMIT = "process_limit"  # only where the uid is shared: elsewhere fork fails inside the program
    SECURITY_VIOLATION = "security_violation"  # a layer killed it
    STOPPED = "stopped"  # we ended it because its partner had ended or broken a limit
    NOT_COMPILED = "not_compiled"  # the compiler refused it or broke a limit: see ExecutionResult.compilation


@dataclass(frozen=True)
class LanguageStatus:
    """A language, and whether programs in it can be run here."""

    name: str
    version: str  # of its compiler or interpreter, in its own words; empty where it is missing
    compiled: bool
    modes: tuple[Mode, ...]
    extensions: tuple[str, ...]  # of files, with the dot
    missing: str | None  # why it cannot be used; None: it can


@dataclass(frozen=True)
class Compilation:
    """What came of compiling a program. A language without a compiler has none."""

    ok: bool
    cached: bool  # nothing was run: the cache had it
    seconds: float  # wall time, about 0 where it was cached
    text: str  # what the compiler said, without paths of ours, at most 16 KiB; empty where it was cached


@dataclass(frozen=True)
class ExecutionResult:
    status: RunStatus
    exit_code: int | None  # None unless status is EXITED
    signal: int | None  # None unless status is SIGNALED
    stdout: bytes  # at most Limits.output_bytes, as are stderr and channel
    stderr: bytes
    channel: bytes  # CALLS: its replies, empty when a partner read them; TESTS: its report, see sandbox.suite
    cpu_seconds: float  # user and system time of the whole tree
    wall_seconds: float
    peak_memory_bytes: int  # of the whole tree, as sampled
    isolation: str  # the level that held: see sandbox.preflight
    compilation: Compilation | None = None
