import json
import time

import pytest

from reward_server.checks.base import CheckInput, Verdict
from reward_server.checks.sudoku import Sudoku, SudokuParams
from reward_server.errors import GroundTruthInvalid

CLUES = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
SOLUTION = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
GOLD = {"puzzle": CLUES, "solution": SOLUTION}
OPEN = {"puzzle": ["1000", "0000", "0000", "0000"]}  # has many solutions


def rows(grid: str, size: int = 9, cell: str = " ") -> str:
    return "\n".join(cell.join(grid[start : start + size]) for start in range(0, len(grid), size))


def judge(completion: str, gold: object = GOLD, **params: object) -> Verdict:
    verdict = Sudoku().judge(CheckInput(completion, gold), SudokuParams.model_validate(params))  # type: ignore[arg-type]
    assert set(verdict.detail) == set(Sudoku.detail)
    return verdict


FRAMED = "\n".join(
    ("+-------+\n" if index % 3 == 0 else "") + "| " + " | ".join(" ".join(row[i : i + 3]) for i in (0, 3, 6)) + " |"
    for index, row in enumerate(rows(SOLUTION, cell="").split("\n"))
)


@pytest.mark.parametrize(
    "shown",
    [
        rows(SOLUTION),
        rows(SOLUTION, cell=""),
        rows(SOLUTION, cell=", "),
        SOLUTION,
        json.dumps([[int(cell) for cell in line] for line in rows(SOLUTION, cell="").split("\n")]),
        FRAMED,
        "```\n" + rows(SOLUTION) + "\n```",
        "```text\n" + rows(SOLUTION) + "\n```",
        "The completed grid is:\n" + rows(SOLUTION),
    ],
)
def test_the_solved_grid_is_right_however_it_is_drawn(shown: str) -> None:
    assert judge(f"<answer>\n{shown}\n</answer>").value == 1.0


def test_without_a_tag_the_grid_at_the_end_is_the_answer() -> None:
    assert judge(f"The grid is full now:\n\n{rows(SOLUTION)}\n").value == 1.0
    assert judge("<think>\n" + rows(SOLUTION)).detail["failed"] == "no_answer"


@pytest.mark.parametrize(
    ("shown", "failed"),
    [
        (rows(CLUES), "incomplete"),
        (f"{rows('1' * 81)}\nor\n{rows(SOLUTION)}", "unreadable"),
        (f"8 1 2\n\n{rows(SOLUTION)}", "unreadable"),
        (rows("1" * 81), "clue_changed"),
        (rows(SOLUTION[:2] + "3" + SOLUTION[3:]), "invalid"),
        (rows(SOLUTION[9:] + SOLUTION[:9]), "clue_changed"),
        (rows(SOLUTION[:72]), "unreadable"),
        (rows(SOLUTION) + "\n" + rows(SOLUTION), "unreadable"),
        ("It is 42", "unreadable"),
        (rows(SOLUTION) + " or not", "unreadable"),
    ],
)
def test_the_broken_rule_is_named(shown: str, failed: str) -> None:
    verdict = judge(f"<answer>{shown}</answer>")
    assert (verdict.value, verdict.detail["failed"]) == (0.0, failed)


def test_any_valid_solution_is_right_not_only_the_known_one() -> None:
    for grid in ("1234\n3412\n2143\n4321", "1243\n4312\n2134\n3421"):
        assert judge(f"<answer>{grid}</answer>", OPEN).value == 1.0
    assert judge("<answer>2143\n4321\n1234\n3412</answer>", OPEN).detail["failed"] == "clue_changed"


def test_a_solution_alone_has_to_be_met() -> None:
    gold = {"solution": "1234341221434321"}
    assert judge("<answer>1234\n3412\n2143\n4321</answer>", gold).value == 1.0
    assert judge("<answer>1243\n4312\n2134\n3421</answer>", gold).detail["failed"] == "wrong"


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        (4, [[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]]),
        (6, [[(3 * (r % 2) + r // 2 + c) % 6 + 1 for c in range(6)] for r in range(6)]),
        (16, [[(4 * (r % 4) + r // 4 + c) % 16 + 1 for c in range(16)] for r in range(16)]),
    ],
)
def test_other_sizes(size: int, grid: list[list[int]]) -> None:
    gold = {"puzzle": [[0, *row[1:]] for row in grid]}
    assert judge(f"<answer>{json.dumps(grid)}</answer>", gold).value == 1.0
    shown = "\n".join(" ".join(map(str, row)) for row in grid)
    assert judge(f"<answer>{shown}</answer>", gold).value == 1.0
    assert judge(f"<answer>{shown.replace('2', '1')}</answer>", gold).value == 0.0


def test_partial_credit_counts_the_cells_that_were_asked_for() -> None:
    wrong = SOLUTION[:2] + "1" + SOLUTION[3:]
    assert judge(f"<answer>{rows(wrong)}</answer>").value == 0.0
    assert judge(f"<answer>{rows(wrong)}</answer>", partial=True).value == pytest.approx(50 / 51)
    assert judge(f"<answer>{rows(CLUES)}</answer>", partial=True).value == 0.0
    assert judge(f"<answer>{rows('1' * 81)}</answer>", partial=True).value == 0.0


def test_two_grids_are_a_hedge() -> None:
    text = f"<answer>{rows(CLUES)}</answer><answer>{rows(SOLUTION)}</answer>"
    assert judge(text).detail["failed"] == "several_answers"


@pytest.mark.parametrize(
    "gold",
    [
        CLUES,
        json.dumps(GOLD),
        {"reward_model": {"ground_truth": json.dumps(GOLD)}},
        {"answer": "…", "metadata": {"puzzle": [[int(c) for c in CLUES[i : i + 9]] for i in range(0, 81, 9)]}},
        {"puzzle": CLUES.replace("0", ".")},
        SOLUTION,
        [[int(c) for c in SOLUTION[i : i + 9]] for i in range(0, 81, 9)],
    ],
)
def test_the_puzzle_is_read_in_every_form(gold: object) -> None:
    assert judge(f"<answer>{rows(SOLUTION)}</answer>", gold).value == 1.0


def test_the_reference_is_stated_where_it_is_known() -> None:
    view = Sudoku().read_gold(CheckInput("", GOLD), SudokuParams())  # type: ignore[arg-type]
    assert view.answer is not None
    assert judge(view.answer).value == 1.0
    assert Sudoku().read_gold(CheckInput("", CLUES), SudokuParams()).answer is None


@pytest.mark.parametrize(
    "gold",
    [
        None,
        {},
        "12",
        [[1, 2], [3]],
        [1, 2, 3],
        {"puzzle": "1" * 81},
        {"solution": CLUES},
        {"puzzle": "9" + CLUES[1:], "solution": SOLUTION},
        {"puzzle": [[{}] * 4] * 4},
        {"puzzle": True},
    ],
)
def test_an_unusable_puzzle_is_no_zero(gold: object) -> None:
    with pytest.raises(GroundTruthInvalid, match="expected"):
        judge("<answer>1</answer>", gold)


@pytest.mark.parametrize("piece", ["1", "1 ", "[", "|", "\n", "1 2 3 4\n", "<answer>", "-", "\\boxed{"])
def test_a_megabyte_of_hostile_text_is_judged_in_time(piece: str) -> None:
    start = time.process_time()
    assert judge(piece * (1_000_000 // len(piece))).value == 0.0
    assert time.process_time() - start < 3
