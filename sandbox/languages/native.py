"""C, C++, Rust and Go: compiled to one file that the kernel executes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sandbox.languages.base import NATIVE_DATA_MARGIN_BYTES, Ask, Host, Language, Toolchain, ToolchainError

_HEADERS: Final = (".h", ".hh", ".hpp", ".hxx", ".inc", ".inl")
_GCC_READABLE: Final = ("/usr/include", "/usr/local/include")
_GO_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_PACKAGES: Final = "{prepared}/importcfg"
_GO_LIST: Final = "{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}"
_GO_FLAGS: Final = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GO111MODULE": "off"}


def _existing(*paths: str) -> tuple[str, ...]:
    return tuple(path for path in dict.fromkeys(map(os.path.realpath, paths)) if os.path.exists(path))


def _find_compiler(host: Host, name: str, *names: str) -> Toolchain:
    refused = []
    for path in host.candidates(*names):
        real = os.path.realpath(path)
        if not os.path.exists(real):
            continue
        if host.usable(real):
            version = host.ask([real, "--version"], {}).partition("\n")[0]
            return Toolchain(version, {name: real}, compiler_readable=_existing(*_GCC_READABLE))
        refused.append(f"{real} cannot be read by programs")
    raise ToolchainError("; ".join(refused) or f"there is no {names[0]}")


def _find_c(host: Host) -> Toolchain:
    return _find_compiler(host, "cc", "gcc", "cc")


def _find_cpp(host: Host) -> Toolchain:
    return _find_compiler(host, "cxx", "g++", "c++")


def _precompile(language: Language, toolchain: Toolchain, folder: str, ask: Ask) -> None:
    """The header that most programs of contests include, in the form that the compiler reads fastest.

    It is used only by compilations with the very same flags, which is why they are taken from the language itself.
    """
    cxx = toolchain.tools["cxx"]
    os.makedirs(f"{folder}/bits")
    header = Path(folder, "bits", "stdc++.h")
    header.write_text("#include_next <bits/stdc++.h>\n", encoding="ascii")
    ask([cxx, *_CPP_FLAGS, "-x", "c++-header", "-w", str(header), "-o", f"{header}.gch"], {})


def _find_rust(host: Host) -> Toolchain:
    cc = _find_c(host).tools["cc"]
    refused = []
    for candidate in filter(os.path.exists, host.candidates("rustc")):
        try:
            sysroot = host.ask([candidate, "--print", "sysroot"], {}).strip()
        except ToolchainError as error:
            refused.append(str(error))
            continue
        rustc = os.path.realpath(f"{sysroot}/bin/rustc")  # not the proxy of rustup, which needs its home
        if host.usable(rustc):
            readable = () if sysroot == "/usr" else (sysroot,)
            version = host.ask([rustc, "--version"], {}).strip()
            return Toolchain(version, {"rustc": rustc, "cc": cc, "sysroot": sysroot}, compiler_readable=readable)
        refused.append(f"{rustc} cannot be read by programs")
    raise ToolchainError("; ".join(refused) or "there is no rustc")


def _find_go(host: Host) -> Toolchain:
    refused = []
    for candidate in filter(os.path.exists, host.candidates("go")):
        go = os.path.realpath(candidate)
        root = os.path.dirname(os.path.dirname(go))
        tools = f"{root}/pkg/tool/linux_{_GO_MACHINES.get(os.uname().machine, os.uname().machine)}"
        found = {"go": go, "compiler": f"{tools}/compile", "linker": f"{tools}/link"}
        wrong = [path for path in found.values() if not host.usable(path)]
        if not wrong:
            version = Path(root, "VERSION").read_text(encoding="utf-8").partition("\n")[0].strip()
            return Toolchain(version, found, compiler_readable=(root,))
        refused.append(f"{wrong[0]} is absent or cannot be read by programs")
    raise ToolchainError("; ".join(refused) or "there is no go")


def _export_packages(language: Language, toolchain: Toolchain, folder: str, ask: Ask) -> None:
    """The compiled standard library, which the compiler and the linker are told of by a list.

    `go build` would look for it in a cache that it wants to write to, and take a second for that.
    """
    cache = f"{folder}/build-cache"
    go = toolchain.tools["go"]
    listed = ask([go, "list", "-export", "-f", _GO_LIST, "std"], {**_GO_FLAGS, "GOCACHE": cache, "GOPATH": folder})
    packages = dict(line.split("=", 1) for line in listed.split() if "=" in line)
    if not packages:
        raise ToolchainError("go list gave no packages of the standard library")
    lines = [f"packagefile {name}={path}\n" for name, path in packages.items()]
    Path(folder, "importcfg").write_text("".join(lines), encoding="utf-8")
    used = set(packages.values())
    for top, _, names in os.walk(cache):
        for unused in {f"{top}/{name}" for name in names} - used:
            os.unlink(unused)


# The one optimization left out takes static variables that nobody writes for constants and then drops them. Eight
# gigabytes of an initialized array shall be compiled as they are written, and so meet the limit on files.
_C_FLAGS: Final = (
    "-O2",
    "-fno-ipa-reference-addressable",
    "-pipe",
    "-DONLINE_JUDGE",
    "-fdiagnostics-color=never",
    "-fmax-errors=20",
)
_CPP_FLAGS: Final = ("-std=gnu++20", *_C_FLAGS)

C: Final = Language(
    name="c",
    aliases=("gcc", "c11", "c17", "ansi c"),
    extensions=(".c",),
    source_name="main.c",
    trial='#include <stdio.h>\nint main(void){long a,b;scanf("%ld%ld",&a,&b);printf("%ld\\n",a+b);return 0;}\n',
    find=_find_c,
    compile=(("{cc}", "-std=gnu17", *_C_FLAGS, "{source}", "-o", "{out}/program", "-lm"),),
    run=("{program}/program",),
    part_suffixes=_HEADERS,
    data_margin_bytes=NATIVE_DATA_MARGIN_BYTES,
)

CPP: Final = Language(
    name="cpp",
    aliases=("c++", "cxx", "cc", "g++", "c++11", "c++14", "c++17", "c++20", "cpp11", "cpp14", "cpp17", "cpp20"),
    extensions=(".cpp", ".cc", ".cxx", ".c++"),
    source_name="main.cpp",
    trial="#include <bits/stdc++.h>\nint main(){long a,b;std::cin>>a>>b;std::cout<<a+b<<std::endl;}\n",
    find=_find_cpp,
    compile=(("{cxx}", *_CPP_FLAGS, "-I{prepared}", "{source}", "-o", "{out}/program"),),
    run=("{program}/program",),
    part_suffixes=_HEADERS,
    prepare=_precompile,
    data_margin_bytes=NATIVE_DATA_MARGIN_BYTES,
    memory_signs=(b"std::bad_alloc",),
)

RUST: Final = Language(
    name="rust",
    aliases=("rs",),
    extensions=(".rs",),
    source_name="main.rs",
    trial=(
        "use std::io::*;\nfn main(){let mut s=String::new();stdin().read_to_string(&mut s).unwrap();"
        'println!("{}",s.split_whitespace().map(|x|x.parse::<i64>().unwrap()).sum::<i64>());}\n'
    ),
    find=_find_rust,
    compile=(
        (
            "{rustc}",
            "-O",
            "--sysroot={sysroot}",
            "--edition",
            "2021",
            "--crate-name",
            "main",
            "--color=never",
            "-C",
            "linker={cc}",
            "{source}",
            "-o",
            "{out}/program",
        ),
    ),
    run=("{program}/program",),
    part_suffixes=(".rs",),
    data_margin_bytes=NATIVE_DATA_MARGIN_BYTES,
    memory_signs=(b"memory allocation of ",),
)

GO: Final = Language(
    name="go",
    aliases=("golang",),
    extensions=(".go",),
    source_name="main.go",
    trial='package main\nimport "fmt"\nfunc main(){var a,b int;fmt.Scan(&a,&b);fmt.Println(a+b)}\n',
    find=_find_go,
    compile=(
        ("{compiler}", "-p", "main", "-complete", "-pack", "-importcfg", _PACKAGES, "-o", "main.a", "{source}"),
        ("{linker}", "-s", "-w", "-buildmode=exe", "-importcfg", _PACKAGES, "-o", "{out}/program", "main.a"),
    ),
    run=("{program}/program",),
    environment={"GOMEMLIMIT": "{memory_mb}MiB", "GOTRACEBACK": "single"},
    prepare=_export_packages,
    needs_prepared=True,
    tasks=32,
    runtime_memory_bytes=16 << 20,
    memory_signs=(b"fatal error: runtime: out of memory", b"runtime: cannot allocate memory"),
)
