import contextlib
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reward_server.puzzles.code_guard import Stopped, guarded


@pytest.mark.parametrize("way", ["eval", "exec", "compile", "os.system", "open", "socket"])
def test_nothing_is_run_written_or_sent_inside(way: str, tmp_path: Path) -> None:
    ways = {
        "eval": lambda: eval("1 + 1"),
        "exec": lambda: exec("1 + 1"),
        "compile": lambda: compile("1 + 1", "x", "eval"),
        "os.system": lambda: os.system("true"),
        "open": lambda: (tmp_path / "file").write_text("x"),
        "socket": lambda: socket.getaddrinfo("localhost", 80),
    }
    with guarded() as guard, pytest.raises(Stopped):
        ways[way]()
    assert guard.stopped is not None
    assert not list(tmp_path.iterdir())


def test_what_is_swallowed_is_told_all_the_same() -> None:
    with guarded() as guard, contextlib.suppress(Exception):
        eval("1 + 1")
    assert guard.stopped is not None


def test_outside_all_is_as_before(tmp_path: Path) -> None:
    with guarded():
        assert (tmp_path / "missing").exists() is False
    assert eval("1 + 1") == 2


def test_other_threads_go_on() -> None:
    with guarded() as guard, ThreadPoolExecutor(1) as pool:
        assert pool.submit(eval, "1 + 1").result() == 2
    assert guard.stopped is None
