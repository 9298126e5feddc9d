"""`twenty_four`: the game of 24. Make 24 from the given numbers, or say that nobody can."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from reward_server.checks.base import CheckInput, GoldView, HeavyCheck, Params, Verdict
from reward_server.checks.countdown import DETAIL, normalised, played
from reward_server.completion import with_prefill
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.layers import unwrapped
from reward_server.puzzles.answers import final_answer, unframed
from reward_server.puzzles.ground_truth import puzzle_fields
from reward_server.puzzles.number_game import NumberPuzzle, Play, number_puzzle, play
from reward_server.puzzles.number_search import MAX_SEARCHED, QUICKLY_SEARCHED, solution
from reward_server.wire import GoldKind

# A text without a sign of arithmetic holds no expression beside it, so that nobody can say both.
_NO_SOLUTION = re.compile(
    r"(?<!not )\b(?:impossible|unsolvable)\b"
    r"|\bno(?: \w{1,12}){0,2}? (?:solutions?|ways?|expressions?|combinations?|answer)\b"
    r"|\b(?:not|cannot|can['’]?t|could(?: not|n['’]t)|isn['’]t)(?: be)?(?: \w{1,12})?? "
    r"(?:possible|solvable|solved|done|made|make|reached|reach|get|obtained)\b|^(?:no|none)$|无解|没有解|不可能|无法"
)
_ANOTHER_SAID = re.compile(r"[+*/×÷=^()−]|[0-9]\s*-|\b(?:or|if|unless|maybe|perhaps|wrong|false)\b")
_LONGEST_PHRASE = 120


class TwentyFourParams(Params):
    target: int = Field(default=24, ge=-(10**9), le=10**9, description="where the ground truth names none")
    use_all: bool = Field(default=True, description="every given number must be used; false: none of them twice")


class TwentyFour(HeavyCheck):
    name: ClassVar[str] = "twenty_four"
    description: ClassVar[str] = "1 when the answer makes 24 from the given numbers, or says rightly that nobody can"
    source: ClassVar[str] = "the game of 24, as in Tree of Thoughts (arXiv:2305.10601) section 4.1"
    ground_truth: ClassVar[str] = (
        'the numbers [4, 7, 8, 8], or {"numbers": […], "target": 24, "solvable": true}, as JSON text too; without '
        f"`solvable` a search over at most {MAX_SEARCHED} numbers decides"
    )
    params: ClassVar[type[Params]] = TwentyFourParams
    detail: ClassVar[Mapping[str, str]] = {**DETAIL, "failed": f"{DETAIL['failed']}; solvable: none was found"}
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "twenty_four"}],
        "items": [
            {"completion": "\\boxed{(7 - 8 / 8) \\times 4}", "ground_truth": [4, 7, 8, 8]},
            {"completion": "<answer>No solution.</answer>", "ground_truth": [1, 1, 1, 1]},
            {"completion": "<answer>No solution.</answer>", "ground_truth": [4, 7, 8, 8]},
        ],
    }

    def judge_in_place(self, item: CheckInput, params: TwentyFourParams) -> Verdict | None:
        puzzle, solvable = _puzzle(item.ground_truth, params)
        if solvable is None and len(puzzle.numbers) > QUICKLY_SEARCHED:
            text = final_answer(with_prefill(item)).text
            if text is not None and _gives_up(text):
                return None  # the search takes a second
        return self.judge(item, params)

    def judge(self, item: CheckInput, params: TwentyFourParams) -> Verdict:
        puzzle, solvable = _puzzle(item.ground_truth, params)
        answer = final_answer(with_prefill(item))
        if answer.text is None:
            return played(Play("no_answer"), None)
        if answer.several:
            return played(Play("several_answers"), answer.text)
        if _gives_up(answer.text):
            none = not (_found(puzzle, params) if solvable is None else solvable)
            return played(Play(None if none else "solvable"), answer.text)
        return played(play(answer.text, puzzle, use_all=params.use_all), answer.text)

    def read_gold(self, item: CheckInput, params: TwentyFourParams) -> GoldView:
        puzzle, solvable = _puzzle(item.ground_truth, params)
        if len(puzzle.numbers) > QUICKLY_SEARCHED:
            return GoldView(GoldKind.PUZZLE, normalised(puzzle))
        found = _found(puzzle, params)
        if solvable is not None and solvable != (found is not None):
            raise GroundTruthInvalid(f"expected `solvable` to be {str(found is not None).lower()}: a search says so")
        return GoldView(GoldKind.PUZZLE, normalised(puzzle), f"<answer>{found or 'no solution'}</answer>")


def _puzzle(ground_truth: Any, params: TwentyFourParams) -> tuple[NumberPuzzle, bool | None]:
    """The puzzle, and whether it has a solution where that is said. Raises GroundTruthInvalid."""
    value = unwrapped(ground_truth, "the numbers")
    if isinstance(value, list):
        value = {"numbers": value}
    puzzle = number_puzzle(value, target=params.target, most=MAX_SEARCHED)
    solvable = puzzle_fields(value, ("numbers", "nums"), "the puzzle").get("solvable")
    if solvable is not None and not isinstance(solvable, bool):
        raise GroundTruthInvalid("expected `solvable` to be true or false")
    return puzzle, solvable


def _found(puzzle: NumberPuzzle, params: TwentyFourParams) -> str | None:
    return solution(puzzle.numbers, puzzle.target, use_all=params.use_all)


def _gives_up(text: str) -> bool:
    if len(text) > _LONGEST_PHRASE:
        return False
    said = " ".join(unframed(text).lower().split()).rstrip("!.")
    return _NO_SOLUTION.search(said) is not None and _ANOTHER_SAID.search(said) is None
