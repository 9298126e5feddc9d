"""Python, JavaScript and Bash: nothing is compiled ahead, a program is parsed when it starts."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Final

from sandbox.languages.base import NATIVE_DATA_MARGIN_BYTES, Host, Language, Toolchain, ToolchainError
from sandbox.types import Mode


def _find_python(host: Host) -> Toolchain:
    return Toolchain(".".join(map(str, sys.version_info[:3])), {})  # chosen with the zygotes: see sandbox.interpreter


def _find_one(host: Host, tool: str, names: tuple[str, ...], question: str) -> Toolchain:
    refused = []
    for path in filter(os.path.exists, host.candidates(*names)):
        real = os.path.realpath(path)
        if host.usable(real):
            version = host.ask([real, question], {}).partition("\n")[0].strip()
            readable = () if real.startswith(("/usr/bin/", "/bin/")) else (real,)
            return Toolchain(version, {tool: real}, readable, readable)
        refused.append(f"{real} cannot be read by programs")
    raise ToolchainError("; ".join(refused) or f"there is no {names[0]}")


def _find_node(host: Host) -> Toolchain:
    """Debian's node loads some of its own modules from files, which lie beside its packages."""
    found = _find_one(host, "node", ("node", "nodejs"), "--version")
    modules = tuple(filter(os.path.isdir, _NODE_MODULES))
    return replace(
        found,
        compiler_readable=(*found.compiler_readable, *modules),
        runtime_readable=(*found.runtime_readable, *modules),
    )


def _find_bash(host: Host) -> Toolchain:
    return _find_one(host, "bash", ("bash",), "--version")


PYTHON: Final = Language(
    name="python",
    aliases=("py", "python3", "py3", "cpython", "pypy", "pypy3"),
    extensions=(".py",),
    source_name="main.py",
    comment="#",
    trial="print(sum(map(int, input().split())))\n",
    find=_find_python,
    run=(),
    modes=(Mode.SCRIPT, Mode.CALLS, Mode.TESTS),
    memory_signs=(b"\nMemoryError",),
)

_DRIVER: Final = "calls_driver.js"
_NODE_MODULES: Final = ("/usr/share/nodejs",)
_NODE: Final = ("{node}", "--stack-size={stack_kb}", "--max-old-space-size={memory_mb}", "--v8-pool-size=1")

JAVASCRIPT: Final = Language(
    name="javascript",
    aliases=("js", "node", "nodejs", "node.js", "ecmascript"),
    extensions=(".js", ".cjs"),
    source_name="main.js",
    trial=("const t = require('fs').readFileSync(0, 'utf8').split(/\\s+/).map(Number);\nconsole.log(t[0] + t[1]);\n"),
    find=_find_node,
    run=(*_NODE, "{source}"),
    calls=(*_NODE, _DRIVER, "{source}"),
    call_driver=_DRIVER,
    check=("{node}", "--check", "{source}"),
    modes=(Mode.SCRIPT, Mode.CALLS),
    environment={"NODE_NO_WARNINGS": "1", "OPENSSL_CONF": "/dev/null"},
    tasks=24,
    runtime_memory_bytes=64 << 20,
    memory_signs=(b"JavaScript heap out of memory",),
)

BASH: Final = Language(
    name="bash",
    aliases=("sh", "shell"),
    extensions=(".sh", ".bash"),
    source_name="main.sh",
    comment="#",
    trial="read a b\necho $((a + b))\n",
    find=_find_bash,
    run=("{bash}", "--norc", "--noprofile", "{source}"),
    check=("{bash}", "--norc", "--noprofile", "-n", "{source}"),
    data_margin_bytes=NATIVE_DATA_MARGIN_BYTES,
    memory_signs=(b"bash: xmalloc: cannot allocate", b"bash: xrealloc: cannot allocate"),
)
