"""Between a program and its run: the language it is in, what is compiled of it, and the command that runs it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from sandbox import commands, storage
from sandbox.command import Command
from sandbox.commands import Installed
from sandbox.compiler import Compiled, Compiler, RunCommand, judged
from sandbox.config import SandboxConfig
from sandbox.errors import InvalidProgramError, SandboxCrashedError
from sandbox.languages.base import Language
from sandbox.languages.interpreted import PYTHON
from sandbox.program_cache import ProgramCache
from sandbox.trials import Trials
from sandbox.types import Compilation, ExecutionResult, LanguageStatus, Limits, Mode, Program, RunStatus

_MOST_ARGUMENT_BYTES: Final = 100 << 10
_SIGN_BYTES: Final = 64 << 10  # from the end of what a program said
_DRIVERS: Final = Path(__file__).parent / "drivers"
_PYTHON_FILE: Final = "submission.py"
_PYTHON_CHECK: Final = f"""
import sys, traceback
with open({_PYTHON_FILE!r}, "rb") as file:
    source = file.read().decode("utf-8", "surrogatepass")
try:
    compile(source, "main.py", "exec", dont_inherit=True)
except BaseException as error:
    traceback.print_exception(type(error), error, None)
    sys.exit(1)
"""


_log = logging.getLogger("sandbox")


@dataclass(frozen=True)
class Ready:
    """A program that can be run now, or the result to hand out instead."""

    program: Program
    limits: Limits  # of the whole run: those of the program and what its runtime takes
    command: Command | None = None  # None: Python, which the zygote runs
    language: Language = PYTHON
    failure: ExecutionResult | None = None
    compilation: Compilation | None = None

    def finished(self, result: ExecutionResult) -> ExecutionResult:
        """The result with what compiling said, told apart where a runtime noticed by itself that memory had ended."""
        result = replace(result, compilation=self.compilation)
        failed = result.status is RunStatus.SIGNALED or (result.status is RunStatus.EXITED and result.exit_code != 0)
        said = result.stderr[-_SIGN_BYTES:]
        if failed and any(sign in said for sign in self.language.memory_signs):
            return replace(result, status=RunStatus.MEMORY_LIMIT, exit_code=None, signal=None)
        return result


class Builder:
    """Thread-safe. `private`: a folder of this sandbox alone, for programs where no cache can be used.

    `walls` says which level of isolation holds; `run` carries out one run.
    """

    def __init__(
        self, config: SandboxConfig, other_uids: bool, private: str, walls: Callable[[], str], run: RunCommand
    ) -> None:
        self._config = config
        self._other_uids = other_uids
        self._private = private
        self._run = run
        self._lock = threading.Lock()
        self._made_compiler: Compiler | None = None
        self._trials = Trials(config.languages, other_uids, self._stores, walls, self._try)

    def begin_trials(self) -> None:
        self._trials.begin()

    def statuses(self) -> tuple[LanguageStatus, ...]:
        return self._trials.statuses()

    def close(self) -> None:
        self._trials.close()

    @contextmanager
    def ready(self, program: Program, limits: Limits, cancelled: threading.Event | None) -> Iterator[Ready]:
        """The program, compiled where need be; what it was compiled to is held until this is left.

        Raises InvalidProgramError, and other SandboxErrors for faults of ours.
        """
        installed = self._installed(program, cancelled)
        with self._made(installed, program, limits, cancelled) as ready:
            yield ready

    @contextmanager
    def _made(
        self, installed: Installed, program: Program, limits: Limits, cancelled: threading.Event | None
    ) -> Iterator[Ready]:
        language = installed.language
        if language is PYTHON:
            yield Ready(program, limits)
        elif not language.compiled:
            yield _ready(installed, program, limits, None)
        else:
            with self._compiler.compiled(installed, program, limits, cancelled) as compiled:
                if compiled.failure is not None:
                    yield Ready(program, limits, failure=compiled.failure)
                else:
                    yield _ready(installed, program, limits, compiled)

    def compile(self, program: Program, limits: Limits, cancelled: threading.Event | None) -> ExecutionResult:
        """Only compile the program, or parse it where its language has no compiler."""
        installed = self._installed(program, cancelled)
        if installed.language.compiled:
            with self._compiler.compiled(installed, program, limits, cancelled) as compiled:
                return compiled.failure or _success(compiled.compilation)
        if installed.language is PYTHON:
            source = program.source.encode("utf-8", "surrogatepass")
            checked, command = Program(_PYTHON_CHECK, files={_PYTHON_FILE: source}), None
        else:
            checked, command = Program(program.source), commands.to_check(installed, program, limits)
        own_limits = commands.compiler_limits(limits)
        result, _ = self._run(checked, command, own_limits, cancelled)
        verdict = judged(result, own_limits)
        return verdict.failure or _success(verdict.compilation, result)

    def _installed(self, program: Program, cancelled: threading.Event | None) -> Installed:
        installed = self._trials.installed(program.language, cancelled)
        language = installed.language
        if program.mode not in language.modes:
            modes = " and ".join(language.modes)
            raise InvalidProgramError(f"language {language.name} has mode {modes}, not {program.mode}")
        _check_arguments(program.arguments)
        if language is not PYTHON and {language.source_file(program.source), language.call_driver} & set(program.files):
            raise InvalidProgramError(
                f"a program in {language.name} cannot have a file {language.source_file(program.source)}: "
                f"its source gets that name"
            )
        return installed

    def _try(
        self, installed: Installed, program: Program, limits: Limits, cancelled: threading.Event
    ) -> ExecutionResult:
        with self._made(installed, program, limits, cancelled) as ready:
            if ready.failure is not None:
                return ready.failure
            return self._run(ready.program, ready.command, ready.limits, cancelled)[0]

    def _stores(self) -> list[str]:
        own = [self._config.toolchain_dir] if self._config.toolchain_dir else []
        return [*own, f"{self._cache_folder}/prepared"]

    def folders(self) -> list[str]:
        """All that what is compiled and prepared may be found in, made where they are missing."""
        caches = [self._cache_folder, self._spare_folder]
        folders = [*self._stores(), *(f"{cache}/programs" for cache in caches)]
        for folder in folders:
            with suppress(OSError):  # one that cannot be made is not used either
                os.makedirs(folder, mode=0o711, exist_ok=True)
        return folders

    @cached_property
    def _cache_folder(self) -> str:
        folder, refused = storage.choose(self._config.cache_dir, f"{self._private}/cache", self._other_uids)
        if refused is not None:
            _log.warning("compiled programs are kept for this sandbox alone: %s", refused)
        return folder

    @property
    def _compiler(self) -> Compiler:
        with self._lock:
            if self._made_compiler is None:
                self._made_compiler = Compiler(self._cache(), self._spare_cache, self._run)
            return self._made_compiler

    def _cache(self) -> ProgramCache:
        try:
            return ProgramCache(self._cache_folder, self._config.cache_bytes)
        except OSError as error:
            _log.warning("compiled programs are kept for this sandbox alone: %s", error)
        try:
            return self._spare_cache()
        except OSError as error:
            raise SandboxCrashedError(f"there is nowhere to keep a compiled program: {error}") from error

    @property
    def _spare_folder(self) -> str:
        return f"{self._private}/spare-cache"

    def _spare_cache(self) -> ProgramCache:
        return ProgramCache(self._spare_folder, self._config.cache_bytes)


def _ready(installed: Installed, program: Program, limits: Limits, compiled: Compiled | None) -> Ready:
    command = commands.to_run(installed, program, limits, compiled.entry if compiled else None)
    driver = installed.language.call_driver
    if program.mode is Mode.CALLS and driver is not None:
        program = replace(program, files={**program.files, driver: (_DRIVERS / driver).read_bytes()})
    own_limits = commands.program_limits(installed, limits)
    compilation = compiled.compilation if compiled else None
    return Ready(program, own_limits, command, installed.language, compilation=compilation)


def _success(compilation: Compilation, result: ExecutionResult | None = None) -> ExecutionResult:
    """Of a compilation; `result` is that of its run, None where nothing was run."""
    blank = result or ExecutionResult(RunStatus.EXITED, 0, None, b"", b"", b"", 0.0, 0.0, 0, "")
    return replace(blank, stdout=b"", stderr=b"", compilation=compilation)


def _check_arguments(arguments: Sequence[str]) -> None:
    size = sum(len(one.encode("utf-8", "surrogatepass")) + 1 for one in arguments)
    if size > _MOST_ARGUMENT_BYTES or any("\0" in one for one in arguments):
        raise InvalidProgramError(
            f"expected arguments without NUL of together at most {_MOST_ARGUMENT_BYTES} bytes, got {size} bytes"
        )
