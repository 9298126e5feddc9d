import time
from fractions import Fraction

import pytest

from reward_server.arithmetic.expression import MAX_CHARS, MAX_DEPTH, Evaluated, Unreadable, evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("8 / 4 / 2", 1),
        ("8 - 4 - 2", 2),
        ("1/3 + 1/6", Fraction(1, 2)),
        ("[2 × (3 − 1)] ÷ 4", 1),
        (r"\frac{1+2}{6} \cdot 4", 2),
        (r"\left( 3 \times 4 \right) \div 2", 6),
        ("-3 + 5", 2),
        ("2 * -3", -6),
        ("１２＋３", 15),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("$3 * 4$", 12),
    ],
)
def test_values_are_exact(text: str, value: Fraction) -> None:
    read = evaluate(text)
    assert isinstance(read, Evaluated)
    assert read.value == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2 ** 3", "is not among"),
        ("7 // 2", "is not among"),
        ("2 ^ 3", "is not among"),
        ("9**9**9**9", "is not among"),
        ("2(3)", "an operator is missing"),
        ("1 2", "an operator is missing"),
        ("x + 1", "no sign of arithmetic"),
        ("1e5", "no sign of arithmetic"),
        ("1_000 + 1", "no sign of arithmetic"),
        ("__import__('os')", "no sign of arithmetic"),
        ("1 / 0", "division by zero"),
        ("1 / (2 - 2)", "division by zero"),
        ("(1 + 2", "is not closed"),
        ("(1 + 2]", "is not closed"),
        ("1 + 2)", "is open"),
        ("1 +", "missing at the end"),
        ("* 2", "a number is missing"),
        ("1 + * 2", "a number is missing"),
        ("- - 2", "a number is missing"),
        ("", "no number"),
        ("()", "no number"),
        (r"\frac 1 2", "two groups"),
        ("1" * 31, "digits"),
        ("1+" * MAX_CHARS, "longer"),
        ("+".join("1" * 101), "numbers"),
        ("(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1), "deeper"),
    ],
)
def test_what_is_no_expression_is_named(text: str, why: str) -> None:
    read = evaluate(text)
    assert isinstance(read, Unreadable)
    assert why in read.why


def test_numbers_are_those_of_the_text() -> None:
    read = evaluate("(1.5 + 2) * 2")
    assert isinstance(read, Evaluated)
    assert read.numbers == (Fraction(3, 2), 2, 2)
    assert not read.whole


@pytest.mark.parametrize("piece", ["1", "(", "1+", "-", ")", " ", "9**", "\\frac{"])
def test_hostile_text_costs_nothing(piece: str) -> None:
    start = time.process_time()
    evaluate(piece * (1_000_000 // len(piece)))
    assert time.process_time() - start < 1
