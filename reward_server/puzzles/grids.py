"""Sudoku grids: read from text and lists, checked against their clues and the rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.layers import unwrapped
from reward_server.puzzles.ground_truth import puzzle_fields

BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3), 16: (4, 4)}  # size → rows and columns of a box
MAX_ANSWER_CHARS = 5000

_PUZZLES = ("puzzle", "quiz", "quizzes", "board", "clues", "question_grid")
_SOLUTIONS = ("solution", "solutions", "solved")
_LETTERS = {char: value for value, char in enumerate("123456789ABCDEFG", 1)}
_EMPTY = frozenset("0._?xX*")
_CELL = re.compile(r"[0-9]+|[A-G]|[._?xX*]")
_FRAME = re.compile(r"[\s|,;\[\](){}'\"`+=\-│─┼┌┐└┘├┤┬┴║═╬]+")

Grid = tuple[tuple[int, ...], ...]  # 0: an empty cell


@dataclass(frozen=True, slots=True)
class SudokuTruth:
    """What is known: the clues, the solution of the data set, or both."""

    clues: Grid | None
    solution: Grid | None

    @property
    def size(self) -> int:
        return len(self.clues or self.solution or ())


def sudoku_truth(ground_truth: Any) -> SudokuTruth:
    """Raises GroundTruthInvalid for clues or solutions that break the rules, or that contradict each other."""
    plain = isinstance(ground_truth, str) and _is_plain(ground_truth)
    value = ground_truth if plain else unwrapped(ground_truth, "the puzzle")
    if not isinstance(value, dict):
        value = {"solution" if _full(value) else "puzzle": value}
    fields = puzzle_fields(value, (*_PUZZLES, *_SOLUTIONS), "the sudoku")
    clues = _given(fields, _PUZZLES)
    solution = _given(fields, _SOLUTIONS)
    if solution is not None and (fault := broken_rule(solution)) is not None:
        raise GroundTruthInvalid(f"expected a solution that keeps the rules: {fault}")
    if clues is not None and (fault := _repeated(clues)) is not None:
        raise GroundTruthInvalid(f"expected clues that keep the rules: {fault}")
    if clues and solution and (len(clues) != len(solution) or not keeps_clues(solution, clues)):
        raise GroundTruthInvalid("expected a solution that keeps the clues")
    return SudokuTruth(clues, solution)


def read_grid(text: str, size: int) -> Grid | str:
    """The grid that a text shows and nothing else, or why there is none. Frames, commas and brackets do not matter."""
    if len(text) > MAX_ANSWER_CHARS:
        return f"longer than {MAX_ANSWER_CHARS} characters"
    lines = [cells for line in text.split("\n") if (cells := _cells(line, size)) != []]
    if any(cells is None for cells in lines):
        return "there is more than a grid"
    rows = [tuple(cells) for cells in lines if cells is not None]
    if len(rows) == 1 and len(rows[0]) == size * size:
        rows = [rows[0][start : start + size] for start in range(0, size * size, size)]
    if len(rows) != size or any(len(row) != size for row in rows):
        return f"expected {size} rows of {size} cells"
    return tuple(rows)


def behind_lead(text: str, size: int) -> str:
    """The grid that ends a text, where only words stand before it (`The grid is:`); else the text as it is."""
    grid = last_grid(text, size)
    lead = text[: text.rfind(grid)] if grid else ""
    return grid if grid and not any(map(str.isdigit, lead)) else text


def last_grid(text: str, size: int) -> str | None:
    """The lines at the end of a text that hold nothing but cells; None where there are none."""
    lines = text.rstrip()[-MAX_ANSWER_CHARS:].split("\n")
    taken = len(lines)
    while taken and _cells(lines[taken - 1], size) is not None:
        taken -= 1
    return "\n".join(lines[taken:]).strip() or None


def keeps_clues(grid: Grid, clues: Grid) -> bool:
    return all(
        clue in (0, cell) for row, given in zip(grid, clues, strict=True) for cell, clue in zip(row, given, strict=True)
    )


def broken_rule(grid: Grid) -> str | None:
    """The first rule that a grid breaks, or None for a complete and valid one."""
    return "a cell is empty" if any(0 in row for row in grid) else _repeated(grid)


def right_share(grid: Grid, truth: SudokuTruth) -> float:
    """The share of the cells to be filled in which the solution stands."""
    if truth.solution is None:
        return 0.0
    clues = truth.clues or tuple((0,) * truth.size for _ in range(truth.size))
    asked = [(r, c) for r in range(truth.size) for c in range(truth.size) if not clues[r][c]]
    return sum(grid[r][c] == truth.solution[r][c] for r, c in asked) / max(1, len(asked))


def grid_text(grid: Grid) -> str:
    return "\n".join(" ".join(str(cell) for cell in row) for row in grid)


def _repeated(grid: Grid) -> str | None:
    size = len(grid)
    high, wide = BOXES[size]
    boxes = (
        [grid[r][c] for r in range(top, top + high) for c in range(left, left + wide)]
        for top in range(0, size, high)
        for left in range(0, size, wide)
    )
    columns: Sequence[Sequence[int]] = list(zip(*grid, strict=True))
    for kind, units in (("row", grid), ("column", columns), ("box", boxes)):
        for unit in units:
            filled = [cell for cell in unit if cell]
            if len(set(filled)) < len(filled):
                return f"a number stands twice in a {kind}"
    return None


def _cells(line: str, size: int) -> list[int] | None:
    """The cells of a line, none for a frame or an empty line; None where something else stands there."""
    cells: list[int] = []
    if line.lstrip().startswith("```"):
        return cells
    for part in _FRAME.split(line):
        position = 0
        while position < len(part):
            match = _CELL.match(part, position)
            values = None if match is None else _values(match[0], size)
            if match is None or values is None:
                return None
            cells.extend(values)
            position = match.end()
    return cells


def _values(token: str, size: int) -> list[int] | None:
    """A number by itself where sizes have two digits, else digit by digit; None for what no cell can hold."""
    if token in _EMPTY:
        return [0]
    if size > 9 and token.isdigit() and len(token) <= 2:
        values = [int(token)]
    else:
        values = [0 if char == "0" else _LETTERS[char] for char in token]
    return values if all(value <= size for value in values) else None


def _given(fields: dict[str, Any], keys: Sequence[str]) -> Grid | None:
    value = next((fields[key] for key in keys if fields.get(key) is not None), None)
    return None if value is None else _grid(value)


def _grid(value: Any) -> Grid:
    """Raises GroundTruthInvalid."""
    if isinstance(value, str) and not _is_plain(value):
        value = unwrapped(value, "a grid")
    if isinstance(value, list):
        value = "\n".join(" ".join(map(_cell_text, row)) if isinstance(row, list) else str(row) for row in value)
    if isinstance(value, str):
        for size in BOXES:
            grid = read_grid(value, size)
            if not isinstance(grid, str):
                return grid
    raise GroundTruthInvalid(f"expected a grid of {', '.join(map(str, BOXES))} rows and as many columns")


def _cell_text(cell: Any) -> str:
    return "0" if cell in (None, "", " ") else str(cell)


def _is_plain(text: str) -> bool:
    """Whether a text is cells, and not JSON or a Python literal around them."""
    return not text.lstrip().startswith(("[", "{", "(", '"'))


def _full(value: Any) -> bool:
    return all(all(row) for row in _grid(value))
