"""The command: `sandbox check` and `sandbox languages` say what this host gives, `sandbox run FILE` runs a program."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sandbox import languages, preflight, storage, toolchains
from sandbox.config import Level, SandboxConfig
from sandbox.errors import SandboxError, SandboxFloorError
from sandbox.runner import Sandbox
from sandbox.types import ExecutionResult, Limits, Program, RunStatus

_BROKE_LIMIT = 124  # as timeout(1) does
_OURS_FAILED = 125
_SIGNAL_BASE = 128  # as shells do


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        status: int = options.command(options)
    except SandboxFloorError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except (SandboxError, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return _OURS_FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox", description="Runs programs that nobody trusts.")
    parser.add_argument("--floor", type=Level, default=Level.BASE, choices=list(Level), help="weakest isolation level")
    parser.add_argument("--python", help="interpreter for the programs")
    parser.add_argument("--cache-dir", help="folder of compiled programs")
    parser.add_argument("--toolchain-dir", help="folder that `sandbox prepare --to` has filled")
    commands = parser.add_subparsers(required=True)
    check = commands.add_parser("check", help="say what protection this host gives; 1 if it is below the floor")
    check.add_argument("--json", action="store_true", help="for machines")
    check.set_defaults(command=_check)
    tried = commands.add_parser("languages", help="try every language; 1 if none but Python can be used")
    tried.add_argument("--json", action="store_true", help="for machines")
    tried.set_defaults(command=_languages)
    prepare = commands.add_parser("prepare", help="make what compilers need once, for an image that is built")
    prepare.add_argument("--to", metavar="DIR", help="where it stays, see --toolchain-dir; the cache if not given")
    prepare.set_defaults(command=_prepare)
    run = commands.add_parser("run", help="run one program; its exit code, 124 for a broken limit, 1 if not compiled")
    run.add_argument("file", type=Path)
    run.add_argument("arguments", nargs="*", help="of the program")
    run.add_argument("--language", help="that of the file's extension if not given")
    run.add_argument("--stdin", type=Path, help="file that becomes its standard input")
    run.add_argument("--json", action="store_true", help="print the whole result as JSON")
    for name, value in asdict(Limits()).items():
        run.add_argument(
            f"--{name.replace('_', '-')}", type=type(value), default=value, help=f"limit, {value} if not given"
        )
    run.set_defaults(command=_run)
    return parser


def _check(options: argparse.Namespace) -> int:
    # allow_unsafe: to say what is missing, the sandbox must open; nothing but the self-test runs in it
    with Sandbox(replace(_config(options), allow_unsafe=True)) as sandbox:
        report = sandbox.report
    if report is None:
        raise SandboxError("the self-test did not run")
    enough = report.level.rank >= options.floor.rank
    print(json.dumps(asdict(report), indent=2) if options.json else _describe(report, options.floor))
    return 0 if enough else 1


def _languages(options: argparse.Namespace) -> int:
    with Sandbox(_config(options)) as sandbox:
        found = sandbox.language_statuses()
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        for one in found:
            print(f"{one.name:11} {one.version if one.missing is None else f'missing: {one.missing}'}")
    return 0 if any(one.missing is None and one.name != "python" for one in found) else 1


def _prepare(options: argparse.Namespace) -> int:
    """Needs no sandbox: an image is often built where there is none."""
    other_uids = preflight.can_separate_uids()
    store = options.to
    if store is None:
        with tempfile.TemporaryDirectory() as nowhere:
            folder, refused = storage.choose(options.cache_dir, nowhere, other_uids)
        if refused is not None or folder == nowhere:
            raise SandboxError(f"there is no folder for it: {refused or 'give one with --to'}")
        store = f"{folder}/prepared"
    for name, outcome in toolchains.prepare_all(languages.LANGUAGES.values(), str(Path(store).resolve()), other_uids):
        print(f"{name:11} {outcome}")
    return 0


def _describe(report: preflight.Report, floor: Level) -> str:
    width = max(map(len, report.tests))
    lines = [
        f"isolation level  {report.level}  (floor: {floor})",
        f"Landlock         {f'ABI {report.landlock_abi}' if report.landlock_abi else 'none'}",
        f"seccomp          {'yes' if report.seccomp else 'none'}",
        f"own uids         {'yes' if report.own_uids else 'no: programs share the uid of the server'}",
        f"control groups   {report.cgroup}",
        f"namespaces       {'yes' if report.namespaces else 'no: programs see which files exist outside'}",
        f"Python           {report.python} ({report.python_version})",
        "",
        *(f"{name:{width}}  {text}" for name, text in report.tests.items()),
    ]
    if report.level.rank < floor.rank:
        lines += ["", report.refusal(floor)]
    return "\n".join(lines)


def _run(options: argparse.Namespace) -> int:
    limits = Limits(**{name: getattr(options, name) for name in asdict(Limits())})
    of_file = languages.of_file(options.file.name)
    language = options.language or (of_file.name if of_file is not None else "python")
    stdin = options.stdin.read_bytes() if options.stdin else b""
    source = options.file.read_text(encoding="utf-8")
    with Sandbox(_config(options)) as sandbox:
        program = Program(source, language=language, arguments=tuple(options.arguments), stdin=stdin)
        result = sandbox.run(program, limits)
    if options.json:
        print(json.dumps(_as_json(result), indent=2))
        return 0
    sys.stdout.buffer.write(result.stdout)
    sys.stdout.flush()
    sys.stderr.buffer.write(result.stderr)
    if result.compilation is not None and result.compilation.text:
        print(result.compilation.text.rstrip(), file=sys.stderr)
    print(_summary(result), file=sys.stderr)
    return _exit_status(result)


def _config(options: argparse.Namespace) -> SandboxConfig:
    return SandboxConfig(
        slots=1,
        floor=options.floor,
        python=options.python,
        cache_dir=options.cache_dir,
        toolchain_dir=options.toolchain_dir,
    )


def _summary(result: ExecutionResult) -> str:
    end = {RunStatus.EXITED: f" {result.exit_code}", RunStatus.SIGNALED: f" {result.signal}"}.get(result.status, "")
    return (
        f"sandbox: {result.status}{end}, {result.cpu_seconds:.3f} s CPU, {result.wall_seconds:.3f} s, "
        f"{result.peak_memory_bytes / 2**20:.1f} MiB, isolation {result.isolation}"
    )


def _exit_status(result: ExecutionResult) -> int:
    if result.status is RunStatus.EXITED:
        return result.exit_code or 0
    if result.status is RunStatus.NOT_COMPILED:
        return 1
    return _SIGNAL_BASE + (result.signal or 0) if result.status is RunStatus.SIGNALED else _BROKE_LIMIT


def _as_json(result: ExecutionResult) -> dict[str, Any]:
    return {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value
        for name, value in asdict(result).items()
    }


if __name__ == "__main__":
    sys.exit(main())
