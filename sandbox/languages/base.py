"""What a language is: a value that says how its programs are compiled, run and limited. No processes here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sandbox.types import Mode

NATIVE_DATA_MARGIN_BYTES: Final = 256 << 20  # stacks of threads, and what allocators reserve ahead
OUTPUT_FOLDER: Final = "out"  # in the work folder of a compiler: what it leaves there is the program

Ask = Callable[[Sequence[str], Mapping[str, str]], str]
"""Runs a trusted tool with these variables added to its environment; what it prints. Raises ToolchainError."""


class ToolchainError(Exception):
    """A tool chain is absent or does not work; the text says why. It never leaves this package's callers."""


@dataclass(frozen=True)
class Toolchain:
    """The tools of a language, as found on this host. `tools`: the names that the templates of a Language use."""

    version: str
    tools: Mapping[str, str]  # name → path of the file itself, no link
    compiler_readable: tuple[str, ...] = ()  # what compiling reads besides the system's libraries and programs
    runtime_readable: tuple[str, ...] = ()  # and what running does


@dataclass(frozen=True)
class Host:
    """Where tools are looked for, and by whom they must be usable."""

    ask: Ask
    usable: Callable[[str], bool]  # whether the users that programs run as can read and execute this file
    search_path: tuple[str, ...]

    def candidates(self, *names: str) -> list[str]:
        """Every file of one of these names on the search path, links resolved, in the order of the names."""
        found = [f"{folder}/{name}" for name in names for folder in self.search_path]
        return list(dict.fromkeys(found))


def no_main(outputs: Mapping[str, bytes]) -> str:
    return ""


@dataclass(frozen=True)
class Language:
    """Commands are templates in the form of str.format. Their fields: the names of the tools, and

    {source} its file name   {out} where a compiler leaves its output   {program} the folder of a compiled program
    {main} what `main_of` found   {prepared} the folder that `prepare` has filled   {memory_mb}   {stack_kb}
    """

    name: str
    aliases: tuple[str, ...]
    extensions: tuple[str, ...]  # of files, the usual one first
    source_name: str
    trial: str  # a program that reads two integers and prints their sum
    find: Callable[[Host], Toolchain]  # raises ToolchainError
    run: tuple[str, ...]  # empty for Python, which the zygote runs itself
    compile: tuple[tuple[str, ...], ...] = ()  # one after the other while they succeed; empty: it is interpreted
    calls: tuple[str, ...] = ()  # how a program in mode CALLS is run, where that is not the zygote's work
    call_driver: str | None = None  # file in sandbox/drivers that is put into its work folder for that
    check: tuple[str, ...] = ()  # of an interpreted language: says whether a program parses
    modes: tuple[Mode, ...] = (Mode.SCRIPT,)
    part_suffixes: tuple[str, ...] = ()  # files of a program that its compiler may read: these are compiled with it
    name_source: Callable[[str], str] | None = None  # source → its file name, where that depends on it
    main_of: Callable[[Mapping[str, bytes]], str] = no_main  # what was compiled → where it begins
    prepare: Callable[[Language, Toolchain, str, Ask], None] | None = None  # fills a folder once for all compilations
    needs_prepared: bool = False  # without that folder it does not work at all
    comment: str = "//"  # what begins one
    environment: Mapping[str, str] = field(default_factory=dict)
    data_margin_bytes: int | None = None  # see sandbox.command.Command
    tasks: int = 0  # threads of its runtime
    runtime_memory_bytes: int = 0  # what its runtime takes by itself: not counted against a program's memory limit
    memory_signs: tuple[bytes, ...] = ()  # what it says when memory ends, before the limit on the whole tree breaks

    @property
    def compiled(self) -> bool:
        return bool(self.compile)

    def source_file(self, source: str) -> str:
        return self.name_source(source) if self.name_source is not None else self.source_name
