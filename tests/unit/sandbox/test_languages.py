"""Languages, the cache of compiled programs and where it lies: what needs no sandbox."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import Limits, Program, SandboxConfig, folder, storage
from sandbox.commands import Installed, compiler_limits, program_limits, to_compile, to_run
from sandbox.compiler import _key, judged
from sandbox.errors import InvalidProgramError, SandboxCancelledError, SandboxCrashedError
from sandbox.languages import LANGUAGES, named, of_file
from sandbox.languages.base import Host, Toolchain, ToolchainError
from sandbox.languages.java import main_class, name_source
from sandbox.program_cache import Entry, ProgramCache
from sandbox.trials import Trials
from sandbox.types import ExecutionResult, RunStatus

MIB = 1 << 20


def test_names_aliases_and_extensions_are_of_one_language_each() -> None:
    names = [name for one in LANGUAGES.values() for name in (one.name, *one.aliases)]
    extensions = [extension for one in LANGUAGES.values() for extension in one.extensions]
    assert len(names) == len(set(names))
    assert len(extensions) == len(set(extensions))


@pytest.mark.parametrize(
    ("alias", "name"),
    [("C++", "cpp"), (" js ", "javascript"), ("py", "python"), ("golang", "go"), ("sh", "bash"), ("Rust", "rust")],
)
def test_aliases_are_found_in_any_case(alias: str, name: str) -> None:
    language = named(alias)
    assert language is not None
    assert language.name == name


def test_unknown_names_and_extensions_are_of_no_language() -> None:
    assert named("cobol") is None
    assert of_file("x.cob") is None
    found = of_file("a/b.CPP")
    assert found is not None
    assert found.name == "cpp"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("public class Main {}", "Main.java"),
        ("class A {} public final class Über2 {}", "Über2.java"),
        ("import java.util.*;\npublic final class Solve { public static class Inner {} }", "Solve.java"),
        ('// public class No\n/* public class Nor */ class B { String s = "public class X {"; }', "Main.java"),
        ("class C { public class Inner {} } public interface Face {}", "Face.java"),
        ('class C { char c = \'{\'; String t = """\n{ public class T """; } public record R(int a) {}', "R.java"),
        ("/* never closed public class Z {", "Main.java"),
        ("", "Main.java"),
    ],
)
def test_java_file_is_named_after_its_public_type(source: str, name: str) -> None:
    assert name_source(source) == name


@pytest.mark.parametrize("name", ["A" * 250, "\u7532" * 100])
def test_java_file_never_gets_a_name_too_long_for_a_file(name: str) -> None:
    """The compiler then says that the class has to be declared elsewhere; no fault of ours comes of it."""
    assert name_source(f"public class {name} {{ }}") == "Main.java"


@pytest.mark.parametrize("piece", ["/*", '"""', '"\\"', "'", "public static ", "public class A {", '"""\\'])
def test_naming_a_java_file_takes_linear_time(piece: str) -> None:
    """Quadratic time on a megabyte would not end before the suite's own limit."""
    assert name_source(piece * (1_000_000 // len(piece))).endswith(".java")


def _class_file(method: bytes, descriptor: bytes, flags: int) -> bytes:
    texts = [method, descriptor]
    constants = b"".join(b"\1" + struct.pack(">H", len(text)) + text for text in texts)
    constants += b"\5" + bytes(8)  # a long takes two places
    head = struct.pack(">IHHH", 0xCAFEBABE, 0, 61, len(texts) + 3) + constants
    return head + struct.pack(">HHHHHH", 0x21, 0, 0, 0, 0, 1) + struct.pack(">HHHH", flags, 1, 2, 0)


_MAIN = _class_file(b"main", b"([Ljava/lang/String;)V", 9)
_OTHER = _class_file(b"main", b"()V", 9)
_PRIVATE = _class_file(b"main", b"([Ljava/lang/String;)V", 8)


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        ({"A.class": _OTHER, "B.class": _MAIN}, "B"),
        ({"A.class": _MAIN, "Main.class": _MAIN}, "Main"),
        ({"A.class": _MAIN, "p/q/Solution.class": _MAIN}, "p.q.Solution"),
        ({"A.class": _PRIVATE}, "Main"),
        ({"A.class": b"", "B.class": _MAIN[:40], "C.class": b"\xca\xfe\xba\xbe" + bytes(60)}, "Main"),
        ({"-Xmx1g.class": _MAIN}, "Main"),
        ({}, "Main"),
    ],
)
def test_java_program_starts_in_the_class_that_has_a_main_method(classes: dict[str, bytes], name: str) -> None:
    assert main_class(classes) == name


def _installed(name: str, **tools: str) -> Installed:
    return Installed(LANGUAGES[name], Toolchain("1", tools), "/prepared", "print")


def test_commands_hold_what_was_found() -> None:
    installed = _installed("cpp", cxx="/usr/bin/g++")
    compiling = to_compile(installed, Program("", language="cpp"), Limits())
    assert (compiling.argv[0], compiling.executable, compiling.source_name) == ("/usr/bin/g++",) * 2 + ("main.cpp",)
    assert "/prepared" in compiling.readable
    running = to_run(installed, Program(""), Limits(), Entry("/cache/files", "", executable=True))
    assert (running.argv, running.executable) == (("main",), "/cache/files/program")
    assert running.readable == ("/cache/files",)


def test_program_is_executed_from_memory_where_its_file_system_forbids_it() -> None:
    installed = _installed("go", compiler="/c", linker="/l")
    running = to_run(installed, Program(""), Limits(), Entry("/cache/files", "", executable=False))
    assert (running.executable, running.copied) == ("@memory", "/cache/files/program")


def test_steps_of_a_compilation_end_with_the_first_that_fails() -> None:
    command = to_compile(_installed("go", compiler="/c c", linker="/l"), Program(""), Limits())
    assert command.argv[:2] == ("/bin/sh", "-c")
    assert command.argv[2].startswith("'/c c' ")
    assert " && /l " in command.argv[2]


def test_limits_of_compilers_and_runtimes_are_their_own() -> None:
    limits = Limits(memory_bytes=64 * MIB, compile_seconds=3)
    compiling = compiler_limits(limits)
    assert (compiling.cpu_seconds, compiling.wall_seconds) == (3, 8)
    assert compiling.memory_bytes > limits.memory_bytes
    assert program_limits(_installed("java"), limits).memory_bytes > limits.memory_bytes
    assert program_limits(_installed("c"), limits) == limits


def test_key_depends_on_the_source_and_on_files_that_the_compiler_reads() -> None:
    installed = _installed("cpp", cxx="/usr/bin/g++")
    keys = [
        _key(installed, Program("a")),
        _key(installed, Program("b")),
        _key(installed, Program("a", files={"x.h": b"1"})),
        _key(installed, Program("a", files={"x.h": b"2"})),
        _key(installed, Program("a", files={"y.h": b"1"})),
        _key(Installed(installed.language, installed.toolchain, "", "other"), Program("a")),
    ]
    assert len(set(keys)) == len(keys)
    assert _key(installed, Program("a", files={"input.txt": b"7"}, stdin=b"x", arguments=("1",))) == keys[0]


def _result(status: RunStatus, exit_code: int | None = None, stderr: bytes = b"") -> ExecutionResult:
    return ExecutionResult(status, exit_code, None, b"", stderr, b"", 0.0, 0.0, 0, "base")


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (_result(RunStatus.EXITED, 1, b"main.c:1: error"), "main.c:1: error"),
        (_result(RunStatus.CPU_LIMIT), "CPU time than is allowed: 10 s"),
        (_result(RunStatus.MEMORY_LIMIT), "memory than is allowed: 1024 MiB"),
        (_result(RunStatus.WALL_LIMIT), "time than is allowed: 22 s"),
        (_result(RunStatus.SECURITY_VIOLATION), "security_violation"),
        (_result(RunStatus.EXITED, 1, b"File size limit exceeded signal"), "larger files than are allowed: 64 MiB"),
    ],
)
def test_whatever_ends_a_compiler_is_named(result: ExecutionResult, says: str) -> None:
    failure = judged(result, compiler_limits(Limits())).failure
    assert failure is not None
    assert failure.status is RunStatus.NOT_COMPILED
    assert failure.compilation is not None
    assert says in failure.compilation.text


def test_compiler_that_makes_nothing_has_not_compiled() -> None:
    assert judged(_result(RunStatus.EXITED, 0), compiler_limits(Limits()), made_something=False).failure is not None
    assert judged(_result(RunStatus.EXITED, 0), compiler_limits(Limits())).failure is None


def test_compiler_that_cannot_be_started_is_a_fault_of_ours() -> None:
    with pytest.raises(SandboxCrashedError):
        judged(_result(RunStatus.EXITED, 127, b"not found"), compiler_limits(Limits()))


def test_what_a_compiler_says_is_capped() -> None:
    compiled = judged(_result(RunStatus.EXITED, 1, b"x" * MIB), compiler_limits(Limits()))
    assert len(compiled.compilation.text) == 16 << 10


@pytest.fixture
def cache(tmp_path: Path) -> ProgramCache:
    return ProgramCache(str(tmp_path / "cache"), 100 * MIB)


def _held(cache: ProgramCache, key: str) -> Entry | None:
    with cache.hold(key) as entry:
        return entry


def test_entry_is_found_again_by_another_process_of_the_user(cache: ProgramCache, tmp_path: Path) -> None:
    cache.store("ab" * 32, {"program": b"x", "p/q.class": b"y"}, "p.q")
    entry = _held(ProgramCache(str(tmp_path / "cache"), 100 * MIB), "ab" * 32)
    assert entry is not None
    assert (Path(entry.folder, "p", "q.class").read_bytes(), entry.main) == (b"y", "p.q")
    assert _held(cache, "cd" * 32) is None


@pytest.mark.parametrize("harm", ["content", "size", "missing", "manifest", "no manifest"])
def test_entry_that_is_not_whole_is_none_and_can_be_made_anew(cache: ProgramCache, tmp_path: Path, harm: str) -> None:
    key = "ab" * 32
    cache.store(key, {"program": b"right"}, "")
    entry = tmp_path / "cache" / "programs" / "ab" / key
    program, manifest = entry / "files" / "program", entry / "manifest.json"
    for path in (entry / "files", program, manifest):
        path.chmod(0o700)
    harms: dict[str, Callable[[], object]] = {
        "content": lambda: program.write_bytes(b"wrong"),
        "size": lambda: program.write_bytes(b"longer than it was"),
        "missing": program.unlink,
        "manifest": lambda: manifest.write_text("[1]"),
        "no manifest": manifest.unlink,
    }
    harms[harm]()
    fresh = ProgramCache(str(tmp_path / "cache"), 100 * MIB)
    assert _held(fresh, key) is None
    fresh.store(key, {"program": b"right"}, "")
    assert _held(fresh, key) is not None


def test_what_was_not_used_for_longest_goes_first_but_never_under_a_run(tmp_path: Path) -> None:
    cache = ProgramCache(str(tmp_path), 3 * MIB)
    keys = [f"{number:x}" * 64 for number in range(4)]
    cache.store(keys[0], {"program": bytes(MIB)}, "")
    with cache.hold(keys[0]) as held:
        for age, key in enumerate(keys[1:], 1):
            cache.store(key, {"program": bytes(MIB)}, "")
            os.utime(tmp_path / "programs" / key[:2] / key, (age, age))
        assert held is not None
        assert Path(held.folder, "program").exists()
    assert [_held(cache, key) is not None for key in keys] == [True, False, False, True]


def test_who_waits_for_the_same_compilation_can_give_up(cache: ProgramCache) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with cache.alone("ab" * 32, None), pytest.raises(SandboxCancelledError), cache.alone("ab" * 32, cancelled):
        pass


def test_folders_of_the_cache_can_be_passed_through_but_not_listed(cache: ProgramCache, tmp_path: Path) -> None:
    cache.store("ab" * 32, {"program": b"x"}, "")
    top = tmp_path / "cache"
    assert [path.stat().st_mode & 0o777 for path in (top, top / "programs", top / "programs" / "ab")] == [0o711] * 3
    assert (top / "programs" / "ab" / ("ab" * 32) / "files" / "program").stat().st_mode & 0o777 == 0o555


def test_folder_that_others_can_write_to_holds_no_cache(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    chosen, refused = storage.choose(str(shared), "/fallback", other_uids=False)
    assert chosen == "/fallback"
    assert refused is not None
    assert "nobody else" in refused


def test_folder_behind_a_link_of_somebody_else_holds_no_cache(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert storage.choose(str(tmp_path / "link"), "/fallback", other_uids=False)[0] == "/fallback"


def test_folder_programs_cannot_reach_holds_no_cache(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    wanted = str(tmp_path / "closed" / "cache")
    assert storage.choose(wanted, "/fallback", other_uids=True)[0] == "/fallback"
    assert storage.choose(wanted, "/fallback", other_uids=False)[0] == wanted


def test_cache_too_small_for_a_program_is_refused() -> None:
    with pytest.raises(ValueError, match="cache_bytes"):
        SandboxConfig(cache_bytes=1)


def test_collecting_follows_no_link_and_keeps_to_its_limits(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "sub").mkdir()
    (tmp_path / "in" / "sub" / "file").write_bytes(b"12345")
    os.mkfifo(tmp_path / "in" / "fifo")
    assert folder.collect(str(tmp_path / "in"), 10, 5) == {"sub/file": b"12345"}
    with pytest.raises(ValueError, match="larger"):
        folder.collect(str(tmp_path / "in"), 10, 4)
    (tmp_path / "in" / "other").write_bytes(b"")
    with pytest.raises(ValueError, match="more than 1"):
        folder.collect(str(tmp_path / "in"), 1, 50)


def test_language_that_is_not_configured_is_named() -> None:
    trials = Trials(["python"], False, list, lambda: "", lambda *_: pytest.fail("nothing is to be run"))
    with pytest.raises(InvalidProgramError, match="not among those configured: python"):
        trials.installed("c++")
    with pytest.raises(InvalidProgramError, match="expected one of the languages python, c, cpp"):
        trials.installed("cobol")
    assert [one.name for one in trials.statuses() if one.missing is None] == ["python"]


def test_tools_that_programs_cannot_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "node").write_text("")
    host = Host(lambda command, variables: "v1", lambda path: False, (str(tmp_path),))
    with pytest.raises(ToolchainError, match="node cannot be read by programs"):
        LANGUAGES["javascript"].find(host)
    with pytest.raises(ToolchainError, match="there is no gcc"):
        LANGUAGES["c"].find(host)
