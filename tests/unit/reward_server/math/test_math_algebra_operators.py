"""Sums, products, integrals, limits, derivatives; identities of integer variables."""

from time import process_time

import pytest

from reward_server.math import Decision, equivalent, judge, parse_gold
from reward_server.math.options import TooDear

EQUAL = [
    (r"\sum_{k=1}^{10} k", "55"),
    (r"\sum_{k=1}^{10} k^2", r"\sum^{10}_{j=1} j^2"),
    (r"\sum_{i=1}^{3} i^2", "14"),
    (r"\sum_{i=1}^3 \sum_{j=1}^3 ij", "36"),
    (r"2\sum_{k=1}^{3} k + 1", "13"),
    (r"\sum_{k=1}^{3} k^2+k", "20"),
    (r"\sum_{k=1}^{20} \frac{1}{k}", r"\sum_{m=0}^{19} \frac{1}{m+1}"),
    (r"\sum_{k=1}^{2023} k", r"\frac{2023\cdot2024}{2}"),
    (r"\sum_{k=1}^n k", r"\frac{n(n+1)}{2}"),
    (r"\sum_{k=0}^{n} x^k", r"\frac{x^{n+1}-1}{x-1}"),
    (r"\sum_{k=0}^{n} \binom{n}{k}", "2^n"),
    (r"\sum_{k=1}^{n} \frac{1}{k(k+1)}", r"\frac{n}{n+1}"),
    (r"\prod_{k=1}^{5} k", "120"),
    (r"\prod_{i=1}^{n} i", "n!"),
    (r"\sum_{k=1}^{\infty} \frac{1}{k^2}", r"\frac{\pi^2}{6}"),
    (r"\sum_{n=0}^{\infty} \frac{1}{2^n}", "2"),
    (r"\sum_{k=0}^\infty \frac{1}{k!}", "e"),
    (r"\sum_{k=0}^\infty x^k", r"\frac{1}{1-x}"),
    (r"\prod_{k=2}^\infty \left(1-\frac{1}{k^2}\right)", r"\frac12"),
    (r"\int_0^1 x^2\,dx", r"\frac13"),
    (r"\int_0^1 \frac{dx}{1+x^2}", r"\frac\pi4"),
    (r"\int_{0}^{\pi} \sin\theta \,\mathrm{d}\theta + 1", "3"),
    (r"\int_0^{\infty} e^{-x} dx", "1"),
    (r"\int_a^b x\,dx", r"\frac{b^2-a^2}{2}"),
    (r"\int_0^1 x^2 dx", r"\int_0^1 t^2 dt"),
    (r"\lim_{x \to 0} \frac{\sin x}{x}", "1"),
    (r"\lim_{n\to\infty} \left(1+\frac1n\right)^n", "e"),
    (r"\lim_{x\to0^-}\frac{|x|}{x}", "-1"),
    (r"\frac{d}{dx}\left(x^3+\sin x\right)", r"3x^2+\cos x"),
    (r"\sum_{cyc} a^2b", r"\sum_{cyc} a^2 b"),
]
DIFFERENT = [
    (r"\sum_{k=1}^{10} k^2", "384"),
    (r"\sum_{k=1}^n k", r"\frac{n(n-1)}{2}"),
    (r"\sum_{k=1}^{\infty} \frac{1}{k^2}", r"\frac{\pi^2}{7}"),
    (r"\int_0^1 x^2 dx", r"\frac14"),
    (r"\lim_{x\to0^+}\frac{|x|}{x}", "-1"),
    (r"\frac{d}{dx}\left(x^3\right)", "3x"),
    (r"\frac{dy}{dx}", r"\frac{y}{x}"),
    (r"\sum_{k=1}^n k + (n-1)(n-2)(n-3)(n-4)(n-5)(n-6)(n-7)(n-8)(n-9)", r"\frac{n(n+1)}{2}"),
]
NO_VALUE = [
    (r"\sum_{k=0}^\infty (-1)^k", r"\frac12"),
    (r"\sum_{k=1}^\infty k", r"-\frac{1}{12}"),
    (r"\sum_{k=1}^\infty \frac{1}{k}", "100"),
    (r"\sum_{k=1}^\infty \frac{1}{\sqrt{k}}", "-1.4603545"),
    (r"\int_{-1}^1 \frac{1}{x^2}dx", "-2"),
    (r"\int_{-1}^2\frac{1}{x}dx", r"\ln 2"),
    (r"\lim_{x\to0}\frac{|x|}{x}", "1"),
    (r"\lim_{n\to\infty} (-1)^n", "0"),
    (r"\sum_{k=1}^{10^9} k", "5"),
    (r"\sum_{cyc} ab", r"\sum_{cyc} bc"),
    (r"\frac{d}{dx} y", "0"),
]


@pytest.mark.parametrize(("answer", "gold"), EQUAL + [pair[::-1] for pair in EQUAL])
def test_operator_equals_its_value(answer: str, gold: str) -> None:
    assert equivalent(answer, gold).decision is Decision.EQUAL


@pytest.mark.parametrize(("answer", "gold"), DIFFERENT + [pair[::-1] for pair in DIFFERENT])
def test_operator_differs_from_other_values(answer: str, gold: str) -> None:
    assert equivalent(answer, gold).decision is Decision.DIFFERENT


@pytest.mark.parametrize(("answer", "gold"), NO_VALUE + [pair[::-1] for pair in NO_VALUE])
def test_what_diverges_or_is_too_long_is_undecided_in_bounded_time(answer: str, gold: str) -> None:
    start = process_time()
    assert equivalent(answer, gold).decision is Decision.UNDECIDED
    assert process_time() - start < 5


@pytest.mark.parametrize("answer", [r"\sum_{k=1}^{\infty} \frac{1}{k^2}", r"\int_0^1 x^2 dx", r"\sum_{k=1}^{4000} k"])
def test_dear_operators_are_left_to_a_worker(answer: str) -> None:
    with pytest.raises(TooDear):
        judge(f"\\boxed{{{answer}}}", parse_gold("3"), in_place=True)


def test_unread_sums_inside_sums_take_no_longer_than_their_length() -> None:
    start = process_time()
    equivalent("+".join([r"\sum_{k=1}^{n} k"] * 40), "5")
    assert process_time() - start < 2


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        (r"\cos(n\pi)", "(-1)^n"),
        (r"\frac{1-(-1)^n}{2}", r"\frac{1+(-1)^{n+1}}{2}"),
        ("(-1)^{n+1}", "(-1)^{n-1}"),
        (r"\frac{(n+1)!}{n!}", "n+1"),
        (r"\binom{n}{k}", r"\frac{n!}{k!(n-k)!}"),
        (r"e^{i\pi n}", "(-1)^n"),
        (r"\ln(ab)", r"\ln a+\ln b"),
    ],
)
def test_identity_of_integers_or_of_a_common_domain_holds(answer: str, gold: str) -> None:
    assert equivalent(answer, gold).decision is Decision.EQUAL
    assert equivalent(gold, answer).decision is Decision.EQUAL


@pytest.mark.parametrize(
    ("answer", "gold"),
    [(r"n+\sin(n\pi)", "n"), ("(-1)^{2n}", "2"), (r"\cos(n\pi)", "(-1)^{n+1}"), (r"\sqrt{x^2}", "x")],
)
def test_identity_that_needs_integers_is_not_assumed(answer: str, gold: str) -> None:
    assert equivalent(answer, gold).decision is not Decision.EQUAL
    assert equivalent(gold, answer).decision is not Decision.EQUAL
