"""Java: compiled to classes, run by a virtual machine whose own needs the limits have to allow for."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from sandbox.languages.base import Ask, Host, Language, Toolchain, ToolchainError

_VM_FLAGS: Final = (
    "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:-UseContainerSupport", "-Xshare:auto", "-XX:+DisplayVMOutputToStderr",
    "-Xlog:disable", "-Xlog:all=error:stderr", "-Djava.io.tmpdir=.",
)  # fmt: skip
_COMPILER: Final = (
    "{java}", *_VM_FLAGS, "-XX:TieredStopAtLevel=1", "-Xmx640m", "-XX:SharedArchiveFile={prepared}/javac.jsa",
    "-m", "jdk.compiler/com.sun.tools.javac.Main", "-proc:none", "-encoding", "UTF-8", "-Xmaxerrs", "20",
    "-nowarn", "-implicit:class", "-sourcepath", ".",
)  # fmt: skip
_ARCHIVE_TRAINING: Final = """import java.util.*;
public class Main { record P(int a, String b) {} interface F { int f(int x); }
public static void main(String[] args) { Scanner in = new Scanner(System.in); Map<String, List<Integer>> m =
new TreeMap<>(); F f = x -> x + 1; for (int i = 0; i < 3; i++) m.computeIfAbsent("" + i, k -> new ArrayList<>()).add(
f.f(i)); m.values().stream().map(List::size).sorted(Comparator.reverseOrder()).forEach(System.out::println);
switch (args.length) { case 0 -> System.out.printf("%d%n", new P(1, "x").a()); default -> { } } } }
"""
_LONGEST_NAME_BYTES: Final = 200  # that a file can have everywhere, with room for what a compiler adds to it
_MAGIC: Final = 0xCAFEBABE
_MAIN: Final = (b"main", b"([Ljava/lang/String;)V")
_PUBLIC_STATIC: Final = 0x0009
_SIZES: Final = {
    3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2,
}  # fmt: skip
# What is not closed reaches to the end, so that no part of a hostile source is read twice.
_NOT_CODE: Final = re.compile(
    r'//[^\n]*|/\*.*?(?:\*/|\Z)|"""(?:\\.|.)*?(?:"""|\Z)|"(?:\\.|[^"\\\n])*"?' r"|'(?:\\.|[^'\\\n])*'?", re.S
)
_PUBLIC_TYPE: Final = re.compile(
    r"\bpublic\s+(?:(?:abstract|final|sealed|non-sealed|strictfp|static)\s+)*(?:class|interface|enum|record)\s+((?:[^\W\d]|\$)[\w$]*)"
)


def name_source(source: str) -> str:
    """The name a compiler wants the file to have: that of the public type at the top level, Main.java otherwise."""
    depth = 0
    last = 0
    code = _NOT_CODE.sub(" ", source)
    for match in _PUBLIC_TYPE.finditer(code):
        depth += code.count("{", last, match.start()) - code.count("}", last, match.start())
        last = match.start()
        if depth == 0:
            return f"{match[1]}.java" if len(match[1].encode()) <= _LONGEST_NAME_BYTES else "Main.java"
    return "Main.java"


def main_class(classes: Mapping[str, bytes]) -> str:
    """The class to start: Main or Solution where that has a main method, or the first that has one."""
    names = [name.removesuffix(".class") for name, content in classes.items() if _has_main(content)]
    preferred = [name for wanted in ("Main", "Solution") for name in names if name.rpartition("/")[2] == wanted]
    # one line is one word on the command line of the virtual machine, and no option
    found = [name for name in [*preferred, *sorted(names)] if re.fullmatch(r"[\w$][\w$/]*", name)]
    return found[0].replace("/", ".") if found else "Main"


def _has_main(content: bytes) -> bool:
    """Whether a class file declares `public static void main(String[])`. The Java Virtual Machine Specification, 4."""
    try:
        if struct.unpack_from(">I", content)[0] != _MAGIC:
            return False
        texts, position = _constants(content)
        return any(method == _MAIN for method in _public_static_methods(content, texts, position))
    except (struct.error, KeyError, IndexError):
        return False


def _constants(content: bytes) -> tuple[dict[int, bytes], int]:
    """The texts among the constants, and the position behind them."""
    (count,) = struct.unpack_from(">H", content, 8)
    texts: dict[int, bytes] = {}
    position, index = 10, 1
    while index < count:
        kind = content[position]
        if kind == 1:
            (length,) = struct.unpack_from(">H", content, position + 1)
            texts[index] = content[position + 3 : position + 3 + length]
            position += 3 + length
        else:
            position += 1 + _SIZES[kind]
        index += 2 if kind in (5, 6) else 1
    return texts, position


def _public_static_methods(content: bytes, texts: Mapping[int, bytes], position: int) -> Iterator[tuple[bytes, bytes]]:
    (interfaces,) = struct.unpack_from(">H", content, position + 6)
    position += 8 + 2 * interfaces
    for section in ("fields", "methods"):
        (count,) = struct.unpack_from(">H", content, position)
        position += 2
        for _ in range(count):
            flags, name, descriptor, attributes = struct.unpack_from(">HHHH", content, position)
            position += 8
            for _ in range(attributes):
                position += 6 + struct.unpack_from(">I", content, position + 2)[0]
            if section == "methods" and flags & _PUBLIC_STATIC == _PUBLIC_STATIC:
                yield texts[name], texts[descriptor]


def _find(host: Host) -> Toolchain:
    refused = []
    for candidate in filter(os.path.exists, host.candidates("javac")):
        home = os.path.dirname(os.path.dirname(os.path.realpath(candidate)))
        java = f"{home}/bin/java"
        if host.usable(java) and os.path.isfile(f"{home}/release"):
            readable = (home, *_configuration(home))
            release = Path(home, "release").read_text(encoding="utf-8", errors="replace")
            version = re.search(r'^JAVA_VERSION="([^"]*)"', release, re.M)
            text = f"java {version[1]}" if version else os.path.basename(home)
            return Toolchain(
                text,
                {"java": java, "java_folder": os.path.dirname(java)},
                compiler_readable=readable,
                runtime_readable=readable,
            )
        refused.append(f"{java} is absent or cannot be read by programs")
    raise ToolchainError("; ".join(refused) or "there is no javac")


def _configuration(home: str) -> tuple[str, ...]:
    """Folders outside home that its configuration is linked to, as in Debian."""
    files = ("lib/jvm.cfg", "conf/net.properties", "conf/logging.properties", "conf/security/java.security")
    folders = (os.path.dirname(os.path.realpath(f"{home}/{name}")) for name in files)
    outside = {folder for folder in folders if not folder.startswith(home) and os.path.isdir(folder)}
    return tuple(sorted(outside))


def _archive(language: Language, toolchain: Toolchain, folder: str, ask: Ask) -> None:
    """The classes of the compiler, laid out as they will be in memory: compiling then takes half the time."""
    Path(folder, "Main.java").write_text(_ARCHIVE_TRAINING, encoding="ascii")
    java = toolchain.tools["java"]
    archive = f"-XX:ArchiveClassesAtExit={folder}/javac.jsa"
    command = [java, *_VM_FLAGS, archive, "-m", "jdk.compiler/com.sun.tools.javac.Main", "-proc:none"]
    ask([*command, "-d", f"{folder}/classes", f"{folder}/Main.java"], {})
    if not os.path.exists(f"{folder}/javac.jsa"):
        raise ToolchainError("the virtual machine made no archive of the compiler's classes")


JAVA: Final = Language(
    name="java",
    aliases=("jdk", "openjdk"),
    extensions=(".java",),
    source_name="Main.java",
    trial=(
        "import java.util.*;\npublic class Main { public static void main(String[] a) {"
        " Scanner s = new Scanner(System.in); System.out.println(s.nextLong() + s.nextLong()); } }\n"
    ),
    find=_find,
    compile=((*_COMPILER, "-d", "{out}", "{source}"),),
    run=("{java}", *_VM_FLAGS, "-Xmx{memory_mb}m", "-Xss64m", "-cp", "{program}", "{main}"),
    part_suffixes=(".java",),
    name_source=name_source,
    main_of=main_class,
    environment={"LD_ORIGIN_PATH": "{java_folder}"},  # for its loader, where there is no /proc to ask
    prepare=_archive,
    tasks=48,
    runtime_memory_bytes=96 << 20,
    memory_signs=(b"java.lang.OutOfMemoryError",),
)
