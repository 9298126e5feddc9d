"""A slot inside gVisor: its supervisor is the first process of a sandbox of its own, started by runsc.

There the kernel that programs talk to is gVisor's, not the host's, and the root is a folder with nothing in it but what
programs may read. gVisor has no Landlock: what keeps a program from its supervisor and its partner are their users.
"""

from __future__ import annotations

import glob
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sandbox.errors import SandboxFloorError
from sandbox.ground import SYSTEM_LINKS

_CAPABILITIES: Final = [f"CAP_{name}" for name in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")]
_TOOLS: Final = ("/usr", "/opt", "/etc/alternatives", "/etc/ld.so.cache")
_JAVA_SETTINGS: Final = "/etc/java*"
_WORK_OPTIONS: Final = ["nosuid", "nodev", "mode=711", "size=2g"]  # an outer wall: the supervisor keeps the limits
ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}  # of runsc: no TMPDIR!
_LARGEST_STACK: Final = 128 << 20  # bytes; without any limit gVisor gives 8 MiB
_FLAGS: Final = ("--network=none", "--ignore-cgroups")


def launch_command(
    runtime: str,
    flags: Sequence[str],
    folder: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    shown: Iterable[str],
    work_root: str,
) -> list[str]:
    """The command that runs `argv` in a gVisor sandbox, whose bundle and state are written below `folder`.

    `shown`: files and folders of the host that can be read inside, beside the tool chains. `work_root`: a folder in
    memory. Raises SandboxFloorError where there is no such runtime or it cannot be used, and OSError.
    """
    executable = shutil.which(runtime)
    if executable is None:
        raise SandboxFloorError(f"the sandbox is to run under {runtime}, which was not found: install gVisor's runsc")
    if os.geteuid() != 0:
        raise SandboxFloorError(f"only root can start slots under {runtime}: unset runtime, or run the server as root")
    shutil.rmtree(folder, ignore_errors=True)  # of a slot that has died
    tools = [*_TOOLS, *glob.glob(_JAVA_SETTINGS)]
    binds = _outermost([path for path in (*tools, *shown) if os.path.exists(path)])
    _make_root(f"{folder}/root", [*binds, work_root])
    configuration = _configuration(argv, environment, binds, work_root)
    Path(folder, "config.json").write_text(json.dumps(configuration), encoding="utf-8")
    name = f"assay-{secrets.token_hex(8)}"
    return [executable, f"--root={folder}/state", *_FLAGS, *flags, "run", f"--bundle={folder}", name]


def _outermost(paths: Iterable[str]) -> list[str]:
    """The paths that do not lie below another one of them."""
    unique = sorted({os.path.realpath(path) if os.path.islink(path) else path for path in paths})
    return [path for path in unique if not any(path.startswith(f"{other}/") for other in unique)]


def _make_root(root: str, mount_points: Iterable[str]) -> None:
    os.makedirs(root, mode=0o755)
    for path in mount_points:
        inside = Path(root + path)
        if os.path.isfile(path):
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.touch()
        else:
            inside.mkdir(parents=True, exist_ok=True)
    for link in SYSTEM_LINKS:
        if os.path.islink(link):
            os.symlink(os.readlink(link), root + link)


def _configuration(
    argv: Sequence[str], environment: Mapping[str, str], binds: Iterable[str], work_root: str
) -> dict[str, Any]:
    """What the OCI runtime specification calls config.json."""
    capabilities = dict.fromkeys(("bounding", "effective", "permitted"), _CAPABILITIES)
    mounts: list[dict[str, Any]] = [{"destination": "/proc", "type": "proc", "source": "proc"}]
    mounts += [
        {"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro", "nosuid", "nodev"]}
        for path in binds
    ]
    mounts.append({"destination": work_root, "type": "tmpfs", "source": "tmpfs", "options": _WORK_OPTIONS})
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(argv),
            "env": [f"{name}={value}" for name, value in environment.items()],
            "cwd": "/",
            "capabilities": capabilities,
            "rlimits": [{"type": "RLIMIT_STACK", "soft": _LARGEST_STACK, "hard": _LARGEST_STACK}],
            "noNewPrivileges": True,
        },
        "root": {"path": "root", "readonly": True},
        "hostname": "sandbox",
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }
