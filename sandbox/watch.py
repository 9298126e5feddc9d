"""The supervisor's loop: moves the pipes, notices ends, and looks every few milliseconds at what the trees use."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import Final

from sandbox import folder, tree
from sandbox.ground import WALL_STRETCH, SlotSettings
from sandbox.layers.identity import acting_as
from sandbox.pipes import Drain, Feed
from sandbox.side import Side
from sandbox.types import RunStatus
from sandbox.zygote import Zygote

_DISK_PAUSE_SECONDS: Final = 0.05  # short programs are not measured at all; large folders cost at most ...
_DISK_SHARE: Final = 10  # ... one part in so many of the time
_SURVIVOR_SECONDS: Final = 0.06  # what is left behind works if it ...
_WORKING_SECONDS: Final = 0.002  # ... uses so much CPU time in that time
_MANY_ORPHANS: Final = 8
_READABLE: Final = select.POLLIN | select.POLLHUP | select.POLLERR
_WRITABLE: Final = select.POLLOUT | select.POLLERR


class Watch:
    """Runs until the deciding side has ended or some side has broken a limit.

    The deciding side is the last one: the only program, or the tester. Its partner then has a moment to end as well.
    """

    def __init__(self, settings: SlotSettings, run_fd: int, keeper: int, zygote: Zygote, sides: list[Side]) -> None:
        self.abandoned = False  # the server has closed its end, or the keeper died: nobody wants the result
        self._settings = settings
        self._run_fd = run_fd
        self._keeper = keeper
        self._zygote = zygote.pid
        self._root = zygote.root
        self._sides = sides
        self._side_of: dict[int, Side] = {}  # every process seen so far
        self._poller = select.poll()
        self._actions: dict[int, Callable[[], None]] = {}
        self._next_look = 0.0
        self._next_disk_look = 0.0

    def until_end(self) -> None:
        self._register()
        now = time.monotonic()
        self._next_look = now + self._settings.poll_seconds
        self._next_disk_look = now + _DISK_PAUSE_SECONDS
        while not self._decided():
            self._turn()
        grace_until = time.monotonic() + self._settings.partner_grace_seconds
        while self._undisturbed() and self._alive() and time.monotonic() < grace_until:
            self._turn()
        if len(self._sides) == 1:
            self._let_survivors_work(self._sides[0])

    def _let_survivors_work(self, side: Side) -> None:
        """What a program left behind has the same limits, and ends with it unless it works: then it has not ended.

        So one that hops from fork to fork runs into its limit on CPU time, and a daemon that sleeps costs a moment.
        """
        self.reap()
        while self._undisturbed() and tree.has_child(self._zygote):
            before = side.cpu_seconds
            until = time.monotonic() + _SURVIVOR_SECONDS
            while self._undisturbed() and time.monotonic() < until:
                self._turn()
            if side.cpu_seconds - before < _WORKING_SECONDS:
                return
            if time.monotonic() - side.started_at > side.limits.wall_seconds:
                side.breaks(RunStatus.WALL_LIMIT)

    def record(self, one: tree.Exit) -> None:
        self._owner(one[0]).record(one)

    def _decided(self) -> bool:
        return not self._undisturbed() or self._sides[-1].wait_status is not None

    def _undisturbed(self) -> bool:
        return not self.abandoned and all(side.broken is None for side in self._sides)

    def _alive(self) -> bool:
        return any(side.wait_status is None for side in self._sides)

    def _owner(self, pid: int) -> Side:
        """The side a process belongs to. What was never seen under a parent counts for the program under judgement."""
        return self._side_of.get(pid, self._sides[0])

    def _register(self) -> None:
        self._add(self._run_fd, _READABLE, self._abandon)
        for side in self._sides:
            self._side_of[side.pid] = side
            if side.pidfd >= 0:
                self._add(side.pidfd, _READABLE, self.reap)
            for drain in side.drains.values():
                self._add(drain.fd, _READABLE, lambda drain=drain, side=side: self._drain(side, drain))  # type: ignore[misc]
            for feed in side.feeds:
                self._add(feed.fd, _WRITABLE, lambda feed=feed: self._feed(feed))  # type: ignore[misc]

    def _add(self, fd: int, events: int, action: Callable[[], None]) -> None:
        self._poller.register(fd, events)
        self._actions[fd] = action

    def _forget(self, fd: int) -> None:
        if fd in self._actions:  # a program that could not be started was never registered
            self._poller.unregister(fd)
        os.close(fd)

    def _turn(self) -> None:
        """Serve what is ready, or wait for it until the next look is due."""
        wait_seconds = max(0.0, self._next_look - time.monotonic())
        for fd, _ in self._poller.poll(wait_seconds * 1000):
            self._actions[fd]()
        now = time.monotonic()
        if now >= self._next_look:
            self._look(now)
            self._next_look = time.monotonic() + self._settings.poll_seconds

    def _abandon(self) -> None:
        self.abandoned = True

    def _drain(self, side: Side, drain: Drain) -> None:
        if not drain.pump():
            self._forget(drain.fd)
            if side.pidfd < 0:
                self._next_look = 0.0  # its program may have ended
        if drain.over:
            side.breaks(RunStatus.OUTPUT_LIMIT)

    def _feed(self, feed: Feed) -> None:
        if not feed.pump():
            self._forget(feed.fd)  # the program sees the end of its input

    def reap(self) -> None:
        """Note who has ended by now."""
        exits = tree.reap()
        own = {side.pid for side in self._sides}
        orphans = sum(one[0] not in own for one in exits)
        if orphans >= max(_MANY_ORPHANS, sum(side.limits.processes for side in self._sides) - 1):
            self._sides[0].breaks(RunStatus.PROCESS_LIMIT)  # so many at one time that no more could be forked
        for one in exits:
            self.record(one)
            for side in self._sides:
                if one[0] == side.pid and side.pidfd >= 0:
                    self._forget(side.pidfd)

    def _look(self, now: float) -> None:
        self.abandoned = self.abandoned or os.getppid() != self._keeper
        self.reap()
        groups: dict[int, list[tree.Usage]] = {side.index: [] for side in self._sides}
        at_most = sum(side.limits.processes for side in self._sides)
        for usage in tree.descendants(os.getpid(), at_most, spared=self._zygote):
            side = self._side_of.setdefault(usage.pid, self._owner(usage.parent))
            groups[side.index].append(usage)
        for side in self._sides:
            _check(side, groups[side.index], now)
        if now >= self._next_disk_look or self._root is not None:
            self._look_at_disk(groups)
            self._next_disk_look = now + max(_DISK_PAUSE_SECONDS, _DISK_SHARE * (time.monotonic() - now))

    def _look_at_disk(self, groups: dict[int, list[tree.Usage]]) -> None:
        for side in self._sides:
            if self._root is not None and not self._root.may_hold_more_than(side.limits.disk_bytes, folder.ENTRY_BYTES):
                continue
            used = folder.used_bytes(side.folder, enough=side.limits.disk_bytes)
            with acting_as(side.uid):
                used += sum(folder.unlinked_bytes(usage.pid) for usage in groups[side.index])
            if used > side.limits.disk_bytes:
                side.breaks(RunStatus.DISK_LIMIT)


def _check(side: Side, processes: list[tree.Usage], now: float) -> None:
    """Compare what a side's tree uses with its limits. CPU comes first: it does not depend on how busy the host is."""
    limits = side.limits
    side.cpu_seconds = max(side.cpu_seconds, side.reaped_cpu_seconds + sum(one.cpu_seconds for one in processes))
    side.look_at_group()
    if side.cpu_seconds > limits.cpu_seconds:
        side.breaks(RunStatus.CPU_LIMIT)
    memory_bytes = _memory_bytes(side, processes)
    side.peak_memory_bytes = max(side.peak_memory_bytes, memory_bytes)
    if memory_bytes > limits.memory_bytes:
        side.breaks(RunStatus.MEMORY_LIMIT)
    if len(processes) > limits.processes:
        side.breaks(RunStatus.PROCESS_LIMIT)
    if side.wait_status is None and _too_long(now - side.started_at, limits.wall_seconds, processes):
        side.breaks(RunStatus.WALL_LIMIT)


def _too_long(elapsed_seconds: float, wall_seconds: float, processes: list[tree.Usage]) -> bool:
    """Whether the wall limit is broken. Time in which a program was ready to run and got no processor is not its own.

    It is given back up to the stretched limit: a busy host shall not make right programs too slow.
    """
    if elapsed_seconds <= wall_seconds:
        return False
    if elapsed_seconds > WALL_STRETCH * wall_seconds:
        return True
    return elapsed_seconds - max((tree.delay_seconds(one.pid) for one in processes), default=0.0) > wall_seconds


def _memory_bytes(side: Side, processes: list[tree.Usage]) -> int:
    """Memory of all of them. Forks share pages, so the simple sum is too high: above the limit it is taken exactly."""
    simple = sum(one.memory_bytes for one in processes) - side.shared_bytes * max(0, len(processes) - 1)
    if simple <= side.limits.memory_bytes or len(processes) == 1:
        return simple
    with acting_as(side.uid):
        return simple if side.shared_bytes else sum(_exact_bytes(one.pid) for one in processes)


def _exact_bytes(pid: int) -> int:
    exact = tree.proportional_bytes(pid)
    if exact is not None:
        return exact
    now = tree.usage_of(pid)  # it may have ended since: then what it shared counts for the others
    return 0 if now is None else now.memory_bytes
