"""Files that grow by whole portions: what a kill at any moment leaves behind is cut back to the last commit."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trainer_client.errors import CheckpointError
from trainer_client.recipes.ledger import Ledger, json_lines


def test_commits_are_found_again_with_their_state(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    with Ledger(tmp_path / "record", [file]) as ledger:
        assert ledger.state == {}
        ledger.commit({file: b"one\n"}, {"done": 1})
        ledger.commit({file: b"two\n"}, {"done": 2})
    with Ledger(tmp_path / "record", [file]) as again:
        assert again.state == {"done": 2}
        again.commit({file: b"three\n"}, {"done": 3})
    assert file.read_bytes() == b"one\ntwo\nthree\n"


def test_what_was_appended_but_not_committed_is_cut_off(tmp_path: Path) -> None:
    rows, more = tmp_path / "rows", tmp_path / "more"
    with Ledger(tmp_path / "record", [rows, more]) as ledger:
        ledger.commit({rows: b"one\n", more: b"1\n"}, {"done": 1})
    with rows.open("ab") as file:  # a kill between the append and the record
        file.write(b'{"half')
    with Ledger(tmp_path / "record", [rows, more]) as again:
        assert again.state == {"done": 1}
        assert rows.read_bytes() == b"one\n"
        assert more.read_bytes() == b"1\n"


def test_files_without_a_record_begin_empty(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    file.write_bytes(b"never committed")
    with Ledger(tmp_path / "record", [file]):
        assert file.read_bytes() == b""


def test_file_that_lost_rows_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    with Ledger(tmp_path / "record", [file]) as ledger:
        ledger.commit({file: b"one\n"}, {})
    file.write_bytes(b"")
    with pytest.raises(CheckpointError, match="0 bytes, its record says 4"):
        Ledger(tmp_path / "record", [file])


def test_unreadable_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "record").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        Ledger(tmp_path / "record", [])


def test_rows_keep_text_of_every_kind(tmp_path: Path) -> None:
    row = {"text": "面积 \u2028 \ud83d line\nbreak"}
    lines = json_lines([row, row])
    assert lines.count(b"\n") == 2
    assert [json.loads(line) for line in lines.decode().splitlines()] == [row, row]


def test_portion_that_adds_nothing_to_a_file_that_was_cut_back_leaves_its_length(tmp_path: Path) -> None:
    kept, judged = tmp_path / "kept", tmp_path / "judged"
    with Ledger(tmp_path / "record", [kept, judged]) as ledger:
        ledger.commit({kept: b"one\n", judged: b"1\n"}, {"done": 1})
    with kept.open("ab") as file:
        file.write(b"never committed")
    with Ledger(tmp_path / "record", [kept, judged]) as again:
        again.commit({kept: b"", judged: b"2\n"}, {"done": 2})
    with Ledger(tmp_path / "record", [kept, judged]) as third:
        assert third.state == {"done": 2}
    assert (kept.read_bytes(), judged.read_bytes()) == (b"one\n", b"1\n2\n")


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_portion_without_room_leaves_the_files_as_they_were_and_says_what_to_do(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    with Ledger(tmp_path / "record", [small, large]) as ledger:
        ledger.commit({small: b"1\n", large: b"one\n"}, {"done": 1})
        with room_for(300), pytest.raises(CheckpointError, match=r"large cannot be written: .*make room.*--resume"):
            ledger.commit({small: b"2\n", large: b"x" * 500}, {"done": 2})
        assert (small.read_bytes(), large.read_bytes()) == (b"1\n", b"one\n")
        ledger.commit({small: b"2\n", large: b"two\n"}, {"done": 2})
    with Ledger(tmp_path / "record", [small, large]) as again:
        assert again.state == {"done": 2}
    assert (small.read_bytes(), large.read_bytes()) == (b"1\n2\n", b"one\ntwo\n")


def test_record_without_room_is_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    with Ledger(tmp_path / "record", [file]) as ledger:
        ledger.commit({file: b"1\n"}, {"done": 1})
        with room_for(60), pytest.raises(CheckpointError, match="record cannot be written"):
            ledger.commit({file: b"2\n"}, {"done": 2, "more": "x" * 100})
    with Ledger(tmp_path / "record", [file]) as again:
        assert again.state == {"done": 1}
    assert file.read_bytes() == b"1\n"
