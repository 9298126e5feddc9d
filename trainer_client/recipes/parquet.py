"""Rows of a JSONL file as Parquet, where pyarrow is installed. Values that are no plain text or number become JSON."""

from __future__ import annotations

import importlib
import importlib.util
import json
from itertools import islice
from pathlib import Path
from typing import Any

from trainer_client.errors import ConfigError
from trainer_client.recipes.rows import Row, read_rows

ROWS_AT_ONCE = 5000


def is_there() -> bool:
    """Whether pyarrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def write_parquet(source: Path, target: Path) -> None:
    """Write the rows of `source`, some thousand at a time; `target` appears when it is complete.

    Raises ConfigError when pyarrow is not installed.
    """
    if not is_there():
        raise ConfigError("parquet = 'yes' needs pyarrow (pip install pyarrow); or set parquet = 'no'")
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    kinds = {"sample_index": arrow.int64(), "completion_tokens": arrow.int64(), "reward": arrow.float64()}
    names = ("prompt", "completion", "ground_truth", "prompt_id", *kinds, "components", "flags", "provenance")
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in names])
    unfinished = target.with_name(f".{target.name}.unfinished")
    with parquet.ParquetWriter(unfinished, schema) as writer:
        stream = read_rows(source)
        while rows := list(islice(stream, ROWS_AT_ONCE)):
            table = [{name: _cell(row, name, name in kinds) for name in names} for _, row in rows]
            writer.write_table(arrow.Table.from_pylist(table, schema=schema))
    unfinished.replace(target)


def _cell(row: Row, name: str, is_number: bool) -> Any:
    value = row.get(name)
    return value if is_number or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
