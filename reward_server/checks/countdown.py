"""`countdown`: does the expression make the target from the given numbers, each used once?

Graders that hand the answer to `eval` read `1.5` as the numbers 1 and 5, let `**` and `//` pass and hang on towers of
powers; here the expression has a parser of its own and exact values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, GoldView, Params, Verdict
from reward_server.completion import with_prefill
from reward_server.errors import GroundTruthInvalid
from reward_server.puzzles.answers import final_answer, shown
from reward_server.puzzles.ground_truth import puzzle_fields
from reward_server.puzzles.number_game import NumberPuzzle, Play, number_puzzle, play
from reward_server.puzzles.number_search import QUICKLY_SEARCHED, solution
from reward_server.wire import GoldKind

DETAIL = {
    "failed": "the rule that the answer breaks: no_answer, several_answers, unreadable, false_equation, wrong_numbers, "
    "wrong_value; null where it is right",
    "why": "why the answer is not readable",
    "answer": "the answer as it stands in the completion, its first 200 characters",
    "value": "what the expression comes to",
}


class CountdownParams(Params):
    use_all: bool = Field(default=True, description="every given number must be used; false: none of them twice")
    format_value: float = Field(
        default=0.0, ge=0, lt=1, description="of an expression that can be read and is wrong; 0.1 in TinyZero"
    )


class Countdown(AnswerCheck):
    name: ClassVar[str] = "countdown"
    description: ClassVar[str] = "1 when the answer makes the target from the given numbers by + - * / and brackets"
    source: ClassVar[str] = "https://github.com/Jiayi-Pan/TinyZero verl/utils/reward_score/countdown.py, corrected"
    ground_truth: ClassVar[str] = (
        '{"target": 98, "numbers": [44, 19, 35]}, as JSON text too, in a verl row, or a countdown row of reasoning-gym'
    )
    params: ClassVar[type[Params]] = CountdownParams
    detail: ClassVar[Mapping[str, str]] = DETAIL
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "countdown"}],
        "items": [
            {
                "completion": "<think>44 + 19 is 63</think><answer>(44 + 19) + 35 = 98</answer>",
                "ground_truth": {"target": 98, "numbers": [44, 19, 35]},
            },
            {"completion": "<answer>98 * 1.5 / 1.5</answer>", "ground_truth": {"target": 98, "numbers": [98, 1, 5]}},
            {"completion": "<answer>9**9**9**9</answer>", "ground_truth": {"target": 9, "numbers": [9, 9, 9, 9]}},
        ],
    }

    def judge(self, item: CheckInput, params: CountdownParams) -> Verdict:
        puzzle = number_puzzle(item.ground_truth)
        answer = final_answer(with_prefill(item))
        if answer.text is None:
            return played(Play("no_answer"), None)
        if answer.several:
            return played(Play("several_answers"), answer.text)
        one = play(answer.text, puzzle, use_all=params.use_all)
        return played(one, answer.text, params.format_value)

    def read_gold(self, item: CheckInput, params: CountdownParams) -> GoldView:
        puzzle = number_puzzle(item.ground_truth)
        return GoldView(GoldKind.PUZZLE, normalised(puzzle), _solved(item, puzzle, params))


def played(one: Play, text: str | None, format_value: float = 0.0) -> Verdict:
    """The verdict of an answer to a game of numbers."""
    value = 1.0 if one.failed is None else format_value if one.value is not None else 0.0
    flags = (one.failed,) if one.failed in ("no_answer", "several_answers") else ()
    detail = {"failed": one.failed, "why": one.why, "answer": shown(text)}
    detail["value"] = None if one.value is None else shown(str(one.value))
    return Verdict(value, detail, flags, gold_kind=GoldKind.PUZZLE)


def normalised(puzzle: NumberPuzzle) -> str:
    return f"{puzzle.target} from {', '.join(map(str, puzzle.numbers))}"


def _solved(item: CheckInput, puzzle: NumberPuzzle, params: CountdownParams) -> str | None:
    """An answer that solves the puzzle: the one that came with it, else one that a quick search finds."""
    given = puzzle_fields(item.ground_truth, ("numbers", "nums"), "the puzzle").get("expression")
    if isinstance(given, str) and play(given, puzzle, use_all=params.use_all).failed is None:
        return f"<answer>{given}</answer>"
    if len(puzzle.numbers) > QUICKLY_SEARCHED:
        return None
    found = solution(puzzle.numbers, puzzle.target, use_all=params.use_all)
    if found is None:
        raise GroundTruthInvalid("expected a puzzle that can be solved, and this one has no solution")
    return f"<answer>{found}</answer>"
