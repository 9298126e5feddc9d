"""From a language and what was found of it on this host to the commands that compile, check and run a program."""

from __future__ import annotations

import resource
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sandbox.command import PROGRAM_IN_MEMORY, Command
from sandbox.languages.base import OUTPUT_FOLDER, Language, Toolchain
from sandbox.program_cache import Entry
from sandbox.types import Limits, Mode, Program

MOST_OUTPUT_BYTES: Final = 64 << 20  # of a compiled program
_MOST_OUTPUT_FILES: Final = 1_000
_COMPILER_MEMORY_BYTES: Final = 1 << 30
_COMPILER_TASKS: Final = 64
_COMPILER_SAID_BYTES: Final = 1 << 20
_SHELL: Final = "/bin/sh"
_LARGEST_STACK_KB: Final = 65_500  # for JavaScript, in which it is a setting


@dataclass(frozen=True)
class Installed:
    """A language that can be used here. `fingerprint`: of all that what is compiled depends on, but the program."""

    language: Language
    toolchain: Toolchain
    prepared: str = ""
    fingerprint: str = ""


def compiler_limits(limits: Limits) -> Limits:
    """What the compiler may use for a program with these limits: nothing of theirs but the time for compiling."""
    return Limits(
        cpu_seconds=limits.compile_seconds,
        wall_seconds=2 * limits.compile_seconds + 2,
        memory_bytes=_COMPILER_MEMORY_BYTES,
        output_bytes=_COMPILER_SAID_BYTES,
        processes=_COMPILER_TASKS,
        file_bytes=MOST_OUTPUT_BYTES,
        disk_bytes=4 * MOST_OUTPUT_BYTES,
        open_files=512,
    )


def program_limits(installed: Installed, limits: Limits) -> Limits:
    """The program's own limits, with what its runtime takes for itself on top."""
    return replace(limits, memory_bytes=limits.memory_bytes + installed.language.runtime_memory_bytes)


def to_compile(installed: Installed, program: Program, limits: Limits) -> Command:
    return _to_build(installed, program, limits, installed.language.compile)


def to_check(installed: Installed, program: Program, limits: Limits) -> Command:
    return _to_build(installed, program, limits, [installed.language.check])


def _to_build(installed: Installed, program: Program, limits: Limits, templates: Sequence[Sequence[str]]) -> Command:
    source_name = installed.language.source_file(program.source)
    fields = {**_fields(installed, limits), "source": source_name, "out": OUTPUT_FOLDER}
    steps = [tuple(part.format(**fields) for part in step) for step in templates]
    argv = steps[0] if len(steps) == 1 else (_SHELL, "-c", " && ".join(map(shlex.join, steps)))
    readable = installed.toolchain.compiler_readable
    return Command(
        argv,
        argv[0],
        source_name,
        readable=(*readable, installed.prepared) if installed.prepared else readable,
        environment=_environment(installed, fields),
        tasks=_COMPILER_TASKS,
        outputs=OUTPUT_FOLDER,
        output_files=_MOST_OUTPUT_FILES,
        outputs_bytes=MOST_OUTPUT_BYTES,
    )


def to_run(installed: Installed, program: Program, limits: Limits, entry: Entry | None) -> Command:
    """`limits`: the program's own. `entry`: what was compiled of it, None for a language that is interpreted."""
    language = installed.language
    source_name = None if entry else language.source_file(program.source)
    place = {"program": entry.folder, "main": entry.main} if entry else {"source": source_name or ""}
    fields = {**_fields(installed, limits), **place}
    template = language.calls if program.mode is Mode.CALLS else language.run
    argv = tuple(part.format(**fields) for part in template)
    executable, copied = argv[0], ""
    if entry and executable.startswith(entry.folder):
        argv = (source_name or language.source_name.partition(".")[0], *argv[1:])
        if not entry.executable:
            executable, copied = PROGRAM_IN_MEMORY, executable
    return Command(
        argv,
        executable,
        source_name,
        readable=(*installed.toolchain.runtime_readable, *([entry.folder] if entry else [])),
        mounted=entry.cache if entry else "",
        environment=_environment(installed, fields),
        copied=copied,
        data_margin_bytes=language.data_margin_bytes,
        tasks=language.tasks,
    )


def _fields(installed: Installed, limits: Limits) -> dict[str, str]:
    return {
        **installed.toolchain.tools,
        "prepared": installed.prepared,
        "memory_mb": str(limits.memory_bytes >> 20),
        "stack_kb": str(_stack_kb()),
    }


def _stack_kb() -> int:
    """What a program may use of its stack when the limit on that is lifted as far as this process may lift it."""
    _, ceiling = resource.getrlimit(resource.RLIMIT_STACK)
    return _LARGEST_STACK_KB if ceiling == resource.RLIM_INFINITY else min(_LARGEST_STACK_KB, (ceiling >> 10) * 3 // 4)


def _environment(installed: Installed, fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value.format(**fields) for name, value in installed.language.environment.items()}
