"""The part of pytest that test files of data sets use, under its own names, and a runner for it: `import pytest` finds
this in test code. Documentation: docs.pytest.org, reference of the API.

Real pytest starts in a tenth of a second or more, would have to be installed beside every interpreter, and reports to
a terminal; here a file of tests is one test, whose first failure is an exception. What is not here raises Unsupported.
The file stands by itself, because a program that shares its process with its tests gets a copy of it; it has no types,
because its callers have none.
"""
# mypy: ignore-errors

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import io
import itertools
import math
import os
import pathlib
import re
import sys
import tempfile
import types
import unittest
import warnings

ONE_PROCESS = True  # the tester, which runs apart from the solution, sets it to False


def asked():
    """How often the solution was asked so far; the tester knows. What skips after that, skips because of the answer."""
    return 0


class Unsupported(Exception):
    """Test code asks for something that is not here: nobody's program can be judged by it."""


class NeedsOneProcess(Exception):
    """Test code reaches into the process of the solution: its output, its modules, its files."""


class Failed(AssertionError):
    """pytest.fail, or an exception that did not come."""


class Skipped(Exception):
    """pytest.skip"""


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise Unsupported(f"pytest.{name}")


def fail(reason="", pytrace=True, msg=None):
    raise Failed(msg or reason)


def skip(reason="", allow_module_level=False, msg=None):
    raise Skipped(msg or reason)


def xfail(reason=""):
    raise Skipped(reason)


def importorskip(name, minversion=None, reason=None):
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Skipped(f"no module {name}") from None


def main(*args, **kwargs):
    """Test files end with it; they are run anyway."""
    return 0


class ExceptionInfo:
    """What `with raises(...) as info` gives."""

    value = type = tb = None

    def match(self, pattern):
        if not re.search(pattern, str(self.value)):
            raise Failed(f"{pattern!r} does not match {str(self.value)!r:.100}")
        return True


class _Raises:
    def __init__(self, expected, match):
        self._expected, self._match, self._info = expected, match, ExceptionInfo()

    def __enter__(self):
        return self._info

    def __exit__(self, kind, error, trace):
        if kind is None:
            raise Failed(f"did not raise {self._expected}")
        if not issubclass(kind, self._expected):
            return False
        self._info.value, self._info.type, self._info.tb = error, kind, trace
        if self._match is not None:
            self._info.match(self._match)
        return True


def raises(expected_exception, *args, match=None, **kwargs):
    context = _Raises(expected_exception, match)
    if not args:
        return context
    with context as info:
        args[0](*args[1:], **kwargs)
    return info


@contextlib.contextmanager
def warns(expected_warning=Warning, match=None):
    _require_one_process("warnings")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught
    fitting = [one for one in caught if issubclass(one.category, expected_warning)]
    if not any(match is None or re.search(match, str(one.message)) for one in fitting):
        raise Failed(f"did not warn {expected_warning}")


class approx:
    """Equal within max(rel * |expected|, abs); sequences and mappings part by part."""

    __hash__ = None
    __array_ufunc__ = None

    def __init__(self, expected, rel=None, abs=None, nan_ok=False):
        self._expected, self._rel, self._abs, self._nan_ok = expected, rel, abs, nan_ok

    def __repr__(self):
        return f"approx({self._expected!r})"

    def __eq__(self, actual):
        return self._close(actual, self._expected)

    def __ne__(self, actual):
        return not self == actual

    def _close(self, actual, expected):
        if isinstance(expected, dict):
            same = isinstance(actual, dict) and actual.keys() == expected.keys()
            return same and all(self._close(actual[key], value) for key, value in expected.items())
        if isinstance(expected, list | tuple):
            same = isinstance(actual, list | tuple) and len(actual) == len(expected)
            return same and all(map(self._close, actual, expected))
        return self._close_numbers(actual, expected)

    def _close_numbers(self, actual, expected):
        if actual == expected:
            return True
        try:
            if math.isnan(expected):
                return self._nan_ok and math.isnan(actual)
            if math.isinf(abs(expected)):
                return False
            relative = self._rel if self._rel is not None else 0 if self._abs is not None else 1e-6
            absolute = self._abs if self._abs is not None else 1e-12
            return bool(abs(actual - expected) <= max(relative * abs(expected), absolute))
        except (TypeError, ArithmeticError):
            return False


class _Mark:
    def __init__(self, name, args=(), kwargs=None):
        self.name, self.args, self.kwargs = name, args, kwargs or {}

    def __call__(self, *args, **kwargs):
        if len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType | type):
            args[0].pytestmark = [*getattr(args[0], "pytestmark", []), self]
            return args[0]
        return _Mark(self.name, args, kwargs)


class _Marks:
    def __getattr__(self, name):
        return _Mark(name)


class _Param:
    def __init__(self, values, marks):
        self.values, self.marks = values, [marks] if isinstance(marks, _Mark) else list(marks)


class Fixture:
    def __init__(self, function, scope, params, autouse, name):
        self.function, self.scope, self.autouse = function, scope, autouse
        self.params, self.name = params, name or function.__name__


mark = _Marks()


def param(*values, marks=(), id=None):
    return _Param(values, marks)


def fixture(function=None, *, scope="function", params=None, autouse=False, ids=None, name=None):
    def made(inner):
        return Fixture(inner, scope, params, autouse, name)

    return made if function is None else made(function)


def _require_one_process(what):
    if not ONE_PROCESS:
        raise NeedsOneProcess(f"the test looks at {what} of the solution's process")


# --- the runner


def run_collected(defined: dict) -> int:
    """Run what a test file has defined: unittest classes, test functions and classes. The first failure raises.

    Returns how many tests were run; those that skip are not.
    """
    values = list(defined.values())
    run = _Run({one.name: one for one in values if isinstance(one, Fixture)})
    tests = 0
    try:
        for name in ("setup_module", "setUpModule"):
            _call_if_there(types.SimpleNamespace(**{name: defined.get(name)}), name)
        for name, value in defined.items():
            if isinstance(value, type) and issubclass(value, unittest.TestCase):
                tests += _test_case(value)
            elif isinstance(value, type) and name.startswith("Test"):
                tests += run.test_class(value, defined)
            elif isinstance(value, types.FunctionType) and name.startswith("test"):
                tests += run.test(value, None, defined)
    finally:
        run.close()
    return tests


def _test_case(kind):
    """The tests of a unittest class, one by one: how many were run."""
    tests = 0
    try:
        kind.setUpClass()
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(kind):
            before = asked()
            try:
                test.debug()
                tests += 1
            except unittest.SkipTest as skipped:
                _require_unasked(before, skipped)
        kind.tearDownClass()
    except unittest.SkipTest:
        return tests
    finally:
        kind.doClassCleanups()
    return tests


def _require_unasked(before, skipped):
    """A test that skips because of what the solution did would pass whoever does that."""
    if asked() != before:
        raise Failed(f"skipped after the solution was asked: {skipped}")


class _Run:
    def __init__(self, fixtures):
        self._fixtures = {**fixtures, **_BUILTIN}
        self._kept = contextlib.ExitStack()
        self._cache = {}

    def close(self):
        self._kept.close()

    def test_class(self, kind, module):
        own = {one.name: one for one in vars(kind).values() if isinstance(one, Fixture)}
        outer, self._fixtures = self._fixtures, {**self._fixtures, **own}
        try:
            _call_if_there(kind, "setup_class")
            count = 0
            for name in [name for name in dir(kind) if name.startswith("test")]:
                count += self.test(getattr(kind, name), kind, module)
            _call_if_there(kind, "teardown_class")
            return count
        finally:
            self._fixtures = outer

    def test(self, function, kind, module):
        """All the variants of a test function; how many were run."""
        marks = [*getattr(kind, "pytestmark", []), *getattr(function, "pytestmark", [])]
        wanted = [name for one in marks if one.name == "usefixtures" for name in one.args]
        count = 0
        for values, more in _variants([one for one in marks if one.name == "parametrize"]):
            if _is_skipped([*marks, *more]):
                continue
            count += self._one(function, kind, module, values, wanted, any(m.name == "xfail" for m in [*marks, *more]))
        return count

    def _one(self, function, kind, module, values, wanted, may_fail):
        names = [n for n in inspect.signature(function).parameters if n not in values and not (kind and n == "self")]
        autouse = [name for name, one in self._fixtures.items() if one.autouse]
        count = 0
        for params in self._fixture_params([*autouse, *wanted, *names]):
            with contextlib.ExitStack() as stack:
                scope = _Scope(self, stack, params, kind() if kind else None)
                before = asked()
                try:
                    _set_up(scope.instance, module, stack)
                    for name in [*autouse, *wanted]:
                        scope.value(name)
                    given = {**values, **{name: scope.value(name) for name in names}}
                    call = function if scope.instance is None else getattr(scope.instance, function.__name__)
                    _finished(call(**given))
                except (Skipped, unittest.SkipTest) as skipped:
                    _require_unasked(before, skipped)
                    continue
                except (Exception, AssertionError) as error:
                    if not may_fail or isinstance(error, Unsupported | NeedsOneProcess):
                        raise
                count += 1
        return count

    def _fixture_params(self, names):
        """Every choice of parameters of the fixtures that are used, those that fixtures use themselves too."""
        used, pending = [], list(names)
        while pending:
            one = self._fixtures.get(pending.pop(0))
            if one is not None and one not in used:
                used.append(one)
                pending += inspect.signature(one.function).parameters
        parametrised = [one for one in used if one.params is not None]
        for choice in itertools.product(*(one.params for one in parametrised)):
            unwrapped = (value.values[0] if isinstance(value, _Param) else value for value in choice)
            yield dict(zip((one.name for one in parametrised), unwrapped, strict=True))


class _Scope:
    """The fixtures of one run of one test. Also its `request`."""

    def __init__(self, run, stack, params, instance):
        self.run, self.stack, self.params, self.instance = run, stack, params, instance
        self._made = {}

    def value(self, name):
        if name == "request":
            return self
        one = self.run._fixtures.get(name)
        if one is None:
            raise Unsupported(f"fixture {name!r}")
        place, stack = (self._made, self.stack) if one.scope == "function" else (self.run._cache, self.run._kept)
        key = (name, repr(self.params.get(name)))
        if key not in place:
            place[key] = self._make(one, stack)
        return place[key]

    def _make(self, one, stack):
        self.param = self.params.get(one.name)
        names = [name for name in inspect.signature(one.function).parameters if name != "self"]
        given = {name: self.value(name) for name in names}
        self.param = self.params.get(one.name)
        bound = "self" in inspect.signature(one.function).parameters
        made = one.function(self.instance, **given) if bound else one.function(**given)
        if inspect.isgenerator(made):
            value = next(made)
            stack.callback(lambda: next(made, None))
            return value
        return _finished(made)

    def getfixturevalue(self, name):
        return self.value(name)

    def addfinalizer(self, function):
        self.stack.callback(function)


def _variants(marks):
    """Every choice of values of the parametrizations, as ({name: value}, further marks)."""
    axes = []
    for one in marks:
        names = one.args[0] if len(one.args) > 0 else one.kwargs["argnames"]
        rows = one.args[1] if len(one.args) > 1 else one.kwargs["argvalues"]
        names = [n.strip() for n in names.split(",") if n.strip()] if isinstance(names, str) else list(names)
        axes.append([_row(names, row) for row in rows])
    for choice in itertools.product(*axes):
        values = {name: value for row, _ in choice for name, value in row.items()}
        yield values, [mark for _, marks in choice for mark in marks]


def _row(names, row):
    values, marks = (row.values, row.marks) if isinstance(row, _Param) else (row, [])
    if not isinstance(row, _Param) and len(names) == 1:
        values = (row,)
    values = list(values)
    if len(values) != len(names):
        raise Unsupported(f"parametrize gives {len(values)} values for {len(names)} names")
    return dict(zip(names, values, strict=True)), marks


def _is_skipped(marks):
    for one in marks:
        condition = one.args[0] if one.args else one.kwargs.get("condition", True)
        if one.name == "skipif" and isinstance(condition, str):
            raise Unsupported("a condition of skipif as text")
        if one.name == "skip" or (one.name == "skipif" and condition):
            return True
    return False


def _set_up(instance, module, stack):
    names = ("setup_method", "teardown_method") if instance is not None else ("setup_function", "teardown_function")
    owner = instance if instance is not None else types.SimpleNamespace(**{n: module.get(n) for n in names})
    _call_if_there(owner, names[0])
    stack.callback(_call_if_there, owner, names[1])


def _call_if_there(owner, name):
    function = getattr(owner, name, None)
    if function is not None:
        takes_one = len(inspect.signature(function).parameters) == 1
        function(None) if takes_one else function()


def _finished(value):
    return asyncio.run(value) if inspect.iscoroutine(value) else value


# --- fixtures that pytest brings; they look into the process of the solution


class _Captured(tuple):
    out = property(lambda self: self[0])
    err = property(lambda self: self[1])


class _Capture:
    def __init__(self):
        self._saved = sys.stdout, sys.stderr
        self._begin()

    def _begin(self):
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()

    def readouterr(self):
        captured = _Captured((sys.stdout.getvalue(), sys.stderr.getvalue()))
        self._begin()
        return captured

    def end(self):
        sys.stdout, sys.stderr = self._saved


class MonkeyPatch:
    def __init__(self):
        self._undo = []

    def setattr(self, target, name, value=None, raising=True):
        if isinstance(target, str):
            path, _, attribute = target.rpartition(".")
            target, name, value = importlib.import_module(path), attribute, name
        self._undo.append((setattr, target, name, getattr(target, name)))
        setattr(target, name, value)

    def setenv(self, name, value, prepend=None):
        self.setitem(os.environ, name, value)

    def delenv(self, name, raising=True):
        if name in os.environ:
            self._undo.append((dict.__setitem__, os.environ, name, os.environ[name]))
            del os.environ[name]

    def setitem(self, mapping, name, value):
        known = name in mapping
        self._undo.append((type(mapping).__setitem__, mapping, name, mapping[name]) if known else (mapping.pop, name))
        mapping[name] = value

    def chdir(self, path):
        self._undo.append((os.chdir, os.getcwd()))
        os.chdir(path)

    def undo(self):
        while self._undo:
            function, *args = self._undo.pop()
            function(*args)


def _capsys():
    _require_one_process("the output")
    capture = _Capture()
    try:
        yield capture
    finally:
        capture.end()


def _monkeypatch():
    _require_one_process("the modules")
    patch = MonkeyPatch()
    try:
        yield patch
    finally:
        patch.undo()


def _tmp_path():
    _require_one_process("the files")
    return pathlib.Path(tempfile.mkdtemp(dir=os.getcwd()))


_BUILTIN = {
    name: Fixture(function, "function", None, False, name)
    for name, function in {"capsys": _capsys, "monkeypatch": _monkeypatch, "tmp_path": _tmp_path}.items()
}
