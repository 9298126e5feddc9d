"""Short forms of what nearly every test here does."""

from __future__ import annotations

from pathlib import Path

from sandbox import ExecutionResult, Limits, Mode, Program, Sandbox
from sandbox.calls import Call, Reply, read_replies, requests
from sandbox.suite import Case, CaseResult, make_tester, read_report
from sandbox.tree import usage_of

SECRET = "CANARY_7F3A"  # in the environment of the server, so to speak


class Runner:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def script(self, source: str, stdin: bytes = b"", **limits: float) -> ExecutionResult:
        return self.sandbox.run(Program(source, stdin=stdin), Limits(**limits))  # type: ignore[arg-type]

    def calls(self, source: str, *calls: Call, **limits: float) -> tuple[Reply, ...]:
        program = Program(source, Mode.CALLS, channel=requests(calls))
        return read_replies(self.sandbox.run(program, Limits(**limits)).channel, len(calls))  # type: ignore[arg-type]

    def value(self, source: str, entry: str = "f", *args: object) -> Reply:
        return self.calls(source, Call(entry, args))[0]

    def tests(self, source: str, *cases: Case | str, prelude: str = "") -> tuple[CaseResult, ...]:
        suite = [case if isinstance(case, Case) else Case(case) for case in cases]
        _, tester = self.sandbox.run_pair(Program(source, Mode.CALLS), make_tester(suite, prelude))
        return read_report(tester.channel, len(suite))


def left_behind(sandbox: Sandbox) -> list[str]:
    """Processes of programs, and entries of the slots' folders. A fork of a zygote keeps its command line.

    The three processes of each slot itself do not count.
    """
    root = sandbox._root or ""
    own = {pid for slot in sandbox._slots for pid in slot.facts.get("processes", ())}
    left = [str(path) for path in Path(root).glob("slot-*/*")]
    for entry in Path("/proc").iterdir():
        usage = usage_of(int(entry.name)) if entry.name.isdecimal() else None
        if usage is not None and usage.pid not in own:
            try:
                if root.encode() in (entry / "cmdline").read_bytes():
                    left.append(entry.name)
            except OSError:
                continue
    return left
