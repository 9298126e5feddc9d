"""Finding the tool chains of this host, and what is prepared once for each: trusted programs, run outside the walls."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sandbox.languages.base import Host, Language, Toolchain, ToolchainError

_ELSEWHERE: Final = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/go/bin", "/usr/local/cargo/bin")
_PASSED_ON: Final = (
    "PATH",
    "HOME",
    "RUSTUP_HOME",
    "CARGO_HOME",
    "RUSTUP_TOOLCHAIN",
)  # what tools need to find their own
_ASK_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 0.05
_UNUSED_SECONDS: Final = 14 * 86_400.0


def host(other_uids: bool, closed: threading.Event) -> Host:
    """Where this process finds tools. `other_uids`: programs run as users that own nothing."""
    path = tuple(dict.fromkeys([*os.get_exec_path(), *_ELSEWHERE]))
    asker = Asker(closed)
    return Host(asker.ask, _usable_by_all if other_uids else _usable_here, path)


def _usable_here(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK | os.R_OK)


def _usable_by_all(path: str) -> bool:
    try:
        folders_open = all(os.stat(parent).st_mode & stat.S_IXOTH for parent in Path(os.path.realpath(path)).parents)
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return folders_open and stat.S_ISREG(mode) and mode & 0o005 == 0o005


class Asker:
    """Runs tools until `closed` is set: then what runs is killed."""

    def __init__(self, closed: threading.Event) -> None:
        self._closed = closed

    def ask(self, command: Sequence[str], variables: Mapping[str, str]) -> str:
        """What it prints. Raises ToolchainError where it fails or takes more than five minutes."""
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {"LC_ALL": "C.UTF-8", **variables}
        try:
            process = subprocess.Popen(  # noqa: S603
                command,
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ToolchainError(f"{command[0]} does not start: {error.strerror}") from error
        with process:
            said, complaint = self._await(process)
        if process.returncode != 0:
            raise ToolchainError(f"{command[0]} failed with {process.returncode}: {complaint.strip()[-300:]}")
        return said

    def _await(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        deadline = time.monotonic() + _ASK_SECONDS
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=_LOOK_SECONDS)
            if self._closed.is_set() or time.monotonic() > deadline:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                return process.communicate()


def fingerprint(language: Language, toolchain: Toolchain) -> str:
    """Names everything that what is compiled depends on, besides the program."""
    files = [(path, os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in toolchain.tools.values()]
    facts = [language.name, toolchain.version, files, language.compile, dict(language.environment)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def prepared(
    language: Language, toolchain: Toolchain, stores: Sequence[str], host: Host, closed: threading.Event
) -> str:
    """The folder of what is prepared for a language: in the first of the stores that has it, or made in one.

    Raises ToolchainError where it could not be made.
    """
    if language.prepare is None:
        return ""
    name = f"{language.name}-{fingerprint(language, toolchain)[:24]}"
    for store in stores:
        if _complete(f"{store}/{name}"):
            with suppress(OSError):
                os.utime(f"{store}/{name}")
            return f"{store}/{name}"
    why = "there is nowhere to put what has to be prepared"
    for store in stores:
        try:
            return _make(language, toolchain, store, name, host, closed)
        except OSError as error:
            why = f"{store}: {error.strerror}"
    raise ToolchainError(why)


def prepare_all(languages: Iterable[Language], store: str, other_uids: bool) -> Iterator[tuple[str, str]]:
    """Prepare in this folder what the languages found on this host need: name, and what came of it."""
    closed = threading.Event()
    here = host(other_uids, closed)
    for language in languages:
        if language.prepare is not None:
            try:
                yield language.name, prepared(language, language.find(here), [store], here, closed)
            except ToolchainError as error:
                yield language.name, f"nothing: {error}"


def _complete(folder: str) -> bool:
    """What is prepared knows its own place: some of it holds absolute paths."""
    with suppress(OSError):
        return Path(folder, "location").read_text(encoding="utf-8") == folder
    return False


def _make(language: Language, toolchain: Toolchain, store: str, name: str, host: Host, closed: threading.Event) -> str:
    if language.prepare is None:
        raise ToolchainError(f"{language.name} has nothing to prepare")
    os.makedirs(store, exist_ok=True)
    folder = f"{store}/{name}"
    with _alone(f"{store}/{language.name}.lock", closed):
        if _complete(folder):
            return folder
        shutil.rmtree(folder, ignore_errors=True)  # half of it, from one who was killed
        os.mkdir(folder)
        try:
            language.prepare(language, toolchain, folder, host.ask)
            _let_all_read(folder)
            Path(folder, "location").write_text(folder, encoding="utf-8")
            os.chmod(f"{folder}/location", 0o644)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _remove_unused(store, language.name)
    return folder


@contextmanager
def _alone(path: str, closed: threading.Event) -> Iterator[None]:
    with open(path, "wb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if closed.wait(_LOOK_SECONDS):
                    raise ToolchainError("the sandbox was closed") from None
        yield


def _let_all_read(folder: str) -> None:
    for top, _, names in os.walk(folder):
        os.chmod(top, 0o755)  # noqa: S103 - compilers run as users of their own
        for name in names:
            os.chmod(f"{top}/{name}", 0o644)


def _remove_unused(store: str, language: str) -> None:
    """What belonged to a compiler that has been replaced."""
    oldest = time.time() - _UNUSED_SECONDS
    with os.scandir(store) as entries:
        for entry in entries:
            mine = entry.name.startswith(f"{language}-") and entry.is_dir(follow_symlinks=False)
            if mine and entry.stat(follow_symlinks=False).st_mtime < oldest:
                shutil.rmtree(entry.path, ignore_errors=True)
