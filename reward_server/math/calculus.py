"""Values of sums, products, integrals, limits and derivatives, and when expressions that hold them are equal.

Finite sums and products between literal ends are carried out exactly. With a variable as an end they are evaluated at
positive integers. Infinite ones, integrals and limits are approximations: each is computed with two precisions, and
where the two disagree, as for what diverges, there is no value and so no decision. Agreement is that of ten digits,
difference one in the first five; in between nothing is decided.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache

from mpmath.libmp import NoConvergence

from reward_server.math.exact import NotExact, Undefined, fraction_of
from reward_server.math.integers import as_integers, integer_names
from reward_server.math.nodes import (
    Binder,
    Call,
    Constant,
    Node,
    Number,
    Product,
    Sum,
    Symbol,
    children,
    substituted,
    symbols,
    with_children,
)
from reward_server.math.numeric import POINTS, Evaluator, TooLarge, Unsupported, Value, per_thread
from reward_server.math.options import EFFORT, FULL_TOTAL, Options, TooDear

MAX_EXACT = 2_000  # parts of the terms of a sum that is carried out in place
MAX_EXACT_DEAR = 100_000
MAX_EFFORT = 30_000
MAX_CALLS = 2_500  # evaluations of bodies for one value
MAX_TERMS = 2_000  # of one sum whose ends are not literal
STEPS_PER_DIGIT = 5  # of an extrapolation: more for the second precision, so that what does not settle differs
MAX_SPENT = 4_000  # evaluations of bodies for approximations, before further points are given up

_FAR, _NEAR = "31415926.53589793", "2.718281828e-7"  # places where a limit is looked at once more
_APPROXIMATE_DIGITS = (15, 25)
_EXACT_DIGITS = 40
_TERMS_SEEN = 16  # of a sum up to a variable, on average
_CALLS = {"int": 300, "lim": 150, "lim+": 150, "lim-": 150, "diff": 10}  # evaluations of the body, roughly
_INFINITE_CALLS = 500
_FAILURES = (NotExact, Undefined, TooLarge, Unsupported, ZeroDivisionError, OverflowError, ValueError, NoConvergence)

Decide = Callable[[Node, Node, Options], bool | None]


def holds_operator(node: Node) -> bool:
    """Whether an operator with a bound variable stands anywhere in an expression."""
    return isinstance(node, Binder) or any(holds_operator(child) for child in children(node))


def same_with_operators(left: Node, right: Node, options: Options, decide: Decide) -> bool | None:
    """Whether two expressions with such operators are equal; TooDear where a worker could find out."""
    limit = MAX_EXACT if options.in_place else MAX_EXACT_DEAR
    carried = carried_out(left, limit), carried_out(right, limit)
    if carried[0] == carried[1]:
        return True
    if not any(holds_operator(side) for side in carried):
        return decide(*carried, options)
    effort = sum(_effort(side) for side in carried)
    EFFORT.spent += effort
    if options.in_place and effort > options.effort:
        raise TooDear
    return None if effort > MAX_EFFORT or EFFORT.spent > FULL_TOTAL else _same_at_points(*carried)


def carried_out(node: Node, limit: int) -> Node:
    """The expression with its finite sums and products between literal ends carried out, as far as the limit allows."""
    parts = children(node)
    if not parts:
        return node
    node = with_children(node, tuple(carried_out(part, limit) for part in parts))
    if not isinstance(node, Binder) or node.operator not in {"sum", "prod"}:
        return node
    ends = _literal_ends(node)
    if ends is None or (ends[1] - ends[0] + 1) * _size(node.body) > limit:
        return node
    terms = tuple(substituted(node.body, node.name, Number(Fraction(value))) for value in range(ends[0], ends[1] + 1))
    whole = Sum(terms) if node.operator == "sum" else Product(terms)
    try:
        return Number(fraction_of(whole))
    except (NotExact, Undefined):
        return whole


def _literal_ends(node: Binder) -> tuple[int, int] | None:
    try:
        low, high = (fraction_of(limit) for limit in node.limits)
    except (NotExact, Undefined, ValueError):
        return None
    if low.denominator != 1 or high.denominator != 1 or high < low - 1:
        return None
    return int(low), int(high)


def _size(node: Node) -> int:
    return 1 + sum(_size(child) for child in children(node))


def _effort(node: Node) -> int:
    """What one evaluation costs, in arithmetic operations."""
    below = sum(_effort(child) for child in children(node))
    if isinstance(node, Call):
        return below + 10
    return 1 + below * _calls(node) if isinstance(node, Binder) else 1 + below


def _calls(node: Binder) -> int:
    if node.operator in _CALLS:
        return _CALLS[node.operator]
    if any(not _is_finite(limit) for limit in node.limits):
        return _INFINITE_CALLS
    ends = _literal_ends(node)
    if ends is not None:
        return min(ends[1] - ends[0] + 1, MAX_EFFORT)
    return _TERMS_SEEN if all(_size(limit) <= 4 for limit in node.limits) else 20 * _TERMS_SEEN


def _is_finite(node: Node) -> bool:
    return node != Constant("inf") and all(_is_finite(child) for child in children(node))


def _is_approximate(node: Node) -> bool:
    own = isinstance(node, Binder) and (
        node.operator[:3] in {"int", "lim"} or any(not _is_finite(limit) for limit in node.limits)
    )
    return own or any(_is_approximate(child) for child in children(node))


def _same_at_points(left: Node, right: Node) -> bool | None:
    """Agreement at all points that have values, of which there have to be enough."""
    names = integer_names(left) | integer_names(right)
    free = set(symbols(left)) | set(symbols(right))
    left, right = as_integers(left, names), as_integers(right, names)
    approximate = _is_approximate(left) or _is_approximate(right)
    agree, needed = (_roughly, 2) if approximate else (_exactly, POINTS)
    agreed, start = 0, _spent()
    for point in range(POINTS if free else 1):
        decision = agree(left, right, point)
        if decision is False:
            return False
        agreed += decision is True
        if agreed == needed or _spent() - start > MAX_SPENT:
            break
    return True if agreed >= min(needed, 3 if free else 1) else None


def _spent() -> int:
    """The evaluations of bodies so far."""
    return sum(operator_evaluator(digits).spent for digits in _APPROXIMATE_DIGITS)


def _exactly(left: Node, right: Node, point: int) -> bool | None:
    pairs = list(_pairs(left, right, point, (_EXACT_DIGITS, 2 * _EXACT_DIGITS)))
    if len(pairs) < 2:
        return None
    return _verdict(pairs[1], Fraction(1, 10**35), Fraction(1, 10**30))


def _roughly(left: Node, right: Node, point: int) -> bool | None:
    """Agreement of approximations that do not change with the precision."""
    pairs = list(_pairs(left, right, point, _APPROXIMATE_DIGITS))
    steady = Fraction(1, 10**10)
    if len(pairs) < 2 or not all(_verdict(sides, steady, steady) for sides in zip(*pairs, strict=True)):
        return None
    return _verdict(pairs[1], steady, Fraction(1, 10**5))


def _verdict(pair: tuple[Value, Value], near: Fraction, far: Fraction) -> bool | None:
    """Whether two values are within `near` of each other, or beyond `far`, relative to their size."""
    size, distance = max(abs(pair[0]), abs(pair[1])), abs(pair[0] - pair[1])
    if distance == 0 or distance * near.denominator <= size:
        return True
    if distance <= 10**-9 or distance * far.denominator <= size:  # noise around zero has no leading digits
        return None
    return False


def _pairs(left: Node, right: Node, point: int, precisions: tuple[int, ...]) -> Iterator[tuple[Value, Value]]:
    for digits in precisions:
        pair = _value(left, point, digits), _value(right, point, digits)
        if None in pair:
            return
        yield pair


@lru_cache(maxsize=256)
def _value(node: Node, point: int, digits: int) -> Value | None:
    """The value of an expression at a point; None where it has none, or none that can be found."""
    try:
        return operator_evaluator(digits).fresh(node, point)
    except _FAILURES:
        return None


class OperatorEvaluator(Evaluator):
    """Values of expressions in which operators with bound variables may stand."""

    max_gamma = 5_000

    def __init__(self, digits: int) -> None:
        super().__init__(digits)
        self.calls = self.spent = 0
        self.bound: dict[str, Value] = {}
        self.precision = self.context.prec
        self.steps = STEPS_PER_DIGIT * self.context.dps

    def fresh(self, node: Node, point: int) -> Value:
        """The value, computed at the full precision, whatever a failed computation left behind."""
        self.bound.clear()
        self.calls = 0
        self.context.prec = self.precision
        return self._finite(self.value(node, point))

    def value(self, node: Node, point: int = 0) -> Value:
        if isinstance(node, Symbol) and node.name in self.bound:
            return self.bound[node.name]
        if isinstance(node, Binder):
            rule = _RULES.get(node.operator)
            if rule is None or not node.limits:
                raise Unsupported
            return rule(self, node, lambda value: self._body(node, value, point), point)
        return super().value(node, point)

    def _body(self, node: Binder, value: Value, point: int) -> Value:
        self.calls += 1
        self.spent += 1
        if self.calls > MAX_CALLS:
            raise TooLarge
        self.bound[node.name] = value
        try:
            return self.value(node.body, point)
        finally:
            self.bound.pop(node.name, None)

    def _power(self, base: Value, power: Value, exponent: Node) -> Value:
        """A power; one that is too small for the limits is nothing, as at the far ends of an integral."""
        try:
            return super()._power(base, power, exponent)
        except TooLarge:
            if self.context.im(base) == 0 and base > 0 and self.context.re(power) * self.context.log(base) < 0:
                return self.context.zero
            raise

    def end(self, node: Node, point: int) -> Value:
        """An end of a range, which may be infinite."""
        if node == Constant("inf"):
            return self.context.inf
        if not _is_finite(node):
            return self.context.ninf
        return self.value(node, point)


operator_evaluator = per_thread(OperatorEvaluator)


_Body = Callable[[Value], Value]


def _sum(judge: OperatorEvaluator, node: Binder, body: _Body, point: int) -> Value:
    low, high = (judge.end(limit, point) for limit in node.limits)
    if not judge.context.isinf(high):
        return judge.context.fsum(body(value) for value in _range(judge, low, high))
    _check_terms(judge, low, body, 0)
    return judge.context.nsum(body, [low, high], method="r+s", maxterms=judge.steps, strict=True)


def _product(judge: OperatorEvaluator, node: Binder, body: _Body, point: int) -> Value:
    low, high = (judge.end(limit, point) for limit in node.limits)
    if not judge.context.isinf(high):
        return judge.context.fprod(body(value) for value in _range(judge, low, high))
    _check_terms(judge, low, body, 1)
    return judge.context.nprod(body, [low, high], method="r+s", maxterms=judge.steps, strict=True)


def _range(judge: OperatorEvaluator, low: Value, high: Value) -> Iterator[Value]:
    """The integers between two ends; an empty range starts right behind its end."""
    if any(judge.context.im(end) != 0 or end != int(judge.context.re(end)) for end in (low, high)):
        raise Unsupported
    if not -1 <= high - low <= MAX_TERMS:
        raise TooLarge
    return (judge.context.mpf(value) for value in range(int(low), int(high) + 1))


def _check_terms(judge: OperatorEvaluator, low: Value, body: _Body, limit: int) -> None:
    """Refuses a series whose terms do not shrink: methods of extrapolation would give it a value."""
    near, far = (abs(body(low + step) - limit) + abs(body(low + step + 1) - limit) for step in (50, 200))
    if far > 1e-8 and far * 1.5 > near:
        raise Unsupported


def _integral(judge: OperatorEvaluator, node: Binder, body: _Body, point: int) -> Value:
    low, high = (judge.end(limit, point) for limit in node.limits)
    if judge.context.isinf(high) and abs(body(judge.context.mpf(10) ** 4)) * 2 > abs(body(judge.context.mpf(10) ** 2)):
        raise Unsupported  # what does not fade has no integral, or none that is found
    value, error = judge.context.quad(body, [low, high], error=True)
    if error > abs(value) * 1e-8 + 1e-12:
        raise Unsupported
    return value


def _limit(judge: OperatorEvaluator, node: Binder, body: _Body, point: int) -> Value:
    context, target = judge.context, judge.end(node.limits[0], point)
    if context.isinf(target):
        value = context.limit(body, target, maxterms=judge.steps, strict=True)
        _check_near(judge, body, value, judge.context.mpf(_FAR) * (1 if target > 0 else -1))
        return value
    sides = {"lim+": (1,), "lim-": (-1,)}.get(node.operator, (1, -1))
    values = [context.limit(body, target, direction=side, maxterms=judge.steps, strict=True) for side in sides]
    for value, side in zip(values, sides, strict=True):
        _check_near(judge, body, value, target + side * context.mpf(_NEAR))
    if len(values) == 2 and abs(values[0] - values[1]) > 1e-10 * (1 + abs(values[0])):
        raise Undefined
    return values[0]


def _check_near(judge: OperatorEvaluator, body: _Body, value: Value, place: Value) -> None:
    """Refuses a limit that the values near it do not have: extrapolation looks at regular places only."""
    if abs(body(place) - value) > (1 + abs(value)) * judge.context.mpf(10) ** -3:
        raise Unsupported


def _derivative(judge: OperatorEvaluator, node: Binder, body: _Body, point: int) -> Value:
    return judge.context.diff(body, judge.value(node.limits[0], point))


_RULES: dict[str, Callable[[OperatorEvaluator, Binder, _Body, int], Value]] = {
    "sum": _sum,
    "prod": _product,
    "int": _integral,
    "lim": _limit,
    "lim+": _limit,
    "lim-": _limit,
    "diff": _derivative,
}
