"""Messages, reports and queues of the sandbox: what needs no process."""

from __future__ import annotations

import json
import os
import pickle
import threading
from pathlib import Path

import pytest

from sandbox import errors, folder, frames
from sandbox.calls import Call, ReplyKind, parse_reply, read_replies, requests
from sandbox.errors import PlainError, SandboxCancelledError, SandboxClosedError, UnsupportedValueError
from sandbox.pool import Pool
from sandbox.suite import Case, CaseStatus, Cause, make_tester, read_report


def test_requests_are_numbered_lines() -> None:
    lines = requests([Call("f", [1, (2,)]), Call("g", [], {"k": b"x"})]).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 2]
    assert json.loads(lines[0])["args"] == [1, {"tuple": [2]}]
    with pytest.raises(UnsupportedValueError):
        requests([Call("f", [object()])])


def test_replies_after_a_broken_one_do_not_count() -> None:
    channel = b'{"id":1,"value":7}\n{"id":9,"value":7}\n{"id":3,"value":7}\n'
    assert [reply.kind for reply in read_replies(channel, 4)] == [ReplyKind.VALUE] + [ReplyKind.BROKEN] * 3


def test_line_without_end_is_no_reply() -> None:
    assert read_replies(b'{"id":1,"value":7}', 1)[0].kind is ReplyKind.BROKEN


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"3", b'{"id":true,"value":1}', b'{"id":2,"value":1}', b'{"id":1}', b'{"id":1,"error":{}}',
        b'{"id":1,"value":1,"error":{}}', b'{"id":1,"error":{"type":1,"base":"x","args":[],"message":""}}',
        b'{"id":1,"module":3}',
        b'{"id":1,"value":1,"changed":3}', b'{"id":1,"value":1,"changed":[[1]]}', b'{"id":1,"value":{"x":1}}',
        b'{"id":1,"broken":""}', b'{"id":1,"value":1,"changed":[[[],1]]}',
    ],
)  # fmt: skip
def test_malformed_reply_is_one_clear_error(text: bytes) -> None:
    with pytest.raises(PlainError):
        parse_reply(text, 1)


def test_tester_holds_its_cases() -> None:
    program = make_tester([Case("assert 1"), Case("x", "f")], prelude="import math")
    assert json.loads(program.source)["cases"][1] == {"code": "x", "entry": "f", "collect": False}


def test_report_is_as_long_as_the_suite() -> None:
    line = json.dumps({"case": 0, "status": "failed", "error": "E", "message": "m", "cause": ""}).encode() + b"\n"
    results = read_report(line, 2)
    assert [result.status for result in results] == [CaseStatus.FAILED, CaseStatus.NOT_RUN]
    assert (results[0].error, results[0].cause) == ("E", Cause.NONE)


@pytest.mark.parametrize(
    "channel", [b"x\n", b"[]\n", b'{"case":1}\n', b'{"case":0,"status":"odd","error":"","message":"","cause":""}\n']
)
def test_malformed_report_is_one_clear_error(channel: bytes) -> None:
    with pytest.raises(PlainError):
        read_report(channel, 1)


def test_errors_cross_a_pickle_and_say_whether_to_retry() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SandboxError)]
    assert len(kinds) == 9
    for kind in kinds:
        copy = pickle.loads(pickle.dumps(kind("why")))
        assert (type(copy), str(copy)) == (kind, "why")
        assert kind.retryable is (kind is errors.SandboxCrashedError)


def test_frame_is_read_as_it_was_written() -> None:
    reader, writer = os.pipe()
    frames.write(writer, frames.pack({"a": 1}, [b"", b"xyz"]))
    os.close(writer)
    header, blobs = frames.read(reader)
    assert (header["a"], blobs) == (1, [b"", b"xyz"])
    with pytest.raises(EOFError):
        frames.read(reader)
    os.close(reader)


def test_slots_are_given_in_the_order_of_asking() -> None:
    pool = Pool()
    order: list[int] = []
    threads = []
    for number in range(5):
        thread = threading.Thread(target=lambda number=number: order.append((pool.take(None), number)[1]))
        thread.start()
        threads.append(thread)
        while len(pool._waiting) <= number:
            pass
    for number in range(5):
        pool.give(object())  # type: ignore[arg-type]
        threads[number].join()
    assert order == list(range(5))


def test_cancelled_or_closed_queue_gives_no_slot() -> None:
    pool = Pool()
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(SandboxCancelledError):
        pool.take(cancelled)
    pool.close()
    with pytest.raises(SandboxClosedError):
        pool.take(None)


@pytest.mark.parametrize("no_thread", [False, True], ids=["threads", "no thread to be had"])
def test_folder_of_many_files_is_removed_with_the_folders_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_thread: bool
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    if no_thread:
        monkeypatch.setattr(threading.Thread, "start", refused)
    path = Path(folder.make(str(tmp_path), None))
    for number in range(1_500):
        (path / f"link {number}").symlink_to("x" * 4_000)
        if number % 100 == 0:
            (path / str(number)).mkdir()
    folder.remove(str(path))
    assert list(tmp_path.iterdir()) == []


def test_folder_is_removed_whatever_is_in_it(tmp_path: Path) -> None:
    path = Path(folder.make(str(tmp_path), None))
    (path / "a" / "b").mkdir(parents=True)
    (path / "a" / "b" / "f").write_bytes(bytes(10_000))
    (path / "link").symlink_to(tmp_path)
    (path / "a").chmod(0)
    assert folder.used_bytes(str(path), 1 << 30) >= 8_192
    folder.remove(str(path))
    assert list(tmp_path.iterdir()) == []
