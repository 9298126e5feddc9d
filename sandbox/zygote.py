"""The zygote of one slot: a warm interpreter that forks a process for every program, at the supervisor's order.

What it forks are children of the supervisor, not its own. With an order it gets the descriptors that will be the
program's, unread: nothing of any program ever enters its memory, which every later program inherits.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn

from sandbox import tree
from sandbox.command import Command
from sandbox.drivers import preload, stage
from sandbox.ground import Ground, SlotSettings, tasks_of
from sandbox.launch import Order, become_program
from sandbox.layers import kernel, sibling
from sandbox.layers.namespaces import NamespaceError, PrivateRoot, enter
from sandbox.types import Limits, Mode

_ORDER_BYTES: Final = 1 << 17
_MOST_DESCRIPTORS: Final = 16
_ANSWER_BYTES: Final = 1_000


class Zygote:
    """The supervisor's end."""

    def __init__(self, pid: int, orders: socket.socket, facts: dict[str, Any], root: PrivateRoot | None) -> None:
        self.pid = pid
        self.root = root  # the file system it lives in, None for that of the host
        self.facts = facts  # what it found when it started
        self._orders = orders

    def spawn(self, order: Order, descriptors: Sequence[int]) -> int:
        """The pid of a new child of ours that becomes the program. Raises OSError; EOFError if the zygote is gone."""
        if self.root is not None and order.command is not None:
            command = order.command
            self.root.show([command.mounted, *command.readable, command.executable])
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


def start(settings: SlotSettings, control: socket.socket, root: PrivateRoot | None) -> Zygote:
    """Fork the zygote and wait until it is ready. `control` stays with the supervisor.

    Raises RuntimeError, and NamespaceError where it cannot enter `root`.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = tree.fork()
    if pid == 0:
        ours.close()
        control.close()
        _run(settings, theirs, root)
    theirs.close()
    facts = json.loads(ours.recv(_ORDER_BYTES) or '{"fault": "the zygote ended while it started"}')
    if "no_namespaces" in facts:
        raise NamespaceError(facts["no_namespaces"])
    if "fault" in facts:
        raise RuntimeError(facts["fault"])
    return Zygote(pid, ours, facts, root)


def _run(settings: SlotSettings, orders: socket.socket, root: PrivateRoot | None) -> NoReturn:
    try:
        tasks = 0 if settings.uids else tasks_of(os.getuid())
        with suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
            file.write(b"1000")  # if the machine runs out of memory, this and its forks go before the server does
        if root is not None:
            enter(root.path)
        ground = Ground.prepare(settings, tasks)
        sys.argv = ["main.py"]
        preload.everything()
        stage.set_up()
        facts = _facts(ground)
        ground.enter()
        gc.collect()
        gc.freeze()
        orders.send(json.dumps(facts).encode())
        os.dup2(1, 2)  # from here on nobody reads what it says
        _serve(orders, ground)
    except NamespaceError as error:
        orders.send(json.dumps({"no_namespaces": str(error)}).encode())
        os._exit(1)
    except Exception as error:
        orders.send(json.dumps({"fault": f"{type(error).__name__}: {error}"}).encode())
        os._exit(1)
    os._exit(0)


def _facts(ground: Ground) -> dict[str, Any]:
    return {
        "landlock_abi": ground.landlock_abi,
        "seccomp": ground.filter is not None,
        "namespaces": ground.settings.namespaces,
        "gvisor": ground.settings.gvisor and kernel.is_gvisor(),
        "network": _network(),
        "python": sys.executable,
        "python_version": ".".join(map(str, sys.version_info[:3])),
    }


def _network() -> bool:
    """Whether so much as our own host can be reached: not where no interface is up, not even the one to oneself."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", 9)) != errno.ENETUNREACH


def _serve(orders: socket.socket, ground: Ground) -> None:
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, _ORDER_BYTES, _MOST_DESCRIPTORS)
        if not message:
            return
        side, mode, limits, folder, command = json.loads(message)
        order = Order(side, Mode(mode), Limits(**limits), folder, Command.from_json(command))
        try:
            pid = sibling.fork_below_init() if ground.settings.gvisor else sibling.fork()
        except OSError as error:
            answer = f"fork: {error}"
        else:
            if pid == 0:
                become_program(ground, order, descriptors)
            answer = str(pid)
        for fd in descriptors:
            os.close(fd)
        orders.send(answer.encode())
