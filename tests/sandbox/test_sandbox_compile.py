"""Compiling: once, behind the walls, within limits, into a cache that may break without breaking a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sandbox_harness import left_behind

from sandbox import Compilation, ExecutionResult, Limits, Program, RunStatus, Sandbox, SandboxConfig
from sandbox.errors import SandboxCancelledError
from sandbox.languages import LANGUAGES
from sandbox.program_cache import ProgramCache

pytestmark = pytest.mark.sandbox

_FIRST_ERROR = {
    "python": ("def f(:\n  pass", "main.py"),
    "c": ("int main() { return x; }", "main.c:1"),
    "cpp": ("int main() { return x; }", "main.cpp:1"),
    "java": ("public class Odd { int x = y; }", "Odd.java:1"),
    "javascript": ("function f( {", "main.js:1"),
    "go": ('package main\nimport "os"\nfunc main() {}', "main.go:2"),
    "rust": ("fn main() { x }", "main.rs:1"),
    "bash": ("if true; then", "main.sh"),
}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that programs of other users can pass through, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def own(sandbox: Sandbox) -> Iterator[Sandbox]:
    """A sandbox with a cache of its own, and what is prepared for compilers from the usual one."""
    missing = {one.name: one.missing for one in sandbox.language_statuses()}
    if missing["c"] or missing["cpp"]:
        pytest.skip(f"C: {missing['c']}, C++: {missing['cpp']}")
    prepared = f"{sandbox._live_builder()._cache_folder}/prepared"
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o711)
        with Sandbox(SandboxConfig(slots=2, cache_dir=name, toolchain_dir=prepared)) as opened:
            yield opened


def c(answer: object, comment: str = "") -> Program:
    return Program(f'#include <stdio.h>\nint main(){{puts("{answer}");}} // {comment}\n', language="c")


def compilation(result: ExecutionResult) -> Compilation:
    assert result.compilation is not None
    return result.compilation


def folder_of(sandbox: Sandbox) -> Path:
    assert sandbox.config.cache_dir is not None
    return Path(sandbox.config.cache_dir)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_only_compiling_says_whether_a_program_is_one(sandbox: Sandbox, language: str) -> None:
    missing = {one.name: one.missing for one in sandbox.language_statuses()}[language]
    if missing is not None:
        pytest.skip(f"{language}: {missing}")
    right = sandbox.compile(Program(LANGUAGES[language].trial, language=language))
    assert (right.status, right.exit_code, compilation(right).ok, right.stdout) == (RunStatus.EXITED, 0, True, b"")
    source, place = _FIRST_ERROR[language]
    wrong = sandbox.compile(Program(source, language=language))
    assert (wrong.status, compilation(wrong).ok, wrong.exit_code) == (RunStatus.NOT_COMPILED, False, None)
    assert place in compilation(wrong).text
    assert "assay-sandbox" not in compilation(wrong).text, "a path of ours came out"
    assert right.isolation == wrong.isolation != ""


def test_only_compiling_runs_nothing(sandbox: Sandbox) -> None:
    assert sandbox.compile(Program("import sys; sys.exit(3)")).status is RunStatus.EXITED
    assert sandbox.compile(Program("while True: pass")).status is RunStatus.EXITED


def test_program_that_does_not_compile_is_not_run(own: Sandbox) -> None:
    result = own.run(Program("int main() { return x; }", language="c"))
    assert result.status is RunStatus.NOT_COMPILED
    assert "‘x’ undeclared" in compilation(result).text


def test_program_is_compiled_once(own: Sandbox) -> None:
    first, again = own.run(c("once")), own.run(c("once"))
    assert first.stdout == again.stdout == b"once\n"
    assert (compilation(first).cached, compilation(again).cached) == (False, True)
    assert compilation(again).text == ""
    failed = [own.run(Program("int main() { return once; }", language="c")) for _ in range(2)]
    assert [compilation(one).cached for one in failed] == [False, True]
    assert compilation(failed[0]).text == compilation(failed[1]).text


def test_what_compiles_at_one_time_is_compiled_once(own: Sandbox) -> None:
    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(lambda _: own.run(c("together")), range(6)))
    assert [one.stdout for one in results] == [b"together\n"] * 6
    assert [compilation(one).cached for one in results].count(False) == 1


def test_header_of_the_program_is_compiled_with_it(own: Sandbox) -> None:
    source = '#include "own.h"\n#include <stdio.h>\nint main(){printf("%d\\n", OWN);}'
    for value in (b"1", b"2"):
        result = own.run(Program(source, language="c", files={"own.h": b"#define OWN " + value, "x.txt": b"."}))
        assert result.stdout == value + b"\n"
    data = own.run(Program(source, language="c", files={"own.h": b"#define OWN 2", "x.txt": b"other"}))
    assert compilation(data).cached


def test_cache_survives_its_sandbox(own: Sandbox) -> None:
    own.run(c("restart"))
    with Sandbox(own.config) as later:
        assert compilation(later.run(c("restart"))).cached


def mounts_of(sandbox: Sandbox) -> list[int]:
    """How many each slot's zygote sees."""
    zygotes = [slot.facts["processes"][2] for slot in sandbox._slots]
    return [len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines()) for pid in zygotes]


@pytest.fixture
def one_slot(own: Sandbox, open_folder: Path) -> Iterator[Sandbox]:
    """One slot with a file system and a cache of its own."""
    if own.report is None or not own.report.namespaces:
        pytest.skip("this host has no namespaces for us")
    prepared = own.config.toolchain_dir
    with Sandbox(SandboxConfig(slots=1, cache_dir=str(open_folder), toolchain_dir=prepared)) as opened:
        yield opened


def test_compiled_programs_add_no_mounts(one_slot: Sandbox) -> None:
    assert one_slot.run(c("first")).stdout == b"first\n"
    before = mounts_of(one_slot)
    for number in range(50):
        assert one_slot.run(c(number)).stdout == b"%d\n" % number
    assert mounts_of(one_slot) == before


def test_slot_finds_programs_in_a_cache_that_was_removed_and_made_anew(one_slot: Sandbox) -> None:
    assert one_slot.run(c("before")).stdout == b"before\n"
    mounts = mounts_of(one_slot)
    shutil.rmtree(folder_of(one_slot) / "programs")
    (folder_of(one_slot) / "programs").mkdir(mode=0o711)
    again = one_slot.run(c("before"))
    assert (again.stdout, compilation(again).cached) == (b"before\n", False)
    assert mounts_of(one_slot) == mounts


def test_another_process_finds_what_was_compiled(own: Sandbox) -> None:
    own.run(c("process"))
    code = (
        "import sys; from sandbox import *\n"
        "with Sandbox(SandboxConfig(slots=1, cache_dir=sys.argv[1])) as box:\n"
        "    print(box.run(Program(sys.argv[2], language='c')).compilation.cached)"
    )
    command = [sys.executable, "-c", code, str(folder_of(own)), c("process").source]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "True\n", done.stderr


def test_broken_entry_is_compiled_anew(own: Sandbox) -> None:
    own.run(c("broken"))
    (entry,) = [path for path in folder_of(own).glob("programs/*/*/files/program") if b"broken" in path.read_bytes()]
    entry.chmod(0o700)
    entry.write_bytes(b"#!/bin/false\n")
    with Sandbox(own.config) as later:
        result = later.run(c("broken"))
    assert (result.stdout, compilation(result).cached) == (b"broken\n", False)


def test_cache_that_cannot_be_used_is_done_without(
    own: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with Sandbox(replace(own.config, cache_dir=str(tmp_path / "file"))) as sandbox:
        assert [sandbox.run(c("without")).stdout for _ in range(2)] == [b"without\n"] * 2
    assert sum("cannot be used" in line or "kept for this sandbox alone" in line for line in caplog.messages) == 1


def test_cache_that_breaks_meanwhile_is_done_without(own: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    with Sandbox(own.config) as sandbox:
        sandbox.run(c("before"))
        programs = folder_of(own) / "programs"
        shutil.move(programs, folder_of(own) / "away")
        programs.write_text("not a folder")
        try:
            assert [sandbox.run(c("meanwhile")).stdout for _ in range(2)] == [b"meanwhile\n"] * 2
        finally:
            programs.unlink()
            shutil.move(folder_of(own) / "away", programs)
    assert len(caplog.messages) == 1, caplog.messages


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_file_system_without_execution_still_runs_programs(own: Sandbox, open_folder: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "noexec,mode=711", "none", str(open_folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this root cannot mount")
    try:
        with Sandbox(replace(own.config, cache_dir=str(open_folder))) as sandbox:
            result = sandbox.run(c("noexec"))
            assert (result.stdout, result.status) == (b"noexec\n", RunStatus.EXITED)
            assert list(open_folder.glob("programs/*/*/files/program"))
    finally:
        subprocess.run(["umount", str(open_folder)], check=True)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('#include "/etc/passwd"\nint main(){}', "/etc/passwd"),
        ('#include "/proc/self/environ"\nint main(){}', "/proc/self/environ"),
        ('#include "/dev/stdin"\nint main(){}', "/dev/stdin"),
        ('#include "/dev/zero"\nint main(){}', ""),
        ("static char big[1ull << 33] = {1};\nint main() { return big[12345]; }", "larger files than are allowed"),
        ('asm(".incbin \\"/etc/passwd\\"");\nint main(){}', "/etc/passwd"),
        ('asm(".rept 100000000\\n.quad 1\\n.endr");\nint main(){}', ""),
        ("int main(){" * 20_000, ""),
    ],
)
def test_compiler_neither_reads_the_host_nor_takes_it_over(own: Sandbox, source: str, says: str) -> None:
    started = time.monotonic()
    result = own.run(Program(source, language="c"), Limits(compile_seconds=2))
    assert result.status is RunStatus.NOT_COMPILED
    assert says in compilation(result).text
    assert "root:" not in compilation(result).text
    assert time.monotonic() - started < 30
    assert left_behind(own) == []


def test_time_for_compiling_is_limited_and_named(own: Sandbox) -> None:
    bomb = (
        "template<int N,int M> struct A{ typedef typename A<N-1,2*M>::t x; typedef typename A<N-1,2*M+1>::t y;"
        " typedef int t; };\ntemplate<int M> struct A<0,M>{typedef int t;};\nint main(){A<28,0>::t a=0;return a;}"
    )
    result = own.compile(Program(bomb, language="cpp"), Limits(compile_seconds=1))
    assert compilation(result).text.startswith("the compiler needed more CPU time than is allowed: 1 s")


def test_program_gets_nothing_of_the_compilers_limits(own: Sandbox) -> None:
    source = "#include <sys/resource.h>\n#include <stdio.h>\nint main(){struct rlimit r;getrlimit(RLIMIT_FSIZE,&r);"
    result = own.run(Program(source + 'printf("%lu\\n",r.rlim_cur);}', language="c"), Limits(file_bytes=12345))
    assert result.stdout == b"12345\n"


def test_compiling_can_be_cancelled(own: Sandbox) -> None:
    cancelled = threading.Event()
    source = "#include <stdio.h>\n" + "int f(){return 1;}\n".replace("f", "f%d") * 60_000 % tuple(range(60_000))
    timer = threading.Timer(0.3, cancelled.set)
    timer.start()
    with pytest.raises(SandboxCancelledError):
        own.run(Program(source + "int main(){}", language="c"), Limits(compile_seconds=60), cancelled)
    timer.join()
    assert own.run(c("afterwards")).stdout == b"afterwards\n"


def test_cache_is_bounded_while_programs_run(own: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.config.SMALLEST_CACHE_BYTES", 1)
    folder = str(folder_of(own) / "small")
    with Sandbox(replace(own.config, cache_dir=folder, cache_bytes=200_000)) as sandbox:
        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(lambda number: sandbox.run(c(number)), range(24)))
        assert [one.stdout for one in results] == [b"%d\n" % number for number in range(24)]
    assert 0 < len(list(Path(folder).glob("programs/*/*/files/program"))) < 12


def test_lock_of_a_compiler_that_died_holds_nobody_up(tmp_path: Path) -> None:
    code = (
        "import os, sys, signal; from sandbox.program_cache import ProgramCache\n"
        "with ProgramCache(sys.argv[1], 1 << 30).alone('ab' * 32, None): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[2], check=False, timeout=200)
    entered = False
    with ProgramCache(str(tmp_path), 1 << 30).alone("ab" * 32, None):
        entered = True
    assert entered
