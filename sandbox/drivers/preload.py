"""Modules that programs often import, loaded once in the zygote so that every run has them for nothing."""

from __future__ import annotations

import importlib
import site
import socket
import sys
from contextlib import suppress
from typing import Final

_MODULES: Final = (
    "abc", "argparse", "array", "ast", "asyncio", "atexit", "base64", "binascii", "bisect", "calendar", "cmath",
    "collections.abc", "contextlib", "copy", "csv", "ctypes", "dataclasses", "datetime", "decimal", "difflib", "enum",
    "fractions", "functools", "hashlib", "heapq", "html", "inspect", "io", "ipaddress", "itertools", "json",
    "linecache", "locale", "logging", "math", "numbers", "operator", "os", "pathlib", "pickle", "platform", "pprint",
    "queue", "random", "re", "secrets", "shutil", "signal", "statistics", "string", "struct", "subprocess", "sys",
    "tempfile", "textwrap", "threading", "time", "timeit", "token", "tokenize", "traceback", "types", "typing",
    "unicodedata", "unittest", "urllib.parse", "uuid", "warnings", "weakref", "zlib", "zoneinfo",
    "encodings.idna", "encodings.ascii", "encodings.latin_1", "encodings.utf_16", "encodings.utf_8_sig",
)  # fmt: skip


def everything() -> None:
    for name in _MODULES:
        with suppress(ImportError):  # distributions split the standard library; a program sees what is missing
            importlib.import_module(name)
    site.setquit()  # -S leaves these out of builtins; programs expect exit() to be there
    site.sethelper()
    socket.setdefaulttimeout(None)
    sys.dont_write_bytecode = True
