"""Finding out which languages can be used: the tools are there, and a program passes its trial in the real sandbox.

Each language is tried in a thread of its own when it is first asked for, so that Python can be used at once. Who asks
for one that is being tried waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from sandbox import toolchains
from sandbox.commands import Installed
from sandbox.errors import InvalidProgramError, SandboxCancelledError, SandboxCrashedError, SandboxError
from sandbox.languages import LANGUAGES, named
from sandbox.languages.base import Language, ToolchainError
from sandbox.types import ExecutionResult, LanguageStatus, Limits, Program, RunStatus

_LIMITS: Final = Limits(
    cpu_seconds=20, wall_seconds=60, memory_bytes=512 << 20, compile_seconds=60, open_files=64, processes=32
)
_AT_ONE_TIME: Final = 2  # so that trying everything leaves room for the runs of others
_LOOK_SECONDS: Final = 0.05

RunTrial = Callable[[Installed, Program, Limits, threading.Event], ExecutionResult]


class Trial:
    """One language on its way to an answer."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.installed: Installed | None = None
        self.missing = ""
        self.fault: SandboxError | None = None  # ours: nothing is known about the language


class Trials:
    """Thread-safe. `stores`: folders for what is prepared, the preferred one first. `walls`: the level that holds.

    Both are asked for when first needed. What compiled behind other walls is no proof that it does behind these.
    """

    def __init__(
        self,
        names: Sequence[str] | None,
        other_uids: bool,
        stores: Callable[[], Sequence[str]],
        walls: Callable[[], str],
        run: RunTrial,
    ) -> None:
        """Raises InvalidProgramError for a name that is of no language."""
        self._allowed = set(LANGUAGES) if names is None else {_known(name).name for name in names}
        self._closed = threading.Event()
        self._host = toolchains.host(other_uids, self._closed)
        self._stores = stores
        self._walls = walls
        self._run = run
        self._lock = threading.Lock()
        self._room = threading.Semaphore(_AT_ONE_TIME)
        self._trials: dict[str, Trial] = {}
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Try every language in the background."""
        for name in LANGUAGES:
            if name in self._allowed:
                self._trial(LANGUAGES[name])

    def installed(self, name: str, cancelled: threading.Event | None = None) -> Installed:
        """The language of this name or alias, ready for use. Raises InvalidProgramError where there is none here."""
        language = _known(name)
        if language.name not in self._allowed:
            raise InvalidProgramError(
                f"language {language.name} is not among those configured: {', '.join(sorted(self._allowed))}"
            )
        trial = self._await(self._trial(language), cancelled)
        if trial.installed is None:
            raise InvalidProgramError(f"language {language.name} cannot be used on this host: {trial.missing}")
        return trial.installed

    def statuses(self) -> tuple[LanguageStatus, ...]:
        """Every language that exists, once all of them were tried."""
        self.begin()
        return tuple(self._status(language) for language in LANGUAGES.values())

    def close(self) -> None:
        """End what is being tried; returns when no tool runs any more."""
        self._closed.set()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _status(self, language: Language) -> LanguageStatus:
        version, missing = "", "it is not among the configured languages"
        if language.name in self._allowed:
            trial = self._await(self._trial(language), None)
            version = trial.installed.toolchain.version if trial.installed else ""
            missing = trial.missing
        extensions = language.extensions
        return LanguageStatus(
            language.name, version, language.compiled, language.modes, extensions, None if version else missing
        )

    def _await(self, trial: Trial, cancelled: threading.Event | None) -> Trial:
        while not trial.done.wait(None if cancelled is None else _LOOK_SECONDS):
            if cancelled is not None and cancelled.is_set():
                raise SandboxCancelledError("the run was cancelled before it began")
        if trial.fault is not None:
            raise trial.fault
        return trial

    def _trial(self, language: Language) -> Trial:
        with self._lock:
            trial = self._trials.get(language.name)
            if trial is None:
                trial = self._trials[language.name] = Trial()
                thread = threading.Thread(
                    target=self._try, args=(language, trial), name=f"sandbox-trial-{language.name}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
            return trial

    def _try(self, language: Language, trial: Trial) -> None:
        try:
            with self._room:
                trial.installed = self._examined(language)
        except ToolchainError as error:
            trial.missing = str(error)
        except SandboxError as error:
            trial.fault = error
        except (OSError, MemoryError) as error:  # of this moment: a full disk, too many files
            trial.fault = SandboxCrashedError(f"the trial of {language.name} failed: {type(error).__name__}: {error}")
        except Exception as error:  # the border of a thread: whoever waits must be told
            trial.missing = f"{type(error).__name__}: {error}"
        if trial.fault is not None:
            with self._lock:
                del self._trials[language.name]  # to be tried again by who asks next
        trial.done.set()

    def _examined(self, language: Language) -> Installed:
        toolchain = language.find(self._host)
        fingerprint = toolchains.fingerprint(language, toolchain)
        try:
            stores = self._stores() if language.prepare is not None else ()
            folder = toolchains.prepared(language, toolchain, stores, self._host, self._closed)
        except ToolchainError:
            if language.needs_prepared:
                raise
            folder = ""
        installed = Installed(language, toolchain, folder, fingerprint)
        if not language.run:
            return installed  # Python: the self-test has run in it
        source = f"{language.trial}{language.comment} {self._walls()}\n"
        program = Program(source, language=language.name, stdin=b"20 22\n")
        result = self._run(installed, program, _LIMITS, self._closed)
        if result.status is not RunStatus.EXITED or result.stdout.split() != [b"42"]:
            said = result.compilation.text if result.compilation else ""
            told = " ".join((said or result.stderr.decode(errors="replace")).split())
            raise ToolchainError(f"its trial program ended with {result.status}: {told[:300]}")
        return installed


def _known(name: str) -> Language:
    language = named(name)
    if language is None:
        raise InvalidProgramError(f"expected one of the languages {', '.join(LANGUAGES)}, got {name!r:.60}")
    return language
