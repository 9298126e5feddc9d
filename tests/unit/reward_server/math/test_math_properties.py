"""Laws that hold for every answer, on generated ones."""

import pickle
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from reward_server.math import Decision, GoldInvalid, judge, parse_gold

integers = st.integers(-(10**30), 10**30).map(str)
fractions = st.fractions(max_denominator=10**6).map(lambda value: f"\\frac{{{value.numerator}}}{{{value.denominator}}}")
decimals = st.decimals(-(10**9), 10**9, places=4).map(str)
letters = st.sampled_from(["x", "y", "n", "\\pi", "\\sqrt{2}", "\\alpha"])
leaves = st.one_of(integers, fractions, decimals, letters)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda pair: f"{pair[0]} + \\left({pair[1]}\\right)"),
        pairs.map(lambda pair: f"\\left({pair[0]}\\right) \\cdot \\left({pair[1]}\\right)"),
        inner.map(lambda part: f"\\sqrt{{{part}}}"),
        inner.map(lambda part: f"\\left({part}\\right)^{{3}}"),
    )


expressions = st.recursive(leaves, grown, max_leaves=6)
answers = st.one_of(
    expressions,
    st.tuples(expressions, expressions).map(lambda pair: f"({pair[0]}, {pair[1]})"),
    st.lists(expressions, min_size=1, max_size=4).map(lambda items: "\\{" + ", ".join(items) + "\\}"),
    expressions.map(lambda part: f"x = {part}"),
)


@given(answers)
@settings(max_examples=200, deadline=None)
def test_gold_accepts_itself(answer: str) -> None:
    assert judge(f"\\boxed{{{answer}}}", parse_gold(answer)).decision is Decision.EQUAL


@given(answers)
@settings(max_examples=100, deadline=None)
def test_spacing_does_not_matter(answer: str) -> None:
    spaced = answer.replace("+", "\\, + \\; ").replace(",", ", ").replace("}", "} ")
    if "," not in answer:
        spaced = f"  {spaced}  "
    assert judge(f"\\boxed{{{spaced}}}", parse_gold(answer)).decision is Decision.EQUAL


@given(expressions)
@settings(max_examples=150, deadline=None)
def test_one_more_is_never_equal(answer: str) -> None:
    assert judge(f"\\boxed{{{answer} + 1}}", parse_gold(answer)).decision is not Decision.EQUAL


@given(st.fractions(), st.fractions())
@settings(max_examples=150, deadline=None)
def test_fractions_are_compared_exactly(left: Fraction, right: Fraction) -> None:
    decision = judge(f"\\boxed{{{left}}}", parse_gold(str(right))).decision
    assert (decision is Decision.EQUAL) == (left == right)


@given(expressions, expressions)
@settings(max_examples=100, deadline=None)
def test_order_of_the_terms_does_not_matter(left: str, right: str) -> None:
    gold = parse_gold(f"({left}) + ({right})")
    assert judge(f"\\boxed{{({right}) + ({left})}}", gold).decision is Decision.EQUAL


noise = st.text(st.sampled_from("\\{}[]()$^_%!|,.;:=<>+-*/0123456789abeix \n\0½²°答是"), max_size=60)


@given(noise, noise)
@settings(max_examples=400, deadline=None)
def test_any_text_gets_a_verdict_or_an_invalid_gold(completion: str, gold: str) -> None:
    try:
        parsed = parse_gold(gold)
    except GoldInvalid:
        return
    judge(completion, parsed)
    judge(f"\\boxed{{{completion}}}", parsed)


def test_gold_and_verdict_cross_a_process_border() -> None:
    gold = parse_gold(["\\frac{1}{2}", "x = 3"])
    assert pickle.loads(pickle.dumps(gold)) == gold
    verdict = judge("\\boxed{0.5}", gold)
    assert pickle.loads(pickle.dumps(verdict)) == verdict
