"""Mode SCRIPT: the source runs as `__main__`, and ends as it would under `python main.py`."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from typing import Any, Final, NoReturn

from sandbox.drivers import stage

_FILE: Final = "main.py"
_FLUSH_FAILED: Final = 120  # Python's own exit code for it


def run(source: str) -> NoReturn:
    main = stage.prepare("__main__", _FILE, source)
    sys.argv = [_FILE, *sys.argv[1:]]
    namespace = main.__dict__
    namespace["__builtins__"] = sys.modules["builtins"]
    code = _execute(source, namespace)
    os._exit(_finalize(code, namespace))


def _execute(source: str, namespace: dict[str, Any]) -> int:
    """Run the source; the exit code."""
    try:
        exec(compile(source, _FILE, "exec", dont_inherit=True), namespace)  # noqa: S102
    except SystemExit as stop:
        return exit_code(stop)
    except BaseException as error:
        stage.show(error, __file__)
        return 1
    return 0


def exit_code(stop: SystemExit) -> int:
    """What Python makes of a SystemExit: a number, or a message and 1."""
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    print(stop.code, file=sys.stderr)
    return 1


def _finalize(code: int, namespace: dict[str, Any]) -> int:
    """What the interpreter does at its end, without taking the preloaded modules apart, which costs milliseconds.

    Clearing the program's names closes, and so flushes, the files that only they hold.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except Exception:
        code = code or _FLUSH_FAILED
    namespace.clear()
    gc.collect()
    try:
        sys.stderr.flush()
    except Exception:
        code = code or _FLUSH_FAILED
    return code
