"""Examples that are read when they are asked for, what of them is chosen, and several files as one."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

from trainer_client.config.data import FieldsConfig
from trainer_client.data.fields import Paths, RowError, to_example
from trainer_client.data.rows import open_lines
from trainer_client.errors import DataError
from trainer_client.types import Example

NAMED_ROWS = 5


class Examples(Sequence[Example]):
    """A sequence of examples that need not be in memory."""

    def example(self, place: int) -> Example:
        """The example at a place of 0..len-1."""
        raise NotImplementedError

    @overload
    def __getitem__(self, place: int) -> Example: ...

    @overload
    def __getitem__(self, place: slice) -> list[Example]: ...

    def __getitem__(self, place: int | slice) -> Example | list[Example]:
        if isinstance(place, slice):
            return [self.example(number) for number in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self.example(place % len(self))

    def __iter__(self) -> Iterator[Example]:
        return (self.example(place) for place in range(len(self)))


class FileExamples(Examples):
    """The rows of a file that can be used. `broken` names the first of those that cannot; `broken_count` is of all.

    Every row is looked at once when the file is opened. Raises DataError for a file that cannot be read, that holds
    no rows, or more than `max_broken` rows that cannot be used.
    """

    def __init__(self, path: Path, fields: FieldsConfig, max_broken: int = 0) -> None:
        self._path = path
        self._paths = Paths.of(fields)
        self._lines = open_lines(path, self._paths.columns)
        self._numbers: array[int] = array("Q")
        self.broken: list[str] = []
        self.broken_count = 0
        for number in range(len(self._lines)):
            self._look_at(number, max_broken)
        if not self._numbers:
            raise DataError(
                f"{path} holds no rows; expected JSON lines or a table with prompts"
                + "".join(f"\n  {row}" for row in self.broken)
            )

    def _look_at(self, number: int, max_broken: int) -> None:
        line = self._lines[number]
        if not line:
            return
        try:
            self._read(line, number)
            self._numbers.append(number)
        except RowError as error:
            self.broken_count += 1
            if len(self.broken) < NAMED_ROWS:
                self.broken.append(f"{self._path}:{number + 1}: {error}")
            if self.broken_count > max_broken:
                raise DataError(_too_many(self.broken, max_broken)) from error

    def __len__(self) -> int:
        return len(self._numbers)

    def example(self, place: int) -> Example:
        number = self._numbers[place]
        try:
            return self._read(self._lines[number], number)
        except RowError as error:
            raise DataError(f"{self._path}:{number + 1} changed while it was in use: {error}") from error

    def _read(self, line: bytes, number: int) -> Example:
        try:
            row = json.loads(line, parse_constant=_no_number)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RowError(f"not JSON: {error}") from error
        return to_example(row, self._paths, number + 1)


class Chosen(Examples):
    """Some of the examples, by their places."""

    def __init__(self, examples: Sequence[Example], places: Iterable[int]) -> None:
        self._examples = examples
        self._places = array("Q", places)

    def __len__(self) -> int:
        return len(self._places)

    def example(self, place: int) -> Example:
        return self._examples[self._places[place]]


class Mixture(Examples):
    """Several sequences with the weights by which they are drawn. As a sequence: one behind the other."""

    def __init__(self, parts: Sequence[tuple[Sequence[Example], float]]) -> None:
        self.parts = tuple(parts)

    def __len__(self) -> int:
        return sum(len(part) for part, _ in self.parts)

    def example(self, place: int) -> Example:
        for part, _ in self.parts:
            if place < len(part):
                return part[place]
            place -= len(part)
        raise IndexError(place)


class Numbered(Examples):
    """The same examples, each id preceded by the number of a part: `0/17`. Files number their rows alike."""

    def __init__(self, examples: Sequence[Example], number: int) -> None:
        self._examples = examples
        self._number = number

    def __len__(self) -> int:
        return len(self._examples)

    def example(self, place: int) -> Example:
        found = self._examples[place]
        return replace(found, id=f"{self._number}/{found.id}")


def chosen(examples: Sequence[Example], keep: Callable[[Example], bool]) -> Sequence[Example]:
    """The examples that are to be kept, in their order; the parts of a mixture stay parts, empty ones are left out."""
    if isinstance(examples, Mixture):
        kept = [(chosen(part, keep), weight) for part, weight in examples.parts]
        return Mixture([(part, weight) for part, weight in kept if len(part)])
    return Chosen(examples, (place for place, example in enumerate(examples) if keep(example)))


def prompt_digest(example: Example) -> bytes:
    """Eight bytes that stand for the prompt of an example."""
    return hashlib.blake2b(repr((example.prompt, example.turns)).encode(errors="surrogatepass"), digest_size=8).digest()


def _no_number(name: str) -> None:
    raise RowError(f"not JSON: {name} is no number there; write null, or leave the row out")


def _too_many(broken: Sequence[str], max_broken: int) -> str:
    if max_broken == 0:
        return broken[0]
    named = "".join(f"\n  {one}" for one in broken)
    return f"more than data.max_broken_rows = {max_broken} rows cannot be used, the first of them:{named}"
