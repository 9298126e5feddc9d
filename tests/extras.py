"""Modules of the optional extras, for tests that need them."""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

import pytest


def extra(name: str) -> ModuleType:
    """The module of an optional extra. Missing: a skip, and a failure in CI."""
    try:
        return import_module(name)
    except ImportError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is missing, and CI must have it: {error}")
        pytest.skip(f"needs {name}, which is optional: {error}")
