"""Tables of Apache Arrow: Parquet files, and data sets that Hugging Face `datasets` saved to disk.

pyarrow is optional and is loaded when such a file is opened. No hub is asked for anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from trainer_client.errors import DataError

BATCH_ROWS = 1000
STATE = "state.json"
SPLITS = "dataset_dict.json"


def table_rows(path: Path, columns: frozenset[str] | None) -> Iterator[dict[str, Any]]:
    """The rows of a table, with the named columns it has, None: with all. Raises DataError."""
    try:
        import_module("pyarrow")
    except ImportError as error:
        raise DataError(f"{path}: Parquet and Arrow files need pyarrow: pip install 'assay[data]'") from error
    files = _files(path)
    try:
        for file in files:
            for batch in _parquet(file, columns) if file.suffix == ".parquet" else _arrow(file, columns):
                yield from batch.to_pylist()
    except (OSError, ValueError, KeyError) as error:  # pyarrow's own errors are ValueErrors and KeyErrors
        raise DataError(f"cannot read the data file {path}: {error}") from error


def _files(path: Path) -> list[Path]:
    """The shards in their order: as the data set's state names them, else by name."""
    if not path.is_dir():
        return [path]
    if (path / SPLITS).is_file():
        splits = json.loads((path / SPLITS).read_text(encoding="utf-8")).get("splits", [])
        raise DataError(f"{path} holds the splits {', '.join(splits)}: give one of them, such as {path / splits[0]}")
    if (path / STATE).is_file():
        state = json.loads((path / STATE).read_text(encoding="utf-8"))
        return [path / file["filename"] for file in state["_data_files"]]
    found = sorted(path.glob("*.parquet")) or sorted(path.glob("*.arrow"))
    if not found:
        raise DataError(f"{path} is a directory without .parquet or .arrow files")
    return found


def _parquet(path: Path, columns: frozenset[str] | None) -> Iterable[Any]:
    file = import_module("pyarrow.parquet").ParquetFile(path)
    chosen = None if columns is None else [name for name in file.schema_arrow.names if name in columns]
    return file.iter_batches(batch_size=BATCH_ROWS, columns=chosen)  # type: ignore[no-any-return]


def _arrow(path: Path, columns: frozenset[str] | None) -> Iterator[Any]:
    """The batches of a stream of Arrow, which `save_to_disk` writes, or of an Arrow file."""
    arrow = import_module("pyarrow")
    with arrow.memory_map(str(path)) as source:
        try:
            batches: Any = arrow.ipc.open_stream(source)
        except arrow.ArrowInvalid:
            file = arrow.ipc.open_file(source)
            batches = (file.get_batch(number) for number in range(file.num_record_batches))
        for batch in batches:
            yield batch if columns is None else batch.select([name for name in batch.schema.names if name in columns])
