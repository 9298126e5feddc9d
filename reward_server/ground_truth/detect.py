"""Which check judges a ground truth, told from its shape. A fallback: whoever knows the data set names the check.

In this order, on the row and on what it wraps: reasoning-gym, tests of programs, instruction constraints, puzzles,
multiple choice, questions with several golds, and then the answer itself: a letter from A to J is a choice; what has
a digit or a sign of mathematics and no sentence, or stands in a row with `problem` or `solution`, is mathematics;
other words are compared as text. So `5` is mathematics, not `numeric`, and `C` a choice, not the constant of an
integral: where that is wrong, name the check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.answers import Answer, answer_of
from reward_server.ground_truth.choices import is_choice_row
from reward_server.ground_truth.code_rows import has_tests
from reward_server.ground_truth.constraints import is_constraints
from reward_server.ground_truth.layers import unwrapped
from reward_server.ground_truth.option_lists import listed_options
from reward_server.wire import GoldKind

LONGEST_ANSWER = 10_000
MAX_ROWS = 12
MAX_TEXT = 64_000_000  # tests of one problem can be many megabytes
_INSIDE = (
    "reward_model", "verification_info", "ground_truth", "info", "metadata", "extra_info", "input_output", "tests",
)  # fmt: skip
_LETTER = re.compile(r"\W{0,4}(?:\\text(?:bf)?\{)?\W?[A-J]\W{0,4}")
_MATHEMATICS = re.compile(r"[0-9\\$=<>+^∞π√]|^[a-z]$")
_SIGNS = re.compile(r"[\\$=#<>^]")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_SUDOKU_CELLS = frozenset({16, 36, 81, 256})
_PROBLEMS = ("problem", "Problem", "solution", "Solution")
_MATH_SOURCES = re.compile(r"math|gsm8k|aime|amc|olympiad|numina|geometry3k", re.IGNORECASE)
SQUAD = {"normalise": "squad"}


@dataclass(frozen=True)
class Detected:
    """A check by its name, with the parameters that fit the shape."""

    kind: GoldKind
    check: str
    params: Mapping[str, JsonValue] = field(default_factory=dict)


def kind_of(ground_truth: JsonValue, prompt: str | None = None) -> Detected:
    """The kind of a gold or of a whole row. Raises GroundTruthInvalid for a shape that no check reads."""
    rows = _rows(ground_truth)
    for is_shape, detected in _SHAPES:
        if any(is_shape(row) for row in rows):
            return detected
    objects = [row for row in rows if isinstance(row, dict)]
    if any(_is_question(row) for row in objects):
        return Detected(GoldKind.EXACT, "exact", SQUAD)
    return _of_answer(answer_of(ground_truth), objects, prompt)


def _rows(ground_truth: JsonValue) -> list[Any]:
    """The value and all that it wraps, out of their text; the outermost first."""
    rows: list[Any] = []
    waiting: list[Any] = [ground_truth]
    while waiting and len(rows) < MAX_ROWS:
        value = _opened(waiting.pop(0))
        if isinstance(value, dict | list):
            rows.append(value)
        if isinstance(value, dict):
            waiting += [value[name] for name in _INSIDE if value.get(name) is not None]
    return rows


def _opened(value: Any) -> Any:
    """The object or list that a text is, else the value itself."""
    if (
        not isinstance(value, str)
        or len(value) > MAX_TEXT
        or not value.lstrip().startswith(("{", "[{", '["', "['", '"'))
    ):
        return value
    try:
        return unwrapped(value, "a ground truth")
    except GroundTruthInvalid:
        return value


def _is_gym(row: Any) -> bool:
    return isinstance(row, dict) and "source_dataset" in row and "source_index" in row


def _is_countdown(row: Any) -> bool:
    return isinstance(row, dict) and ({"target", "numbers"} <= row.keys() or {"target", "nums"} <= row.keys())


def _is_twenty_four(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("numbers") or row.get("nums"), list) and "answer" not in row


def _is_knights(row: Any) -> bool:
    return isinstance(row, dict) and "solution_text_format" in row


def _is_sudoku(row: Any) -> bool:
    return isinstance(row, dict) and any(_cells(row.get(name)) in _SUDOKU_CELLS for name in ("puzzle", "clues", "quiz"))


def _cells(grid: Any) -> int:
    if isinstance(grid, list):
        return sum(_cells(row) if isinstance(row, list | str) else 1 for row in grid[:64])
    if not isinstance(grid, str) or len(grid) > 2_000 or re.search(r"[A-Za-z]", grid):
        return 0
    return sum(sign.isdigit() or sign in "._" for sign in grid)


def _is_choice(row: Any) -> bool:
    return isinstance(row, dict) and is_choice_row(row)


_SHAPES: tuple[tuple[Callable[[Any], bool], Detected], ...] = (
    (_is_gym, Detected(GoldKind.PUZZLE, "reasoning_gym")),
    (has_tests, Detected(GoldKind.CODE_ASSERTS, "code")),
    (is_constraints, Detected(GoldKind.CONSTRAINTS, "ifeval")),
    (_is_countdown, Detected(GoldKind.PUZZLE, "countdown")),
    (_is_knights, Detected(GoldKind.PUZZLE, "knights_and_knaves")),
    (_is_sudoku, Detected(GoldKind.PUZZLE, "sudoku")),
    (_is_choice, Detected(GoldKind.MCQ, "choice")),
    (_is_twenty_four, Detected(GoldKind.PUZZLE, "twenty_four")),
)


def _is_question(row: dict[str, Any]) -> bool:
    """Whether a row has golds as question answering has them."""
    answer, answers = row.get("answer"), row.get("answers")
    return (
        isinstance(row.get("target"), list)
        or bool(row.get("golden_answers"))
        or (isinstance(answer, dict) and "aliases" in answer)
        or (isinstance(answers, dict) and "text" in answers)
    )


def _of_answer(answer: Answer | list[Answer], rows: list[dict[str, Any]], prompt: str | None) -> Detected:
    mathematics = Detected(GoldKind.MATH_MULTI if isinstance(answer, list) else GoldKind.MATH, "math")
    texts = [str(one) for one in (answer if isinstance(answer, list) else [answer])]
    asked = any(str(row.get("question_type")).upper() == "MCQ" for row in rows)
    if len(texts) == 1 and _LETTER.fullmatch(texts[0].strip()):
        of_mathematics = any(_is_mathematics(row) for row in rows) and not asked
        return mathematics if of_mathematics and not _lists_options(rows, prompt) else Detected(GoldKind.MCQ, "choice")
    if any(_is_mathematics(row) for row in rows) or all(_reads_as_mathematics(text.strip()) for text in texts):
        return mathematics
    return Detected(GoldKind.EXACT, "exact")


def _reads_as_mathematics(text: str) -> bool:
    """Whether a bare answer is a value: `12 cm` is, `the 5th of May` is not."""
    signs = _MATHEMATICS.search(text[:LONGEST_ANSWER]) is not None
    return signs and (_SIGNS.search(text) is not None or len(_WORD.findall(text[:LONGEST_ANSWER])) < 2)


def _is_mathematics(row: dict[str, Any]) -> bool:
    named = (str(row.get(name)) for name in ("ability", "data_source", "source", "task_type") if row.get(name))
    return any(name in row for name in _PROBLEMS) or any(_MATH_SOURCES.search(name[:200]) for name in named)


def _lists_options(rows: list[dict[str, Any]], prompt: str | None) -> bool:
    asked = [prompt, *(row.get(name) for row in rows for name in ("problem", "question", "prompt"))]
    return any(listed_options(text) for text in asked if isinstance(text, str))
