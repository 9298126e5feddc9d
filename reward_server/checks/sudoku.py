"""`sudoku`: is the answer a complete grid that keeps the clues and the rules? Any such grid, not just the known one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, GoldView, Params, Verdict
from reward_server.completion import with_prefill
from reward_server.puzzles.answers import final_answer, shown
from reward_server.puzzles.grids import (
    Grid,
    SudokuTruth,
    behind_lead,
    broken_rule,
    grid_text,
    keeps_clues,
    last_grid,
    read_grid,
    right_share,
    sudoku_truth,
)
from reward_server.wire import GoldKind

_EXAMPLE = {"puzzle": "1..4\n..1.\n.1..\n4..1", "solution": "1234\n3412\n2143\n4321"}


class SudokuParams(Params):
    partial: bool = Field(
        default=False, description="true: a wrong grid that keeps the clues gets the share of right cells it filled in"
    )


class Sudoku(AnswerCheck):
    name: ClassVar[str] = "sudoku"
    description: ClassVar[str] = "1 when the answer is a complete valid grid that keeps the clues, else 0"
    source: ClassVar[str] = "the rules of Sudoku; partial credit as in reasoning-gym, without its cells for clues"
    ground_truth: ClassVar[str] = (
        "clues, a solution, or both ({'puzzle': …, 'solution': …}) as text of digits with 0 or . for empty, or lists; "
        "sizes 4, 6, 9 and 16; in a verl row, or a row of reasoning-gym"
    )
    params: ClassVar[type[Params]] = SudokuParams
    detail: ClassVar[Mapping[str, str]] = {
        "failed": "no_answer, several_answers, unreadable, incomplete, clue_changed, invalid, wrong (where only the "
        "solution is known); null where it is right",
        "why": "what could not be read, or the rule that the grid breaks",
        "answer": "the answer as it stands in the completion, its first 200 characters",
        "share": "of the empty cells, those filled in as in the solution; null where none is known",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "sudoku", "params": {"partial": True}}],
        "items": [
            {"completion": "<answer>\n1 2 3 4\n3 4 1 2\n2 1 4 3\n4 3 2 1\n</answer>", "ground_truth": _EXAMPLE},
            {"completion": "<answer>\n1 2 3 4\n3 4 1 2\n2 1 4 3\n4 2 2 1\n</answer>", "ground_truth": _EXAMPLE},
            {"completion": "<answer>1 . . 4\n. . 1 .\n. 1 . .\n4 . . 1</answer>", "ground_truth": _EXAMPLE},
        ],
    }

    def judge(self, item: CheckInput, params: SudokuParams) -> Verdict:
        truth = sudoku_truth(item.ground_truth)
        answer = final_answer(with_prefill(item), whole_text=True)
        text = answer.text
        if text is not None and answer.method == "line":
            text = last_grid(text, truth.size)
        if text is None:
            return _verdict("no_answer")
        if answer.several:
            return _verdict("several_answers", text)
        grid = read_grid(behind_lead(text, truth.size), truth.size)
        return _verdict("unreadable", text, grid) if isinstance(grid, str) else _judged(grid, text, truth, params)

    def read_gold(self, item: CheckInput, params: SudokuParams) -> GoldView:
        truth = sudoku_truth(item.ground_truth)
        known = truth.clues or truth.solution or ()
        answer = None if truth.solution is None else f"<answer>\n{grid_text(truth.solution)}\n</answer>"
        return GoldView(GoldKind.PUZZLE, grid_text(known), answer)


def _judged(grid: Grid, text: str, truth: SudokuTruth, params: SudokuParams) -> Verdict:
    failed, why = _failed(grid, truth)
    share = None if truth.solution is None else right_share(grid, truth)
    value = 1.0 if failed is None else 0.0
    if failed in ("incomplete", "invalid", "wrong") and params.partial and share is not None:
        value = min(share, 0.99)
    return _verdict(failed, text, why, share, value)


def _failed(grid: Grid, truth: SudokuTruth) -> tuple[str | None, str | None]:
    if truth.clues is not None and not keeps_clues(grid, truth.clues):
        return "clue_changed", None
    if (rule := broken_rule(grid)) is not None:
        return "incomplete" if any(0 in row for row in grid) else "invalid", rule
    if truth.clues is None and grid != truth.solution:
        return "wrong", None
    return None, None


def _verdict(
    failed: str | None, text: str | None = None, why: str | None = None, share: float | None = None, value: float = 0.0
) -> Verdict:
    detail = {"failed": failed, "why": why, "answer": shown(text), "share": share}
    flags = (failed,) if failed in ("no_answer", "several_answers") else ()
    return Verdict(value, detail, flags, gold_kind=GoldKind.PUZZLE)
