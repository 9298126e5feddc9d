"""What a signal does to a run, and what a reader that has gone does not."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from trainer_client.interrupts import Interrupts, ended_like_ctrl_c
from trainer_client.output import lasting_output


@pytest.fixture(params=[signal.SIG_IGN, signal.SIG_DFL])
def terminal(request: pytest.FixtureRequest) -> Iterator[signal.Handlers]:
    """What this process does on SIGHUP, as whoever started it wished."""
    before = signal.signal(signal.SIGHUP, request.param)
    yield request.param
    signal.signal(signal.SIGHUP, before)


def test_closed_terminal_is_heeded_once_and_only_where_it_was_not_to_be_ignored(terminal: signal.Handlers) -> None:
    notices: list[str] = []
    with Interrupts(notices.append) as interrupts:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert interrupts.asked == (terminal == signal.SIG_DFL)
        assert len(notices) == interrupts.asked
    with ended_like_ctrl_c():
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        except KeyboardInterrupt:
            assert terminal == signal.SIG_DFL
        else:
            assert terminal == signal.SIG_IGN
    assert signal.getsignal(signal.SIGHUP) == terminal


def test_second_signal_ends_at_once() -> None:
    with Interrupts(print) as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_output_outlives_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with lasting_output():
            os.close(reading)
            print("nobody reads this")
            sys.stdout.flush()
            print("nor this", flush=True)
        print("nor what is flushed when the stream is closed")


def test_full_disk_does_not_end_what_only_talks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = open("/dev/full", "w")  # noqa: SIM115 -- closing it fails, as it should
    monkeypatch.setattr(sys, "stdout", stream)
    with lasting_output():
        print("there is no room for this", flush=True)
    with lasting_output(only_talks=False), pytest.raises(OSError, match="No space"):
        print("this is what was asked for", flush=True)
    with pytest.raises(OSError, match="No space"):
        stream.close()


def test_output_that_was_closed_from_the_beginning_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with lasting_output():
        print("nobody reads this", flush=True)
    assert sys.stdout is None
