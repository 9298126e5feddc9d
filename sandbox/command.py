"""What a run executes where that is not Python itself: a compiler, or a program of another language. A leaf.

It comes from the server, never from a program, and crosses to the supervisor as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PROGRAM_IN_MEMORY: Final = "@memory"  # as `executable`: what `copied` names, put where no mount forbids to execute it


@dataclass(frozen=True)
class Command:
    """One execve behind the walls, in the work folder."""

    argv: tuple[str, ...]  # argv[0] need not be the name of the file that is executed
    executable: str  # its absolute path
    source_name: str | None  # the file in the work folder that the source is written to; None: nowhere
    readable: tuple[str, ...] = ()  # files and folders that may be read and executed, besides the system's libraries
    mounted: str = (
        ""  # a folder with some of `readable` in it: shown to the slot once, in place of mounts for each of them
    )
    environment: Mapping[str, str] = field(default_factory=dict)  # in addition to what every program gets
    copied: str = ""  # a file that is copied to memory and executed from there, see PROGRAM_IN_MEMORY
    data_margin_bytes: int | None = None  # RLIMIT_DATA is the memory limit and this much; None: no such limit
    tasks: int = 0  # threads that the runtime itself needs, beyond the processes the limits allow
    outputs: str | None = None  # a folder made before the start; the files in it come back
    output_files: int = 0  # how many at most
    outputs_bytes: int = 0  # and how large, together

    @classmethod
    def from_json(cls, values: dict[str, Any] | None) -> Command | None:
        if values is None:
            return None
        return cls(**{**values, "argv": tuple(values["argv"]), "readable": tuple(values["readable"])})
