"""Files that grow by whole portions: what a kill at any moment leaves behind is cut back to the last commit."""

from __future__ import annotations

import json
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
