"""Mode TESTS: runs test code whose unknown names are functions of the partner program, called over the channel.

The test code, and so every expected value in it, is in this process only. What comes from the partner is plain values
of exact standard types, so no class of the solution ever takes part in a comparison.
"""

from __future__ import annotations

import ast
import builtins
import json
import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, NoReturn

from sandbox import frames
from sandbox.drivers import minipytest, stage
from sandbox.drivers.partner import Partner, Untransferable
from sandbox.drivers.raised import TEST_FILE
from sandbox.drivers.remote import Remote
from sandbox.suite import MESSAGE_CHARACTERS, Case, CaseResult, CaseStatus, Cause

_REPORT_FD: Final = 5
# What test code writes when it replaces or watches something inside the process of the solution.
_NEEDS_ONE_PROCESS: Final = re.compile(
    r"\b(?:mock|patch|redirect_std(?:out|err)|getsource|capfd|caplog)\b|\bsys\.(?:stdout|stdin|stderr)\s*=[^=]"
    r"|\b(?:builtins|solution)\.\w+\s*=[^=]"
)


class Namespace(dict[str, Any]):
    """Globals of the test code: what it does not define itself is asked of the solution."""

    def __init__(self, partner: Partner) -> None:
        super().__init__(__name__="tests", __builtins__=builtins)
        self._partner = partner

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name) or name.startswith("__"):
            raise KeyError(name)
        return self._partner.get(name)


class SolutionModule(types.ModuleType):
    """What `import solution` gives in test code."""

    def __init__(self, partner: Partner, namespace: Namespace) -> None:
        super().__init__("solution")
        self._partner = partner
        self._namespace = namespace

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":  # for `import *`, which must not replace what the test has already
            return [name for name in self._partner.names() if name not in self._namespace]
        if name.startswith("__"):
            raise AttributeError(name)
        return self._partner.get(name)


def run(source: str) -> NoReturn:
    stage.prepare("tests", TEST_FILE, "")
    suite = json.loads(source)
    partner = Partner()
    namespace = Namespace(partner)
    minipytest.ONE_PROCESS = False
    minipytest.asked = lambda: partner.asked
    sys.modules["pytest"] = minipytest
    sys.modules["solution"] = SolutionModule(partner, namespace)
    broken = _attempt(partner, lambda: _execute(suite["prelude"], namespace))
    for number, case in enumerate(suite["cases"]):
        failed = broken.status is not CaseStatus.PASSED
        result = broken if failed else _attempt(partner, lambda case=case: _run_case(Case(**case), namespace, partner))
        _report(number, result)
    stage.leave(0)


def _report(number: int, result: CaseResult) -> None:
    message = {
        "case": number,
        "status": result.status,
        "error": result.error,
        "message": result.message[:MESSAGE_CHARACTERS],
        "cause": result.cause,
        "weak": result.weak,
    }
    frames.write(_REPORT_FD, json.dumps(message).encode() + b"\n")


def _attempt(partner: Partner, action: Any) -> CaseResult:
    """How an action ended. What could not cross and a partner that is gone count even if the code swallowed them."""
    partner.begin_case()
    result = CaseResult(CaseStatus.PASSED)
    try:
        action()
    except AssertionError as error:
        result = CaseResult(CaseStatus.FAILED, "AssertionError", _text(error))
    except minipytest.NeedsOneProcess as error:
        return CaseResult(CaseStatus.UNTRANSFERABLE, "NeedsOneProcess", _text(error), Cause.ARGUMENT)
    except minipytest.Unsupported as error:
        return CaseResult(CaseStatus.UNSUPPORTED, "Unsupported", _text(error))
    except BaseException as error:
        result = CaseResult(CaseStatus.ERROR, type(error).__name__, _text(error))
    partner.end_case()
    if partner.untransferable is not None:
        return _untransferable(partner.untransferable)
    if partner.broken is not None:
        return CaseResult(CaseStatus.ERROR, "PartnerGone", partner.broken)
    if partner.failed is not None:
        return CaseResult(CaseStatus.FAILED, type(partner.failed).__name__, _text(partner.failed))
    return replace(result, weak=partner.weak)


def _untransferable(what: Untransferable) -> CaseResult:
    return CaseResult(CaseStatus.UNTRANSFERABLE, "Untransferable", str(what), Cause(what.cause))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""


def _execute(code: str, namespace: Namespace) -> None:
    exec(compile(code, TEST_FILE, "exec", dont_inherit=True), namespace)  # noqa: S102


def _run_case(case: Case, namespace: Namespace, partner: Partner) -> None:
    if case.entry is None:
        _run_code(case, namespace, None)
        return
    candidate = partner.candidate(case.entry)
    namespace.pop("check", None)  # an earlier case's
    with _bound(namespace, case.entry, candidate):
        _run_code(case, namespace, candidate)


@contextmanager
def _bound(namespace: Namespace, entry: str, candidate: Remote) -> Iterator[None]:
    """The entry under its name for one case: `all` of that case must not be `all` of the next one."""
    if not entry.isidentifier():
        yield
        return
    earlier = {name: value for name, value in namespace.items() if name == entry}
    namespace[entry] = candidate
    try:
        yield
    finally:
        if namespace.get(entry) is candidate:  # else the code has defined something of its own
            del namespace[entry]
            namespace.update(earlier)


def _run_code(case: Case, namespace: Namespace, candidate: Remote | None) -> None:
    before = dict(namespace)
    if case.collect and _NEEDS_ONE_PROCESS.search(case.code):
        raise minipytest.NeedsOneProcess("the test looks into the process of the solution")
    _execute(case.code, namespace)
    if candidate is not None and "check" in namespace and namespace["check"] is not candidate:
        namespace["check"](candidate)
    if case.collect:
        defined = {name: value for name, value in namespace.items() if before.get(name) is not value}
        _require_tests(case.code, defined)
        minipytest.run_collected(defined)


def _require_tests(code: str, defined: dict[str, Any]) -> None:
    """Raises Failed where a decorator of the solution has made something else of a test: it would never be run."""
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.decorator_list:
            is_test = node.name.startswith(("test", "Test"))
            if is_test and not isinstance(defined.get(node.name), types.FunctionType | type):
                raise minipytest.Failed(f"{node.name} is no test any more: a decorator has replaced it")
