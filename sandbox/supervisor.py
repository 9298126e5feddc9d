"""One run from its request to its result: a process of its own, forked by the zygote, that ends with the run.

It forks the programs before it reads them, so that a program inherits nothing of its partner, and it sends a result
only when no process and no folder of the run is left.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from sandbox import folder, frames, tree
from sandbox.command import Command
from sandbox.ground import Ground
from sandbox.layers import kernel
from sandbox.side import SetupFault, Side
from sandbox.types import Limits, Mode
from sandbox.watch import Watch

_BLOBS_PER_SIDE = 3  # program, stdin, channel


def supervise(ground: Ground, run_fd: int, zygote: int) -> None:
    """Serve the request that waits on run_fd. Raises nothing the server has not been told of, if it still listens."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    header = frames.read_header(run_fd)
    sides = [_new_side(ground, index, wanted) for index, wanted in enumerate(header["sides"])]
    watch = Watch(ground.settings, run_fd, zygote, sides)
    try:
        _start(ground, run_fd, header, sides)
        watch.until_end()
        fault = None
    except SetupFault as error:
        fault = str(error)
    watch.reap()
    for side in sides:
        side.stopped = side.wait_status is None
    if not tree.kill_all(ground.settings.cleanup_seconds, watch.record):
        fault = "a process of the run could not be killed"
    answer = _fault(sides, fault) if fault else _result(sides)
    if not watch.abandoned:
        with suppress(BrokenPipeError):
            frames.write(run_fd, answer)


def _new_side(ground: Ground, index: int, wanted: dict[str, Any]) -> Side:
    uid = ground.uid(index)
    path = folder.make(ground.settings.work_root, uid)
    command = Command.from_json(wanted["command"])
    return Side(index, Mode(wanted["mode"]), Limits(**wanted["limits"]), path, uid, command)


def _start(ground: Ground, run_fd: int, header: dict[str, Any], sides: list[Side]) -> None:
    if len(sides) == 1:
        sides[0].fork(ground, channel=None)
    else:
        requests_out, requests_in = os.pipe()
        replies_out, replies_in = os.pipe()
        sides[0].fork(ground, channel=(requests_out, replies_in))
        sides[1].fork(ground, channel=(replies_out, requests_in))
    blobs = frames.read_blobs(run_fd, header)
    for side in sides:
        first = side.index * _BLOBS_PER_SIDE
        side.send_program(*blobs[first : first + _BLOBS_PER_SIDE])
    for side in sides:
        side.await_ready()


def _result(sides: list[Side]) -> bytes:
    headers, outputs = [], []
    for side in sides:
        side.finish()
        header, blobs = side.result()
        headers.append(header)
        outputs += blobs
    return frames.pack({"sides": headers}, outputs)


def _fault(sides: list[Side], text: str) -> bytes:
    for side in sides:
        with suppress(OSError):
            folder.remove(side.folder)
    return frames.pack({"fault": text})
