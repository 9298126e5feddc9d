"""Every equation of arithmetic in running text, with its place and whether it is true.

Read: chains (`a = b = c`), units behind numbers, money, percent, thousands commas, LaTeX fractions and signs, the
`<<48/2=24>>` annotations of GSM8K. Left alone, neither right nor wrong: whatever holds a variable, a power, a root, a
word that calculates (`half of`, `remainder`), or converts between measures. One pass, linear time on any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from reward_server.arithmetic.expression import FRACTION
from reward_server.arithmetic.links import Side, judged
from reward_server.arithmetic.tokens import Kind, Token, tokens
from reward_server.arithmetic.words import word_set

MAX_EQUATIONS = 1000
MAX_UNIT_WORDS = 4
MAX_SIDES = 50

_ANNOTATION = re.compile(r"<<([^<>\n]{0,200})>>")
_HAS_EQUATION = re.compile(r"[=≈≅≃]|\\approx")
# Before or behind a number they make another number of it, which is not read here.
_CALCULATING = word_set(
    "of times plus minus over by to than half twice thrice double triple quarter third squared cubed square cube root"
    " remainder r mod modulo hundred thousand million billion trillion dozen dozens score k percent sin cos tan log ln"
    " sqrt max min gcd lcm lg exp factorial sum difference product quotient ratio from between"
)
# Behind a number they begin another clause.
_CLAUSES = word_set("and so but then which while because since if when where or is are was were equals means therefore")
# Behind an equation: it is asked, or called wrong, and not claimed.
_NOT_CLAIMED = re.compile(
    r"[\s*$)\]}]{0,6}(?:[?？]|[(,:–—-]?\s{0,2}(?:(?:which|that|this)\s{1,2})?(?:(?:is|was|are|were|would\sbe)\s{1,2})?"
    r"(?:(?:wrong|incorrect|false|untrue)(?![A-Za-z])|(?:(?:is|was|are|were)n['’]t|not)\s{1,2}(?:correct|right|true|valid)(?![A-Za-z])))",
    re.IGNORECASE,
)
_ATTACHED_UNITS = word_set(
    "kg mg cm mm km mi ml lb lbs oz ft mph kph hr hrs min mins sec secs am pm st nd rd th gb mb kb kwh kw usd"
)


@dataclass(frozen=True, slots=True)
class Equation:
    """`text[start:end]` says it. A later link of a chain starts at its equals sign."""

    start: int
    end: int
    key: str
    right: bool


def find_equations(text: str, start: int = 0, stop: int | None = None) -> list[Equation]:
    """The different equations of `text[start:stop]`, in order; at most MAX_EQUATIONS.

    What is said again does not count again, and neither does what says nothing: `2 = 2`, `5 * 1 = 5`.
    """
    found: dict[str, Equation] = {}
    for equation in _in_order(text, start, len(text) if stop is None else stop):
        found.setdefault(equation.key, equation)
        if len(found) == MAX_EQUATIONS:
            break
    return sorted(found.values(), key=lambda equation: equation.start)


def _in_order(text: str, start: int, stop: int) -> Iterator[Equation]:
    """The equations line by line. An annotation inside an equation is one with it: right where both are."""
    known: set[str] = set()  # what is said again is not worked out again
    noted: set[str] = set()  # the same for annotations, which repeat what stands around them
    for begin, end in _lines(text, start, stop):
        if _HAS_EQUATION.search(text, begin, end) is None:
            continue
        line = text[begin:end]
        inner = [one for mark in _ANNOTATION.finditer(line) for one in _read(line, mark.start(1), mark.end(1), noted)]
        if inner:
            line = _ANNOTATION.sub(lambda mark: " " * len(mark[0]), line)
        for equation in _merged(list(_read(line, 0, len(line), known)), inner):
            yield replace(equation, start=equation.start + begin, end=equation.end + begin)


def _lines(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        end = text.find("\n", start, stop)
        end = stop if end < 0 else end
        yield start, end
        start = end + 1


def _merged(outer: list[Equation], inner: list[Equation]) -> Iterable[Equation]:
    kept: list[Equation] = []
    rest = iter(inner)
    annotation = next(rest, None)
    for equation in outer:
        right = equation.right
        while annotation is not None and annotation.end <= equation.end:
            if annotation.start < equation.start:
                kept.append(annotation)
            else:
                right = right and annotation.right
            annotation = next(rest, None)
        kept.append(replace(equation, right=right))
    if annotation is not None:
        kept.extend((annotation, *rest))
    return kept


def _read(text: str, start: int, stop: int, known: set[str]) -> Iterator[Equation]:
    reader = _Reader(text, known)
    upcoming = tokens(text, start, stop)
    token = next(upcoming, None)
    while token is not None:
        following = next(upcoming, None)
        reader.take(token, following)
        yield from reader.finished()
        token = following
    reader.close()
    yield from reader.finished()


class _Reader:
    """Collects the sides of one chain until something ends it; then its links are judged."""

    def __init__(self, text: str, known: set[str]) -> None:
        self._text = text
        self._known = known
        self._done: list[Equation] = []
        self._skip = False  # the next token was taken together with this one
        self._begun = False  # something of the line was taken
        self._reset()

    def _reset(self, *, after_word: bool = False, poisoned: bool = False) -> None:
        self._sides: list[Side] = []
        self._signs: list[tuple[int, bool]] = []  # where each equals sign stands, and whether it is `≈`
        self._after_word = after_word  # what a sign at the start would join the number to
        self._poisoned = poisoned  # until the next break nothing is read
        self._new_side()

    def _new_side(self) -> None:
        self._side = Side()
        self._opened: list[int] = []  # places in the terms of the brackets that are open
        self._operand = False  # the last term is a number or a closed bracket
        self._times = False  # the last term is a letter x read as a sign
        self._units = 0
        self._last_end = -1

    def finished(self) -> list[Equation]:
        done, self._done = self._done, []
        return done

    def close(self, *, after_word: bool = False, poisoned: bool = False) -> None:
        """End the chain and start another."""
        if self._signs:
            self._end_side()
            self._sides.append(self._side)
            self._judge()
        self._reset(after_word=after_word, poisoned=poisoned)

    def take(self, token: Token, following: Token | None) -> None:
        begun, self._begun = self._begun, True
        if self._skip:
            self._skip = False
            return
        if token.kind is Kind.BREAK:
            self._side.goes_on = _ellipsis(token, following)
            if token.text == "." and _stands_at(following, Kind.UNKNOWN, token.end):
                self._side.bad = True  # 0.\overline{3}
            self.close()
        elif not begun and self._is_list_mark(token):
            self._side.listed = token.text == "-"
        elif not self._poisoned:
            self._take(token, following)
            if self._side.endless:
                self.close(poisoned=True)
        self._last_end = token.end

    def _is_list_mark(self, token: Token) -> bool:
        behind = self._text[token.end : token.end + 1]
        return token.kind is Kind.OPERATOR and token.text != "/" and behind.isspace()

    def _take(self, token: Token, following: Token | None) -> None:
        match token.kind:
            case Kind.NUMBER:
                self._number(token)
            case Kind.PERCENT:
                self._percent(token)
            case Kind.OPERATOR:
                self._operator(token, following)
            case Kind.FRACTION:
                self._open_operand(token, FRACTION)
            case Kind.EQUALS | Kind.ROUGHLY:
                self._equals(token)
            case Kind.OPEN:
                self._open(token, following)
            case Kind.CLOSE:
                self._close_bracket(token)
            case Kind.WORD:
                self._word(token, following)
            case _:
                self._unknown(token, following)

    def _number(self, token: Token) -> None:
        if self._operand:
            self._second_operand(token)
            return
        if self._last_end == token.start and self._after_word and not self._side.terms:
            self._side.bad = True  # a name such as x2
        named = self._after_word and not self._sides and not self._side.terms
        self._side.add_number(token.text, token.start, token.end)
        self._side.named = named or self._side.named
        self._operand, self._times, self._units = True, False, 0

    def _second_operand(self, token: Token) -> None:
        """A number straight behind another: `2 1/2`, `2 hours 30 minutes`; or behind words, a new start."""
        if self._units and not self._side.measures:
            self.close(after_word=True)
            self._number(token)
            return
        self._side.bad = True
        self.close(poisoned=True)

    def _percent(self, token: Token) -> None:
        if self._operand and self._side.terms and not isinstance(self._side.terms[-1], str):
            self._side.percents.append(len(self._side.terms) - 1)
            self._side.end = token.end
        else:
            self._side.bad = True

    def _operator(self, token: Token, following: Token | None) -> None:
        if token.text == "/" and self._operand and following is not None and following.kind is Kind.WORD:
            self._skip = self._side.words = len(following.text) > 1  # miles/hour
            self._side.add_measures(following.text)
            self._side.bad = self._side.bad or not self._skip
            return
        if not self._operand:
            if self._times or (self._side.terms and self._side.terms[-1] in ("+", "-", "*", "/")):
                self._side.bad = self._side.bad or token.text != "-" or self._times
            elif not self._side.terms and (token.text != "-" or (self._after_word and not self._sides)):
                self._side.bad = True  # it joins the number to something that was not read
        self._side.add(token.text, token.start, token.end)
        self._operand, self._times, self._units = False, False, 0

    def _equals(self, token: Token) -> None:
        self._end_side()
        self._sides.append(self._side)
        self._signs.append((token.start, token.kind is Kind.ROUGHLY))
        if len(self._sides) == MAX_SIDES:
            self.close(poisoned=True)
        else:
            self._new_side()

    def _open(self, token: Token, following: Token | None) -> None:
        if self._operand and (self._last_end != token.start or self._units):
            starts_number = following is not None and following.kind in (Kind.NUMBER, Kind.OPEN, Kind.FRACTION)
            self._side.bad = self._side.bad or (starts_number and not self._units)
            self.close(poisoned=True)
            return
        if self._operand:
            self._implied_times(token)
        self._open_operand(token, token.text)

    def _implied_times(self, token: Token) -> None:
        """`2(3)`. Behind a division it would be read in two ways: `6/2(3)`."""
        self._side.bad = self._side.bad or "/" in self._side.terms
        self._side.add("*", token.start, token.start)

    def _open_operand(self, token: Token, term: str) -> None:
        if self._operand and term == FRACTION:
            self._side.bad = True  # a mixed number, or a product
        if term != FRACTION:
            self._opened.append(len(self._side.terms))
        self._side.add(term, token.start, token.end)
        self._operand, self._times, self._units = False, False, 0

    def _close_bracket(self, token: Token) -> None:
        if not self._opened:
            self.close(after_word=True)
            return
        self._opened.pop()
        self._side.add(token.text, token.start, token.end)
        last_of_numerator = token.text == "}" and self._numerator()
        self._operand, self._units = not last_of_numerator, 0

    def _numerator(self) -> bool:
        """Whether the group just closed is the first of a \\frac, so that the second is still to come."""
        depth = 0
        for place in range(len(self._side.terms) - 1, -1, -1):
            depth += {"}": 1, "{": -1}.get(str(self._side.terms[place]), 0)
            if depth == 0:
                return place > 0 and self._side.terms[place - 1] == FRACTION
        return False

    def _word(self, token: Token, following: Token | None) -> None:
        word = token.text.lower()
        if _is_function(token, following, self._operand):
            self._side.bad = True
            self.close(poisoned=True)
        elif self._operand:
            self._word_behind(token, word, following)
        elif self._signs or any(term not in ("(", "[", "{") for term in self._side.terms):
            self._side.bad = True
        else:
            self._reset(after_word=True, poisoned=word in _CALCULATING)

    def _word_behind(self, token: Token, word: str, following: Token | None) -> None:
        if word in ("x", "х") and following is not None and following.kind in (Kind.NUMBER, Kind.OPEN):
            hexadecimal = self._side.terms[-1] == 0 and self._last_end == token.start and token.end == following.start
            self._side.bad = self._side.bad or hexadecimal
            self._side.add("*", token.start, token.end)
            self._operand, self._times = False, True
        elif word == "of" and self._side.percents and self._side.percents[-1] == len(self._side.terms) - 1:
            self._side.add("*", token.start, token.end)
            self._operand = False
        elif word in _CLAUSES:
            self._clause(word, following)
        elif (
            word in _CALCULATING
            or len(word) == 1
            or self._in_formula(token)
            or (self._attached(token) and word not in _ATTACHED_UNITS)
        ):
            self._side.bad = True
        else:
            self._unit(word)

    def _clause(self, word: str, following: Token | None) -> None:
        """`5 + 3 = 8 and …` goes on elsewhere; `12 x 1 and 1/4` and `2 hours and 30 minutes` are numbers in words."""
        joins = word == "and" and following is not None and following.kind in (Kind.NUMBER, Kind.OPEN)
        self._side.goes_on = joins
        self._side.bad = self._side.bad or (joins and bool(self._side.measures))
        self.close(after_word=True, poisoned=joins and not self._signs)

    def _attached(self, token: Token) -> bool:
        """Whether a word stands straight behind its number: 7x, 10am."""
        return self._last_end == token.start and self._text[token.start] != "\\"

    def _in_formula(self, token: Token) -> bool:
        """Whether a word stands in or behind braces, where it is a product of variables; \\text{…} is none."""
        braces = self._side.terms[-1] == "}" or (self._opened and self._side.terms[self._opened[-1]] == "{")
        return bool(braces) and self._text[token.start] != "\\"

    def _unit(self, word: str) -> None:
        self._units += 1
        self._side.words = True
        self._side.add_measures(word)
        if self._units > MAX_UNIT_WORDS:
            self.close(after_word=True)

    def _unknown(self, token: Token, following: Token | None) -> None:
        if token.text == "!" and (following is None or following.kind in (Kind.WORD, Kind.BREAK)):
            self.close()
            return
        self._side.bad = True
        if not self._signs and not self._side.terms:
            self._reset(after_word=True, poisoned=token.text in "^_√|∛∑∫∏" or token.text.startswith("\\"))
        elif token.kind is Kind.CLOCK or token.text.startswith("\\"):
            self.close(poisoned=True)

    def _end_side(self) -> None:
        """Drop what an open bracket before the equation and a star behind it leave over."""
        if self._opened:
            del self._side.terms[: self._opened[-1] + 1]
            self._side.percents = [place - self._opened[-1] - 1 for place in self._side.percents]
            self._side.bad = self._side.bad or any(place < 0 for place in self._side.percents)
        if self._side.terms and self._side.terms[-1] == "*" and not self._times:
            self._side.terms.pop()

    def _judge(self) -> None:
        if any(_NOT_CLAIMED.match(self._text, end) for end in {self._sides[-1].end, self._last_end} if end >= 0):
            return
        for index, (left, right) in enumerate(pairwise(self._sides)):
            sign, roughly = self._signs[index]
            said = f"{left.key()} = {right.key()}"
            if said in self._known:
                continue
            self._known.add(said)
            link = judged(left, right, roughly=roughly)
            if link is not None and not link.trivial and link.right is not None:
                first = index == 0
                self._done.append(Equation(left.start if first else sign, right.end, link.key, link.right))


def _is_function(token: Token, following: Token | None, operand: bool) -> bool:
    if following is None or following.kind is not Kind.OPEN:
        return False
    return following.start == token.end or (len(token.text) == 1 and not operand)


def _stands_at(token: Token | None, kind: Kind, place: int) -> bool:
    return token is not None and token.kind is kind and token.start == place


def _ellipsis(token: Token, following: Token | None) -> bool:
    return token.text == "…" or (token.text == "." and following is not None and following.text == ".")
