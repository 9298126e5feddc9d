import json
import re
import time
from pathlib import Path

import pytest

from reward_server.arithmetic.steps import find_equations


def told(text: str) -> list[tuple[str, bool]]:
    return [(text[one.start : one.end], one.right) for one in find_equations(text)]


@pytest.mark.parametrize(
    "text",
    [
        "3 + 4 = 7",
        "12 * 3 = 36",
        "2 + 3 + 4 = 9",
        "(2 + 3) * 4 = 20",
        "2(3 + 4) = 14",
        "5 apples + 3 apples = 8 apples",
        "$7 * 1.50 = $10.50",
        "1,200 / 4 = 300",
        "$3 \\times 4 = 12$",
        "\\frac{3}{4} + \\frac{1}{4} = 1",
        "10/3 = 3.33",
        "2/3 = 0.67",
        "10/3 ≈ 3",
        "998 + 1 ≈ 1000",
        "20% * 50 = 10",
        "20% of 50 = 10",
        "10/50 * 100 = 20%",
        "100% - 20% = 80%",
        "3 x 4 = 12",
        "60 miles/hour * 2 hours = 120 miles",
        "(so 3 + 4 = 7)",
        "**3 + 4** = **7**",
        "12 ÷ 4 = 3",
        "The sum: 26,\\!235 \\times 2 = 52,\\!470",
        "3 + 4 \\text{ apples} = 7 \\text{ apples}",
        "7 = 3 + 4",
    ],
)
def test_a_true_equation_is_right(text: str) -> None:
    assert [right for _, right in told(text)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "3 + 4 = 8",
        "12 * 3 = 35",
        "10/3 = 3.34",
        "10/3 = 3",
        "0.3 * 0.4 = 0.1",  # a rounding of 0.12 to one digit
        "5 apples + 3 apples = 9 apples",
        "\\frac{3}{4} + \\frac{1}{2} = 1",
        "20% of 50 = 20",
        "10/3 ≈ 4",
        "1,000 * 2 = 200",
        "5+5 = <<5+5=10>>11",
        "5+5 = <<5+5=11>>10",
    ],
)
def test_a_false_equation_is_wrong(text: str) -> None:
    assert [right for _, right in told(text)] == [False]


@pytest.mark.parametrize(
    "text",
    [
        "x + 3 = 7",
        "3 + x = 7",
        "2x + 3 = 7",
        "x - 4 + 2 = 10",
        "x2 + 3 = 9",
        "f(3) + 2 = 9",
        "f \\left( 3 \\right) + 2 = 9",
        "\\sqrt{16} + 2 = 7",
        "2^3 + 1 = 7",
        "2**3 + 1 = 7",
        "log 100 + 1 = 4",
        "3! + 4 = 11",
        "half of 30 + 2 = 18",
        "17 / 5 = 3 remainder 2",
        "17 / 5 = 3 R 2",
        "150 / 60 = 2 hours 30 minutes",
        "1 hour - 20 minutes = 40 minutes",
        "2 1/2 + 1 = 3 1/2",
        "17/3 = 5 and 2/3",
        "50/3 = 16.66...",
        "1+1=2 1+1=2",
        "25 / 1/3 = 75",
        "2:30 + 1 = 3:30",
        "16,0000/10 = 1600",
        "50 + 10% = 55",
        "4 students = 4 * 1.5",
        "(2, 3) + (1, 1) = (3, 4)",
        "3 (4 + 5) = 27",
        "1/3 = 0.\\overline{3}",
        "n = 5",
        "100 = 2",
        "5 million + 3 = 8",
        "3 + 4 <= 8",
        "3 + 4 != 8",
        "a => 3 + 4",
    ],
)
def test_what_is_no_arithmetic_is_left_alone(text: str) -> None:
    assert told(text) == []


def test_each_link_of_a_chain_is_a_step_of_its_own_and_they_do_not_overlap() -> None:
    assert told("So 2 + 3 = 5 * 1 + 1 = 6, done") == [("2 + 3 = 5 * 1 + 1", False), ("= 6", True)]


def test_an_annotation_is_one_equation_with_what_stands_around_it() -> None:
    text = "Natalia sold 48/2 = <<48/2=24>>24 clips in May."
    assert told(text) == [("48/2 = <<48/2=24>>24", True)]


@pytest.mark.parametrize("text", ["1+1=2; " * 50, "1+1=2\n" * 50, "1 + 1 = 2, 1+1=2, 1  +1 =2"])
def test_the_same_equation_again_earns_nothing(text: str) -> None:
    assert len(find_equations(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "2 = 2",
        "3 + 4 = 3 + 4",
        "5 * 1 = 5",
        "5 + 0 = 5",
        "0 * 7 = 0",
        "5 - 0 = 5",
        "5/1 = 5",
        "7 - 7 = 0",
        "7 / 7 = 1",
        "5 * 1 + 0 = 5",
        "5 + 1 - 1 = 5",
    ],
)
def test_an_equation_that_says_nothing_is_no_step(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize("text", ["10 - 5 = 5", "3 + 1 = 4", "1 + 1 = 2", "2 - 1 = 1", "0 - 5 = -5", "6 / 2 / 3 = 1"])
def test_a_small_step_is_a_step(text: str) -> None:
    assert [right for _, right in told(text)] == [True]


def test_places_are_code_points_of_the_original_text() -> None:
    text = "😀 é <think>那么 3 + 4 = 7。</think>"
    (equation,) = find_equations(text)
    assert text[equation.start : equation.end] == "3 + 4 = 7"


def test_a_bullet_is_no_sign_of_a_number_where_a_word_stands_before_it() -> None:
    assert told("total - 3 + 5 = 2") == []


@pytest.mark.parametrize(
    "text",
    ["- 4 + 5 = 9", "* 4 + 5 = 9", "+ 4 + 5 = 9", "– 4 + 5 = 9", "  - 3 * 4 = 12", "- 5 + 3 = -2", "- 10% * 50 = 5"],
)
def test_the_mark_of_a_list_is_no_sign_of_the_first_number(text: str) -> None:
    assert [right for _, right in told(text)] == [True]


@pytest.mark.parametrize("text", ["- 4 + 5 = 8", "-4 + 5 = 9", "* 4 + 5 = 8"])
def test_a_false_equation_of_a_list_is_wrong(text: str) -> None:
    assert [right for _, right in told(text)] == [False]


@pytest.mark.parametrize(
    "text",
    [
        "Is 5 + 3 = 9?",
        "5 + 3 = 9? No.",
        "5 + 3 = 9 is wrong",
        "5 + 3 = 9 (incorrect)",
        "5 + 3 = 9, which is not right",
        "5 + 3 = 9 isn't true",
        "$5 + 3 = 9$ is false",
    ],
)
def test_what_is_asked_or_called_wrong_is_not_claimed(text: str) -> None:
    assert told(text) == []
    assert [right for _, right in told(text + ". It is 5 + 3 = 8.")] == [True]
    assert [right for _, right in told(text + ". So 5 + 3 = 9.")] == [False]


@pytest.mark.parametrize("text", ["Day 3 - 4 + 5 = 9", "$12/hour * 50 minutes = $10", "0x10 + 1 = 17"])
def test_what_may_be_meant_otherwise_is_left_alone(text: str) -> None:
    assert told(text) == []


def test_the_solutions_of_gsm8k_are_read(shared: Path) -> None:
    """Of the 30 judged wrong among all 8,792 solutions, most are slips of the data."""
    covered = annotations = wrong = found = 0
    for line in (shared / "data/gsm8k/test.jsonl").read_text().splitlines():
        answer = json.loads(line)["answer"]
        equations = find_equations(answer)
        found += len(equations)
        wrong += sum(not one.right for one in equations)
        for mark in re.finditer(r"<<(.*?)>>", answer):
            annotations += 1
            covered += any(one.start <= mark.end() and one.end >= mark.start() for one in equations)
    assert covered / annotations > 0.96  # the others are like 5=5 and 2*1=2
    assert wrong / found < 0.001


HOSTILE = [
    "1", "+", "(", "=", "1+", "1=", "1+1=2 ", "<<", "<<1+1=2>>", "\\frac{", "\\frac{1}", "(=", ",111", "a-", "$", "1(",
    "1 apples = ", "**", "=\n", "1\u0301=", "1.=", "1%=", "-", "<", "\\", "{,}", "=1+(", "<think>", "\u200b", "é",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear_on_hostile_text(piece: str) -> None:
    def seconds(chars: int) -> float:
        text = "1=" + piece * (chars // len(piece)) + "="
        start = time.process_time()
        find_equations(text)
        return time.process_time() - start

    assert seconds(30_000) < 3


def test_quadratic_time_would_show_on_long_lines() -> None:
    for piece in ("=", "-", "(", "<<", "\\frac{"):
        start = time.process_time()
        find_equations(piece * (100_000 // len(piece)) + "=")
        assert time.process_time() - start < 8, piece
