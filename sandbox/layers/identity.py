"""Being another user: for good in a program, for a moment in a supervisor that looks at one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def become(uid: int) -> None:
    """Give up the present user and all its privileges for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


@contextmanager
def acting_as(uid: int | None) -> Iterator[None]:
    """See as this user does; None changes nothing.

    Root without CAP_SYS_PTRACE, as in a container, may not read the memory use and descriptors of other users'
    processes; the user itself may. The real and the saved uid stay root's, so that user gains nothing over us.
    """
    if uid is None:
        yield
        return
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
