"""Files and built-in tasks as the problems of a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer_client.config.data import AdditionConfig
from trainer_client.config.recipes import ProblemsConfig, PromptTextConfig
from trainer_client.data.order import Permuted
from trainer_client.errors import DataError
from trainer_client.recipes.problems import (
    open_problems,
    prompt_value,
    tell_of_prompts,
    tell_of_rejected,
    tell_shared_ids,
    without_repeats,
)
from trainer_client.recipes.rows import RowFile, read_rows


def problems(path: Path, **settings: Any) -> ProblemsConfig:
    return ProblemsConfig.model_validate({"path": path, **settings})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    rows = [{"prompt": f"{n}+1=", "ground_truth": str(n + 1), "name": f"p{n}"} for n in range(5)]
    path.write_text("\n".join(json.dumps(row) for row in rows[:2]) + "\n\n" + "\n".join(map(json.dumps, rows[2:])))
    return path


def test_rows_become_problems_in_their_order(file: Path) -> None:
    found = open_problems(problems(file, fields={"id": "name"}))
    assert [(one.id, one.prompt, one.ground_truth) for one in found[:2]] == [("p0", "0+1=", "1"), ("p1", "1+1=", "2")]
    assert [one.id for one in open_problems(problems(file))] == ["1", "2", "4", "5", "6"]  # the numbers of the lines


def test_part_of_a_file_can_be_taken(file: Path) -> None:
    assert [one.prompt for one in open_problems(problems(file, skip=1, limit=2))] == ["1+1=", "2+1="]
    assert len(open_problems(problems(file, skip=1, limit=100))) == 4
    with pytest.raises(DataError, match="5 problems, none from 5"):
        open_problems(problems(file, skip=5))


def test_broken_rows_are_left_out_as_far_as_allowed_and_told(file: Path) -> None:
    file.write_text(file.read_text() + '\n{"prompt": "no truth"}')
    with pytest.raises(DataError, match="ground_truth"):
        open_problems(problems(file))
    told: list[str] = []
    assert len(open_problems(problems(file, max_broken_rows=1), told.append)) == 5
    assert "1 rows" in told[0]


def test_demonstrations_need_a_completion_and_no_reference(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n')
    assert open_problems(problems(path), demonstrated=True)[0].completion == "b"
    with pytest.raises(DataError, match="'text'"):
        open_problems(problems(path, fields={"completion": "text"}), demonstrated=True)


def test_repeated_problems_are_drawn_from_once(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    rows = [("1+1=", "2"), ("2+2=", "4"), ("1+1=", "2"), ("1+1=", "3")]
    path.write_text("".join(json.dumps({"prompt": prompt, "ground_truth": truth}) + "\n" for prompt, truth in rows))
    told: list[str] = []
    found = without_repeats(open_problems(problems(path)), told.append)
    assert [(one.id, one.prompt, one.ground_truth) for one in found] == [
        ("1", "1+1=", "2"), ("2", "2+2=", "4"), ("4", "1+1=", "3")]  # fmt: skip
    assert told == ["1 of 4 problems repeat an earlier one and are left out"]


def test_ids_that_are_shared_are_told(file: Path) -> None:
    told: list[str] = []
    tell_shared_ids(open_problems(problems(file)), told.append)
    assert told == []
    tell_shared_ids(open_problems(problems(file, fields={"id": "nothing|ground_truth"})), told.append)
    assert told == []
    file.write_text(file.read_text().replace("p1", "p0"))
    tell_shared_ids(open_problems(problems(file, fields={"id": "name"})), told.append)
    assert told[0].startswith("1 of 5 problems have the id of an earlier one")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"prompt": "\\ud83d+1=", "ground_truth": "1"}', "half of a character"),
        ('{"prompt": [{"role": "user", "content": "\\ud83d"}], "ground_truth": "1"}', "half of a character"),
        ('{"prompt": "1+1=", "ground_truth": NaN}', "NaN is no number there"),
    ],
)
def test_rows_that_no_tokenizer_or_server_takes_are_named(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_text(row)
    with pytest.raises(DataError, match=rf"problems\.jsonl:1: .*{message}"):
        open_problems(problems(path))


def test_marks_and_line_ends_of_other_systems_are_read(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"prompt": "a", "ground_truth": "b"}\r\n\r\n{"prompt": "c", "ground_truth": "d"}')
    assert [(one.prompt, one.ground_truth) for one in open_problems(problems(path))] == [("a", "b"), ("c", "d")]


def test_samples_that_are_read_otherwise_than_they_were_drawn_are_told(tmp_path: Path) -> None:
    path = tmp_path / "judged.jsonl"
    made = {"template": "{prompt}\n\nThink.", "chat": True, "system": None, "seed": 5}
    path.write_text(json.dumps({"prompt": "a", "dropped": None, "provenance": made}))
    told: list[str] = []
    tell_of_prompts(path, PromptTextConfig(template=made["template"], chat=True), told.append)
    assert told == []
    tell_of_prompts(path, PromptTextConfig(), told.append)
    assert "were drawn with template = '{prompt}\\n\\nThink.', chat = True, here they are built otherwise" in told[0]
    tell_of_rejected(path, told.append)
    assert "left out too" in told[1]


def test_chats_are_written_as_they_were_read(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "1+1="}]
    path = tmp_path / "problems.jsonl"
    path.write_text(json.dumps({"prompt": messages, "ground_truth": "2"}) + "\n")
    assert prompt_value(open_problems(problems(path))[0]) == messages


def test_demo_task_has_two_parts_that_do_not_overlap() -> None:
    task = AdditionConfig(terms=2, max_number=9, train_problems=60, held_out_problems=20)
    parts = [
        {one.prompt for one in open_problems(ProblemsConfig.model_validate({"addition": task, "split": part}))}
        for part in ("train", "held_out")
    ]
    assert (len(parts[0]), len(parts[1]), parts[0] & parts[1]) == (60, 20, set())


def test_rows_are_found_by_their_place(file: Path) -> None:
    rows = RowFile(file)
    assert len(rows) == 5
    assert [rows[place]["name"] for place in (4, 0, 2)] == ["p4", "p0", "p2"]
    assert [row["name"] for row in rows[1:3]] == ["p1", "p2"]
    assert [number for number, _ in read_rows(file)] == [1, 2, 4, 5, 6]


@pytest.mark.parametrize(
    ("line", "message"), [("{", "rows.jsonl:1: not JSON"), ("[]", "rows.jsonl:1: expected an obj")]
)
def test_faulty_rows_are_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(line)
    with pytest.raises(DataError, match=message):
        list(read_rows(path))


def test_order_shows_every_row_once_an_epoch_and_is_known_from_the_step_alone() -> None:
    order = Permuted(7, "seed")
    drawn = [place for step in range(1, 8) for place in order.batch(step, 2)]
    assert sorted(drawn[:7]) == sorted(drawn[7:]) == list(range(7))
    assert drawn[:7] != drawn[7:]
    assert Permuted(7, "seed").batch(4, 2) == drawn[6:8]
    assert Permuted(7, "other").batch(1, 7) != drawn[:7]
