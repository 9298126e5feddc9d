"""The zygote of one slot: a warm interpreter that forks a process for every program, at the supervisor's order.

What it forks are children of the supervisor, not its own. With an order it gets the descriptors that will be the
program's, unread: nothing of any program ever enters its memory, which every later program inherits.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from sandbox import tree
from sandbox.command import Command
from sandbox.drivers import preload, stage
from sandbox.ground import Ground, SlotSettings
from sandbox.launch import Order, become_program
from sandbox.layers import sibling
from sandbox.types import Limits, Mode

_ORDER_BYTES: Final = 1 << 17
_MOST_DESCRIPTORS: Final = 16
_ANSWER_BYTES: Final = 1_000


class Zygote:
    """The supervisor's end."""

    def __init__(self, pid: int, orders: socket.socket, facts: dict[str, Any]) -> None:
        self.pid = pid
        self.facts = facts  # what it found when it started
        self._orders = orders

    def spawn(self, order: Order, descriptors: Sequence[int]) -> int:
        """The pid of a new child of ours that becomes the program. Raises OSError; EOFError if the zygote is gone."""
        fields = [order.side, order.mode, vars(order.limits), order.folder, order.command and vars(order.command)]
        try:
            socket.send_fds(self._orders, [json.dumps(fields).encode()], descriptors)
            answer = self._orders.recv(_ANSWER_BYTES).decode()
        except ConnectionError as error:
            raise EOFError("the zygote is gone") from error
        if not answer:
            raise EOFError("the zygote is gone")
        if not answer.isdecimal():
            raise OSError(answer)
        return int(answer)


def start(settings: SlotSettings, control: socket.socket) -> Zygote:
    """Fork the zygote and wait until it is ready. `control` stays with the supervisor. Raises RuntimeError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = tree.fork()
    if pid == 0:
        ours.close()
        control.close()
        _run(settings, theirs)
    theirs.close()
    facts = json.loads(ours.recv(_ORDER_BYTES) or '{"fault": "the zygote ended while it started"}')
    if "fault" in facts:
        raise RuntimeError(facts["fault"])
    return Zygote(pid, ours, facts)


def _run(settings: SlotSettings, orders: socket.socket) -> NoReturn:
    try:
        ground = Ground.prepare(settings)
        sys.argv = ["main.py"]
        preload.everything()
        stage.set_up()
        ground.enter()
        gc.collect()
        gc.freeze()
        orders.send(json.dumps(_facts(ground)).encode())
        os.dup2(1, 2)  # from here on nobody reads what it says
        _serve(orders, ground)
    except Exception as error:
        orders.send(json.dumps({"fault": f"{type(error).__name__}: {error}"}).encode())
        os._exit(1)
    os._exit(0)


def _facts(ground: Ground) -> dict[str, Any]:
    return {
        "landlock_abi": ground.landlock_abi,
        "seccomp": ground.filter is not None,
        "python": sys.executable,
        "python_version": ".".join(map(str, sys.version_info[:3])),
    }


def _serve(orders: socket.socket, ground: Ground) -> None:
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, _ORDER_BYTES, _MOST_DESCRIPTORS)
        if not message:
            return
        side, mode, limits, folder, command = json.loads(message)
        order = Order(side, Mode(mode), Limits(**limits), folder, Command.from_json(command))
        try:
            pid = sibling.fork()
        except OSError as error:
            answer = f"fork: {error}"
        else:
            if pid == 0:
                become_program(ground, order, descriptors)
            answer = str(pid)
        for fd in descriptors:
            os.close(fd)
        orders.send(answer.encode())
