import gzip
import json
from pathlib import Path

import pytest

from reward_server.errors import ConfigError
from reward_server.offline.mapping import PRESETS, parse_mapping, to_item
from reward_server.offline.rows import read_rows
from reward_server.wire import InvalidItem, ScoreItem


def item(row: dict[str, object], preset: str = "plain", *overrides: str) -> ScoreItem | InvalidItem:
    return to_item(row, parse_mapping(preset, overrides))


def test_paths_reach_into_lists_and_objects() -> None:
    row = {"idx": 3, "code": ["text"], "meta": {"gold": "18"}, "question": "?"}
    overrides = ("completion=code[0]", "ground_truth=meta.gold", "id=idx", "prompt=question")
    assert item(row, "plain", *overrides) == ScoreItem(id="3", prompt="?", completion="text", ground_truth="18")


def test_a_verl_row_is_understood() -> None:
    row = {
        "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}],
        "response": "4",
        "reward_model": {"style": "rule", "ground_truth": "4"},
        "extra_info": {"index": 7},
    }
    assert item(row, "verl") == ScoreItem(
        id="7", group_id="7", prompt="Be brief.\n\n2+2?", completion="4", ground_truth="4"
    )


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_what_rules_of_length_and_language_need_comes_along_in_every_preset(preset: str) -> None:
    known = {
        "completion_tokens": 12.0,  # as it comes out of a table with gaps
        "completion_token_ids": [1, 2],
        "finish_reason": "length",
        "think_prefilled": True,
        "target_language": "fr",
        "target_length": 100,
    }
    found = item({"completion": "4", **known}, preset)
    assert isinstance(found, ScoreItem)
    assert {name: getattr(found, name) for name in known} == known
    bare = item({"completion": "4", "completion_tokens": None, "usage": {"completion_tokens": 3}}, preset)
    assert isinstance(bare, ScoreItem)
    assert (bare.completion_tokens, bare.finish_reason) == (None, None)


def test_tokens_are_found_in_the_usage_of_a_chat_answer() -> None:
    found = item({"completion": "4", "usage": {"completion_tokens": 3}})
    assert isinstance(found, ScoreItem)
    assert found.completion_tokens == 3
    assert item({"completion": "4", "n": 5}, "plain", "completion_tokens=n") == ScoreItem(
        completion="4", completion_tokens=5
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("completion_tokens", -1),
        ("completion_tokens", 1.5),
        ("completion_token_ids", "abc"),
        ("finish_reason", ["stop"]),
        ("target_language", 5),
        ("target_length", {}),
    ],
)
def test_a_field_that_does_not_fit_costs_its_row_and_is_named(name: str, value: object) -> None:
    found = item({"id": "r", "completion": "4", name: value})
    assert isinstance(found, InvalidItem)
    assert found.id == "r"
    assert found.reason.startswith(f"{name}: ")
    assert "--map" in found.reason


def test_a_whole_row_can_be_the_ground_truth() -> None:
    row = {"task_id": "HumanEval/0", "prompt": "def f():\n", "completion": "    pass", "test": "…", "entry_point": "f"}
    found = item(row, "humaneval")
    assert isinstance(found, ScoreItem)
    assert found.ground_truth == row


def test_a_row_without_completion_says_where_it_was_looked_for() -> None:
    found = item({"question": "?", "answer": "#### 4"}, "gsm8k")
    assert isinstance(found, InvalidItem)
    assert "expected text at 'completion'" in found.reason
    assert "question, answer" in found.reason


@pytest.mark.parametrize("override", ["completion", "colour=red", "completion=", "completion=a..b", "completion=a[x]"])
def test_a_wrong_mapping_is_refused(override: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        parse_mapping("plain", [override])


ROWS = [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", '{"a": 1}\n\n{"a": 2}'),
        ("rows.json", json.dumps(ROWS)),
        ("columns.json", json.dumps({"a": {"0": 1, "1": 2}})),
    ],
)
def test_rows_come_from_lines_lists_and_columns(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    assert list(read_rows(tmp_path / name)) == ROWS
    assert list(read_rows(tmp_path / f"{name}.gz")) == ROWS


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.jsonl.gz"])
def test_the_mark_that_editors_of_windows_put_first_is_no_part_of_the_first_row(tmp_path: Path, name: str) -> None:
    content = b"\xef\xbb\xbf" + (json.dumps(ROWS).encode() if name == "rows.json" else b'{"a": 1}\r\n{"a": 2}\r\n')
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert list(read_rows(tmp_path / name)) == ROWS


def test_a_broken_line_is_named_and_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"a": 1}\n{"a": \n[1]\n{"a": "\\ud800"}\n')
    first, broken, no_object, surrogate = read_rows(tmp_path / "rows.jsonl")
    assert (first, surrogate) == ({"a": 1}, {"a": "\ufffd"})
    for row, line in ((broken, "line 2"), (no_object, "line 3")):
        found = to_item(row, parse_mapping("plain", []))
        assert isinstance(found, InvalidItem)
        assert line in found.reason


def test_a_missing_file_and_one_of_another_shape_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('{"a": ')
    for name, says in (("other.jsonl", "no file"), ("rows.json", "expected JSON")):
        with pytest.raises(ConfigError, match=says):
            list(read_rows(tmp_path / name))
