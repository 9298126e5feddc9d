"""Rows of a JSONL file as Parquet, where pyarrow is installed.

Every key has a column. Text, numbers, truth values and the messages of a chat keep their kind; objects, lists and
whatever a ground truth may be become JSON, but for a ground truth that is text.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer_client.errors import CheckpointError, ConfigError
from trainer_client.recipes.bar import Bar
from trainer_client.recipes.rows import Row, read_rows
from trainer_client.run_dir import not_written

ROWS_AT_ONCE = 2000
TEXTS = ("prompt_id", "judged", "reason")
NUMBERS = {"sample_index": "int64", "completion_tokens": "int64", "reward": "float64", "truncated": "bool_"}
ENCODED = ("components", "flags", "provenance")


def is_there() -> bool:
    """Whether pyarrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def write_parquet(source: Path, target: Path, total: int, console: Console) -> None:
    """Write the `total` rows of `source`, some thousand at a time; `target` appears when it is complete.

    Raises ConfigError when pyarrow is not installed, CheckpointError when there is no room.
    """
    if not is_there():
        raise ConfigError("parquet = 'yes' needs pyarrow (pip install pyarrow); or set parquet = 'no'")
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        _write(source, unfinished, total, console)
        unfinished.replace(target)
    except OSError as error:
        raise CheckpointError(not_written(target, error)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _write(source: Path, target: Path, total: int, console: Console) -> None:
    parquet: Any = importlib.import_module("pyarrow.parquet")
    arrow: Any = importlib.import_module("pyarrow")
    schema = _schema(arrow, source)
    with parquet.ParquetWriter(target, schema) as writer, Bar("parquet", total, 0, console) as bar:
        done = 0
        for rows in _portions(source):
            table = [{field.name: _cell(row, field.name, arrow.types.is_string(field.type)) for field in schema}
                     for row in rows]  # fmt: skip
            writer.write_table(arrow.Table.from_pylist(table, schema=schema))
            done += len(rows)
            bar.show(done, "")


def _portions(source: Path) -> Iterator[list[Row]]:
    stream = read_rows(source)
    while rows := [row for _, row in islice(stream, ROWS_AT_ONCE)]:
        yield rows


def _schema(arrow: Any, source: Path) -> Any:
    """Prompts are messages where all are; where only some are, those are JSON, as is their text for the others."""
    messages = arrow.list_(arrow.struct([("role", arrow.string()), ("content", arrow.string())]))
    kinds = {type(row["prompt"]) for _, row in read_rows(source)}
    prompt = messages if kinds == {list} else arrow.string()
    plain = {name: getattr(arrow, kind)() for name, kind in NUMBERS.items()}
    texts = dict.fromkeys(("completion", "ground_truth", *TEXTS), arrow.string())
    encoded = dict.fromkeys(ENCODED, arrow.string())
    return arrow.schema(list(({"prompt": prompt} | texts | plain | encoded).items()))


def _cell(row: Row, name: str, is_text: bool) -> Any:
    """A text that UTF-8 cannot hold has lone surrogates; they become question marks."""
    value = row.get(name)
    if is_text and value is not None and (name in ENCODED or not isinstance(value, str)):
        value = json.dumps(value)
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
