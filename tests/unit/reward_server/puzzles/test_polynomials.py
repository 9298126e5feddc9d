import time

import pytest

from reward_server.puzzles.polynomials import NoPolynomial, derivative, is_expanded, polynomial


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(x + 1)*(x - 1)", "x**2 - 1"),
        ("x^2/2 + 3", "1/2*x**2 + 3"),
        ("2x + 3y", "2*x + 3*y"),
        ("0.5*x", "x/2"),
        ("-(x - 1)", "1 - x"),
        ("x - x", "0"),
        ("x*y*x", "x**2*y"),
    ],
)
def test_equal_polynomials_are_equal(one: str, other: str) -> None:
    assert polynomial(one) == polynomial(other)


@pytest.mark.parametrize(
    "text",
    ["", "x**", "x**-1", "x**y", "x**9999", "1/x", "1/0", "sin(x)", "(x", "x)", "x +", "__import__('os')", "9**9**9",
     "(x+y+1)**90", "(" * 50 + "x" + ")" * 50, "99999999999**100**100", "x" * 3000],
)  # fmt: skip
def test_what_is_none_or_too_large_is_refused(text: str) -> None:
    start = time.process_time()
    with pytest.raises(NoPolynomial):
        polynomial(text)
    assert time.process_time() - start < 2


def test_derivatives() -> None:
    assert derivative(polynomial("3*x**2/2 + 5*x + C"), "x") == polynomial("3*x + 5")


@pytest.mark.parametrize(
    ("text", "expanded"),
    [("x**2 - 1", True), ("-x^2 + 2*x", True), ("(x+1)*(x-1)", False), ("x + x", False), ("0", True), ("x*x", True)],
)
def test_a_product_that_is_not_worked_out_is_told(text: str, expanded: bool) -> None:
    assert is_expanded(text, polynomial(text)) == expanded
