"""How `pytest -n` shares the tests out among its processes."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

_SANDBOX = "tests/sandbox/"


class FileScheduling(LoadScopeScheduling):
    """Tests of one file go to one process, in the order of their files: fixtures of a module are made once.

    All of tests/sandbox go to one process too. Two sandboxes whose programs run as the same users share their limits
    on processes where there are no control groups (docs/sandbox.md).
    """

    def _split_scope(self, nodeid: str) -> str:
        return _SANDBOX if nodeid.startswith(_SANDBOX) else nodeid.split("::", 1)[0]
