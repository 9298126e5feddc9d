"""The supervisor of one slot: takes one run after the other from its request to its result.

It has the programs forked by the zygote, so that a program inherits nothing of its partner or of an earlier run, and it
sends a result only when no process and no folder of the run is left. They are its own children, and what those leave
behind becomes so too.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sandbox import folder, frames, tree
from sandbox.command import Command
from sandbox.ground import DESCRIPTOR_CEILING, SlotSettings
from sandbox.layers.cgroup import Group
from sandbox.layers.identity import end_all_of
from sandbox.scarcity import Scarcity
from sandbox.side import SetupFault, Side
from sandbox.types import Limits, Mode
from sandbox.watch import Watch
from sandbox.zygote import Zygote

_BLOBS_PER_SIDE = 3  # program, stdin, channel
_WORK_MARGIN_BYTES = 32 << 20  # the watcher shall be the first to act


def serve(settings: SlotSettings, control: socket.socket, zygote: Zygote, keeper: int, groups: Sequence[Group]) -> None:
    """Serve runs until the server goes away. For each comes, on the control socket, the end of a socket of its own."""
    first_of_a_run = _fill_gaps_between_descriptors()
    scarcity = Scarcity(
        settings.work_root if zygote.root is None and not settings.gvisor else None,
        settings.slots if settings.uids is None and settings.cgroup is None else None,
    )
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        _supervise(settings, descriptors[0], zygote, keeper, groups, scarcity)
        os.closerange(first_of_a_run, DESCRIPTOR_CEILING)  # however the run ended, nothing of it stays open


def _fill_gaps_between_descriptors() -> int:
    """The lowest descriptor above which none is open."""
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    while (fd := os.dup(0)) < highest:
        continue
    os.close(fd)
    return fd


def _supervise(
    settings: SlotSettings, run_fd: int, zygote: Zygote, keeper: int, groups: Sequence[Group], scarcity: Scarcity
) -> None:
    """Serve the request that waits on run_fd. Raises nothing the server has not been told of, if it still listens."""
    scarcity.begin()
    header = frames.read_header(run_fd)
    sides = [_new_side(settings, index, wanted) for index, wanted in enumerate(header["sides"])]
    for side, group in zip(sides, groups, strict=False):
        side.group = group
    watch = Watch(settings, run_fd, keeper, zygote, sides)
    if zygote.root is not None:
        zygote.root.resize(sum(side.limits.disk_bytes for side in sides) + _WORK_MARGIN_BYTES)
    try:
        _start(zygote, run_fd, header, sides)
        watch.until_end()
        fault = None
    except SetupFault as error:
        fault = str(error)
    watch.reap()
    for side in sides:
        if settings.gvisor and side.uid is not None:
            end_all_of(side.uid)
        side.stopped = side.wait_status is None
        if side.stopped and side.group is not None:
            side.group.end()
    if not tree.kill_all(settings.cleanup_seconds, watch.record, spared=zygote.pid):
        raise TimeoutError("a process of the run could not be killed")
    limits = [side.limits for side in sides]
    scarce = scarcity.reason(limits) if any(side.failed for side in sides) else None  # before the folders are removed
    answer = _fault(sides, fault) if fault else _result(sides, scarce)
    if not watch.abandoned:
        with suppress(BrokenPipeError):
            frames.write(run_fd, answer)


def _new_side(settings: SlotSettings, index: int, wanted: dict[str, Any]) -> Side:
    uid = settings.uid(index)
    path = folder.make(settings.work_root, uid)
    command = Command.from_json(wanted["command"])
    return Side(index, Mode(wanted["mode"]), Limits(**wanted["limits"]), path, uid, command)


def _start(zygote: Zygote, run_fd: int, header: dict[str, Any], sides: list[Side]) -> None:
    if len(sides) == 1:
        sides[0].start(zygote, channel=None)
    else:
        requests_out, requests_in = os.pipe()
        replies_out, replies_in = os.pipe()
        sides[0].start(zygote, channel=(requests_out, replies_in))
        sides[1].start(zygote, channel=(replies_out, requests_in))
    blobs = frames.read_blobs(run_fd, header)
    for side in sides:
        first = side.index * _BLOBS_PER_SIDE
        side.send_program(*blobs[first : first + _BLOBS_PER_SIDE])
    for side in sides:
        side.await_ready()


def _result(sides: list[Side], scarce: str | None) -> bytes:
    for side in sides:
        side.finish()
    if scarce and any(side.failed for side in sides):
        return frames.pack({"fault": scarce})
    headers, outputs = [], []
    for side in sides:
        header, blobs = side.result()
        headers.append(header)
        outputs += blobs
    return frames.pack({"sides": headers}, outputs)


def _fault(sides: list[Side], text: str) -> bytes:
    for side in sides:
        with suppress(OSError):
            folder.remove(side.folder)
    return frames.pack({"fault": text})
