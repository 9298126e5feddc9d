"""Being another user: for good in a program, for a moment in a supervisor that looks at one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_ROUNDS: Final = 100  # one that was forked during a round is reached by the next


def become(uid: int) -> None:
    """Give up the present user and all its privileges for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def end_all_of(uid: int) -> None:
    """Kill every process of this user, faster than they can fork. They are not collected."""
    helper = os.fork()
    if helper == 0:
        try:
            become(uid)
            for _ in range(_ROUNDS):
                os.kill(-1, signal.SIGKILL)  # ourselves excepted; what is not this user's stays
        finally:
            os._exit(0)  # also where nobody was left to be signalled
    os.waitpid(helper, 0)


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
