"""Files of every shape become the same examples; what cannot be used is named and counted."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.extras import extra
from trainer_client.config import DataConfig, FieldsConfig
from trainer_client.config.data import SourceConfig
from trainer_client.data import FileExamples, load_examples
from trainer_client.data.fields import MISSING, find
from trainer_client.errors import DataError
from trainer_client.types import Example

ROWS = [{"prompt": f"{n}+{n}", "ground_truth": str(2 * n), "unused": [n]} for n in range(2500)]
EXPECTED = [Example(str(n + 1), f"{n}+{n}", str(2 * n)) for n in range(2500)]


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a", {"b": [1, {"c": 2}]}),
        ("a.b[0]", 1),
        ("a.b[1].c", 2),
        ("x|a.b[0]", 1),
        ("a.b[7]|n", None),
        ("a.b[7]", MISSING),
        ("n.b", MISSING),
        (".", {"a": {"b": [1, {"c": 2}]}, "n": None}),
    ],
)
def test_a_path_leads_to_what_stands_there(path: str, found: Any) -> None:
    assert find({"a": {"b": [1, {"c": 2}]}, "n": None}, path) == found


@pytest.mark.parametrize("path", ["", "a..b", "a[x]", "a|", "[0]", "a.b[0]c"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="expected a path"):
        FieldsConfig(prompt=path)


HUMANEVAL = {"task_id": "HumanEval/0", "prompt": "def f():\n", "test": "def check(candidate): ...", "entry_point": "f"}
MBPP = {"task_id": 2, "text": "Write a function.", "test_list": ["assert f() == 1"]}
GOLDEN = [
    ("gsm8k", {"question": "48/2?", "answer": "so 24\n#### 24"}, Example("1", "48/2?", "so 24\n#### 24")),
    (
        "math",
        {"problem": "$1+1$?", "solution": "It is \\boxed{2}.", "level": "Level 1"},
        Example("1", "$1+1$?", "It is \\boxed{2}."),
    ),
    (
        "math",
        {"problem": "p", "solution": "s", "answer": "2", "unique_id": "test/algebra/1.json"},
        Example("test/algebra/1.json", "p", "2"),
    ),
    ("humaneval", HUMANEVAL, Example("HumanEval/0", "def f():\n", HUMANEVAL)),
    ("mbpp", MBPP, Example("2", "Write a function.", MBPP)),
    (
        "verl",
        {
            "data_source": "math_dapo",
            "prompt": [{"role": "system", "content": "Think."}, {"role": "user", "content": "1+1?"}],
            "reward_model": {"ground_truth": "2", "style": "rule"},
            "extra_info": {"index": 7},
        },
        Example("7", "Think.\n\n1+1?", "2", None, (("system", "Think."), ("user", "1+1?")), "math_dapo"),
    ),
    (
        "auto",
        {"Problem": "p", "Answer": 73, "ID": "I-1"},
        Example("I-1", "p", {"Problem": "p", "Answer": 73, "ID": "I-1"}),
    ),
    ("plain", {"prompt": "p", "ground_truth": ["1/2", "0.5"]}, Example("1", "p", ["1/2", "0.5"])),
]


@pytest.mark.parametrize(("preset", "row", "expected"), GOLDEN, ids=[one[0] for one in GOLDEN])
def test_rows_of_known_shapes_are_read(tmp_path: Path, preset: Any, row: dict[str, Any], expected: Example) -> None:
    path = write(tmp_path / "rows.jsonl", [row])
    assert list(FileExamples(path, FieldsConfig(preset=preset))) == [expected]


def test_a_given_path_overrides_the_preset(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [{"question": "q", "answer": "a #### 1", "short": "1", "how": ["x", "y"]}])
    fields = FieldsConfig(preset="gsm8k", ground_truth="shorter|short", completion="how[1]")
    assert list(FileExamples(path, fields)) == [Example("1", "q", "1", "y")]


def test_packed_lines_and_arrays_give_the_same_examples(tmp_path: Path) -> None:
    plain = write(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    columns = {name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in ("prompt", "ground_truth")}
    (tmp_path / "columns.json").write_text(json.dumps(columns))
    for name in ("rows.jsonl", "rows.jsonl.gz", "rows.json", "columns.json"):
        assert list(FileExamples(tmp_path / name, FieldsConfig())) == EXPECTED


def test_parquet_gives_the_same_examples_and_reads_no_column_it_does_not_need(tmp_path: Path) -> None:
    arrow = extra("pyarrow")
    parquet = extra("pyarrow.parquet")
    rows = [row | {"picture": b"\xff\x00"} for row in ROWS]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "rows.parquet", row_group_size=700)
    assert list(FileExamples(tmp_path / "rows.parquet", FieldsConfig())) == EXPECTED
    with pytest.raises(DataError, match="JSON has no bytes"):
        FileExamples(tmp_path / "rows.parquet", FieldsConfig(ground_truth="."))


def test_verl_parquet_with_chats_is_read_whole(tmp_path: Path) -> None:
    arrow = extra("pyarrow")
    parquet = extra("pyarrow.parquet")
    row, expected = next((row, expected) for preset, row, expected in GOLDEN if preset == "verl")
    parquet.write_table(arrow.Table.from_pylist([row]), tmp_path / "train.parquet")
    assert list(FileExamples(tmp_path / "train.parquet", FieldsConfig(preset="verl"))) == [expected]


def test_data_sets_saved_to_disk_are_read_in_the_order_of_their_state(tmp_path: Path) -> None:
    arrow = extra("pyarrow")
    split = tmp_path / "saved" / "train"
    split.mkdir(parents=True)
    names = ["data-00001-of-00002.arrow", "data-00000-of-00002.arrow"]  # the state's order, not that of the names
    for name, rows in zip(names, (ROWS[:1200], ROWS[1200:]), strict=True):
        table = arrow.Table.from_pylist(rows)
        with arrow.OSFile(str(split / name), "wb") as sink, arrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=500)
    (split / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (tmp_path / "saved" / "dataset_dict.json").write_text(json.dumps({"splits": ["train"]}))
    assert list(FileExamples(split, FieldsConfig())) == EXPECTED
    with pytest.raises(DataError, match="saved/train"):
        FileExamples(tmp_path / "saved", FieldsConfig())


def test_arrow_files_are_read_like_streams(tmp_path: Path) -> None:
    arrow = extra("pyarrow")
    table = arrow.Table.from_pylist(ROWS)
    with arrow.OSFile(str(tmp_path / "rows.arrow"), "wb") as sink, arrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=500)
    assert list(FileExamples(tmp_path / "rows.arrow", FieldsConfig())) == EXPECTED


def test_without_pyarrow_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"pip install 'assay\[data\]'"):
        FileExamples(tmp_path / "rows.parquet", FieldsConfig())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("absent.jsonl", None),
        ("cut.jsonl.gz", gzip.compress(b'{"prompt": "x", "ground_truth": 1}\n' * 100, mtime=0)[:-20]),
        ("no.jsonl.gz", b"not packed"),
        ("no.json", b"{"),
        ("text.json", b'"text"'),
        ("no.parquet", b"PAR1 no table PAR1"),
        ("no.arrow", b"no table"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    if name.endswith(("parquet", "arrow")):
        extra("pyarrow")
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=name):
        FileExamples(path, FieldsConfig())


def test_broken_rows_are_left_out_named_and_counted_up_to_the_limit(tmp_path: Path) -> None:
    good = {"prompt": "x", "ground_truth": 1}
    bad = [{"prompt": "x"}, {"prompt": 3, "ground_truth": 1}, [1], {"prompt": "x", "ground_truth": None}]
    path = write(tmp_path / "rows.jsonl", [good, *bad, good])
    path.write_bytes(path.read_bytes() + b'{"cut": \n\xff\n')
    found = FileExamples(path, FieldsConfig(), max_broken=6)
    assert [example.id for example in found] == ["1", "6"]
    assert found.broken_count == 6
    assert [line.split(": ")[0] for line in found.broken] == [f"{path}:{n}" for n in (2, 3, 4, 5, 7)]
    with pytest.raises(DataError, match=r"more than data.max_broken_rows = 5.*:(\n.*:\d: .*){5}$"):
        FileExamples(path, FieldsConfig(), max_broken=5)


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ([], "got 'nothing' at the end"),
        ([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "got 'assistant' at the end"),
        ([{"role": "user", "content": [{"type": "image"}]}], "of text"),
        ([{"content": "q"}], "of text"),
        (["q"], "of text"),
    ],
)
def test_chats_that_cannot_be_asked_are_refused(tmp_path: Path, prompt: Any, told: str) -> None:
    path = write(tmp_path / "rows.jsonl", [{"prompt": prompt, "ground_truth": 1}])
    with pytest.raises(DataError, match=told):
        FileExamples(path, FieldsConfig())


def test_parts_of_text_are_one_message(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    path = write(tmp_path / "rows.jsonl", [{"prompt": [{"role": "user", "content": parts}], "ground_truth": 1}])
    assert FileExamples(path, FieldsConfig())[0].turns == (("user", "ab"),)


def test_a_file_that_shrinks_under_the_run_is_a_data_error(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ROWS)
    examples = FileExamples(path, FieldsConfig())
    with path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match="shorter"):
        examples[-1]


def test_notices_tell_what_was_left_out(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", [*ROWS[:9], {"prompt": "x"}])
    held_out = write(tmp_path / "held_out.jsonl", ROWS[9:12])
    rates = write(
        tmp_path / "rates.jsonl", [{"id": "1", "pass_rate": 1.0, "samples": 4}, {"id": "2", "pass_rate": 0.5}]
    )
    told: list[str] = []
    config = DataConfig.model_validate(
        {"train": train, "held_out": held_out, "max_broken_rows": 1, "pass_rates": {"file": rates, "most": 0.9}}
    )
    kept, unseen = load_examples(config, told.append)
    assert [example.id for example in kept] == [str(n) for n in range(2, 10)]
    assert (len(unseen), len(told)) == (3, 2)
    assert told[0].startswith("1 rows of ")
    assert told[1] == "1 of 9 problems are left out by their pass rates"


def test_mixed_files_keep_their_fields_and_tell_their_rows_apart(tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", ROWS[:3])
    two = write(tmp_path / "two.jsonl", [{"question": "q", "answer": "a"}])
    held_out = write(tmp_path / "held_out.jsonl", ROWS[3:4])
    mix = (SourceConfig(path=one), SourceConfig(path=two, fields=FieldsConfig(preset="gsm8k")))
    train, _ = load_examples(DataConfig(mix=mix, held_out=held_out))
    assert [example.id for example in train] == ["0/1", "0/2", "0/3", "1/1"]
    assert train[-1].prompt == "q"
    with pytest.raises(DataError, match="share prompts"):
        load_examples(DataConfig(mix=mix, held_out=one))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"train": "a"},
        {"held_out": "b"},
        {"addition": {}, "train": "a", "held_out": "b"},
        {"addition": {}, "countdown": {}},
        {"addition": {}, "held_out": "b"},
        {"train": "a", "mix": [{"path": "c"}], "held_out": "b"},
        {"mix": [{"path": "c"}], "held_out": "b", "curriculum": {}},
        {"mix": [{"path": "c", "weight": 0.0}], "held_out": "b"},
        {"addition": {}, "system": "s"},
        {"sorting": {"numbers": 2, "max_number": 3}},
        {"reasoning_gym": {"dataset": "gcd", "params": {"seed": 1}}},
        {"addition": {}, "pass_rates": {"file": "f", "least": 0.9, "most": 0.1}},
    ],
)
def test_combinations_that_cannot_be_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DataConfig.model_validate(values)


MEASURE = """
import resource, sys
from pathlib import Path
from trainer_client.config import FieldsConfig
from trainer_client.data import FileExamples, Shuffled
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
examples = FileExamples(Path(sys.argv[1]), FieldsConfig())
stream = Shuffled(examples, 0, "rl")
for _ in range(100):
    stream.take(32)
print(len(examples), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
def test_three_hundred_thousand_rows_take_a_few_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for number in range(300_000):
            file.write(json.dumps({"prompt": f"{number} " + "word " * 100, "ground_truth": "1" * 50}) + "\n")
    assert path.stat().st_size > 150e6
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    rows, megabytes = done.stdout.split()
    assert (int(rows), float(megabytes) < 30) == (300_000, True), done.stdout


def test_held_out_problems_need_no_demonstrations(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", [{"prompt": "1+1=", "ground_truth": "2", "how": "1+1=2"}])
    held_out = write(tmp_path / "held_out.jsonl", [{"prompt": "1+2=", "ground_truth": "3"}])
    config = DataConfig.model_validate({"train": train, "held_out": held_out, "fields": {"completion": "how"}})
    shown, unseen = load_examples(config)
    assert (shown[0].completion, unseen[0].completion) == ("1+1=2", None)
