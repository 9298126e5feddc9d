"""How much of a text only repeats what stands before it, however long the text is. Linear time.

The share of repeated n-grams grows with the length of any honest text, so n-grams are compared within blocks of a fixed
size: there prose, solutions and code repeat themselves about as much at 500 words as at 50,000. A loop repeats nearly
all of its block. What lies farther apart is found by longer n-grams over the whole, by equal lines, and by loops that
the text ends in.

Words are compared by their letters: case, single Latin letters and signs do not count. Numbers do; only where a phrase
comes back many times with hardly more than a counter in it ("Wait, case 1", "Wait, case 2") they do not. A search that
tries one sum after the other in the same words is no loop. Han characters, kana and letters of other scripts without
spaces are units of their own. Where a text has few words its characters are compared as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

# Measured on solutions, prose and code: of honest texts 99 in 100 lie below HONEST by each measure. From there on the
# value rises to 1 at LOOPING.
HONEST = 0.6
LOOPING = 0.9

BLOCKS = (1000, 250)  # units in which n-grams are compared; in small blocks a short loop stands out
COUNTED_TURNS = (10, 30)  # a counted phrase is an enumeration up to the first and a loop from the second on
COUNTERS = (1.5, 3.0)  # numbers in each turn: up to the first a counter, from the second on work is done with them
FORMULAS = (1.0, 1.25)  # numbers for each word: from the second on these are formulas in words
FAR = 4  # times the length of the n-grams: so long ones are hardly repeated by honest text at any distance
TOKENS_PER_WORD = 3
CHARACTERS_PER_WORD = 5 / 3  # of Chinese; Japanese and Thai take more
FEWEST_UNITS = 30  # fewer say nothing
FEWEST_SIGNS = 100
FEWEST_LINES = 5
SHORTEST_LINE = 4  # characters; shorter ones are brackets and the like
SIGNS_NGRAM = 32  # visible characters that honest text hardly repeats at any distance
SIGNS_PER_WORD = 10  # with more of them for each word, the words do not stand for the text
SHORTEST_TAIL = 4  # units from which on the end of a text is searched for earlier in it
LONG_LOOP_WORDS = 100  # a text that ends in such a loop was lost, whatever stands before it
LONG_LOOP_SIGNS = 400
TURNS_FORGIVEN = 4
MOST_CODES = 0x110000

_UNIT = re.compile(
    "\\\\[a-z]++|([\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u3040-\u30ff\uff66-\uff9f"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]|[\uac00-\ud7af]++|[^\\W\\d_]{2,}+|[0-9]++)"
)
_BLANKS = re.compile(rf"\s{{{LONG_LOOP_SIGNS},}}+")
# Invisible characters, and accents written by themselves: with them each turn of a loop could be made to look new.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\u0300-\u036f\ufe00-\ufe0f\ufeff]+")


@dataclass(frozen=True, slots=True)
class Repetition:
    """Each from 0 (as in honest text) to 1 (nothing but a loop); `tokens` is None where there are none."""

    ngrams: float
    loop: float
    lines: float
    tokens: float | None

    @property
    def worst(self) -> float:
        return max(self.ngrams, self.loop, self.lines, self.tokens or 0.0)


def repetition(text: str, ngram: int, token_ids: tuple[int, ...] | None = None) -> Repetition:
    """The measures of a text; `ngram` in words, for token ids and distant repeats a multiple of it."""
    units = list(units_of(text))
    words = [unit for unit in units if not unit.isdigit()]
    signs = "".join(text.split())
    loop = max(_final_loop(signs, FEWEST_SIGNS, LONG_LOOP_SIGNS), _blanks(text))
    if len(words) * SIGNS_PER_WORD < len(signs):
        ngrams = _ramp(_covered(signs, SIGNS_NGRAM)) if len(signs) >= FEWEST_SIGNS else 0.0
    else:
        codes = _encoded(units)
        ngram = _as_long_in_characters(units, ngram)
        ngrams = max(_in_blocks(codes, ngram), _counted(units, _encoded(words), ngram))
        loop = max(loop, _final_loop(codes, FEWEST_UNITS, LONG_LOOP_WORDS))
    return Repetition(
        ngrams=ngrams,
        loop=loop,
        lines=_ramp(_repeated_lines(text)),
        tokens=None if token_ids is None else _in_blocks(_encoded(token_ids), TOKENS_PER_WORD * ngram),
    )


def units_of(text: str) -> Iterator[str]:
    """The words as they are compared, and the numbers between them; commands of LaTeX are none."""
    folded = text.casefold()
    if not folded.isascii():
        folded = _UNSEEN.sub("", folded)
    return filter(None, _UNIT.findall(folded))


def _as_long_in_characters(units: list[str], ngram: int) -> int:
    """The length of n-grams where a part of the units, or all, are single characters, which are less than a word."""
    single = sum(len(unit) == 1 and not unit.isdigit() for unit in units)
    return round(ngram * (1 + (CHARACTERS_PER_WORD - 1) * single / max(1, len(units))))


def _encoded(units: Iterable[Hashable]) -> str:
    """A character for each unit, equal for equal ones, so that slices can be compared at once."""
    codes: dict[Hashable, str] = {}
    return "".join([codes.setdefault(unit, chr(len(codes) % MOST_CODES)) for unit in units])


def _in_blocks(units: str, ngram: int) -> float:
    """The share of the text that blocks take which are loops, and what is repeated at any distance if that is more."""
    if len(units) < FEWEST_UNITS:
        return 0.0
    worst = 0.0
    for size in BLOCKS:
        if worst < 1.0 and (size == BLOCKS[0] or len(units) >= 2 * size):
            blocks = _cut(units, size)
            worst = max(worst, sum(len(block) * _ramp(_covered(block, ngram)) for block in blocks) / len(units))
    if worst == 1.0 or len(units) < 2 * BLOCKS[0]:
        return worst
    return max(worst, _ramp(_covered(units, FAR * ngram)))


def _counted(units: list[str], words: str, ngram: int) -> float:
    """The same within blocks for a phrase that comes back with another number each time."""
    if len(words) < FEWEST_UNITS:
        return 0.0
    loops = [(block, _ramp(_covered(block, ngram))) for block in _cut(words, BLOCKS[0])]
    if not any(share for _, share in loops):
        return 0.0
    ends = [place for place, unit in enumerate(units) if not unit.isdigit()] + [len(units)]
    total, start = 0.0, 0
    for block, share in loops:
        end = start + len(block)
        if share:
            turns = Counter(_ngrams(block, ngram)).most_common(1)[0][1]
            numbers = ends[end] - ends[start] - len(block)
            # `dp[3] = dp[2] + dp[1] = 5` is three turns of a phrase of one word, and more numbers than words.
            work = max(_between(numbers / turns, *COUNTERS), _between(numbers / len(block), *FORMULAS))
            total += len(block) * share * _between(turns, *COUNTED_TURNS) * (1.0 - work)
        start = end
    return total / len(words)


def _cut(units: str, size: int) -> list[str]:
    count = max(1, round(len(units) / size))
    return [units[start:end] for start, end in pairwise(len(units) * i // count for i in range(count + 1))]


def _ngrams(units: str, ngram: int) -> list[str]:
    return [units[i : i + ngram] for i in range(len(units) - ngram + 1)]


def _covered(units: str, ngram: int) -> float:
    """The share of the units that stand in an n-gram which has been there before; 0 where it is surely below HONEST."""
    ngrams = _ngrams(units, ngram)
    repeats = len(ngrams) - len(set(ngrams))
    if repeats * ngram <= HONEST * len(units):
        return 0.0
    seen: set[str] = set()
    covered = end = 0
    for start, gram in enumerate(ngrams):
        if gram in seen:
            covered += start + ngram - max(start, end)
            end = start + ngram
        else:
            seen.add(gram)
    return covered / len(units)


def _final_loop(units: str, fewest: int, long: int) -> float:
    """How much of the text the loop takes that it ends in; a long one of many turns counts by its turns as well."""
    looped, period = _suffix_loop(units)
    if looped < fewest or looped < 2 * period:
        return 0.0
    turns = looped / period
    share = _ramp((looped - period) / len(units))
    return share if looped < long else max(share, 1.0 - TURNS_FORGIVEN / turns)


def _blanks(text: str) -> float:
    """The same for a text that loses itself in empty lines or spaces."""
    longest = max(map(len, _BLANKS.findall(text)), default=0)
    if len(text) - len(text.rstrip()) >= LONG_LOOP_SIGNS:
        return 1.0
    return _ramp(longest / len(text)) if longest else 0.0


def _suffix_loop(units: str) -> tuple[int, int]:
    """The length of the suffix that repeats itself, and its period.

    A suffix of length k + p has the period p where its last k units stand p earlier as well. The search asks for the
    least such p for growing k, each time with one search for a substring, which is linear.
    """
    turned = units[::-1]
    best = (0, 1)
    least = SHORTEST_TAIL
    while 2 * least <= len(turned):
        period = turned.find(turned[:least], 1)
        if period < 0:
            break
        same = _common_prefix(turned, period)
        if same > best[0] - best[1]:
            best = (same + period, period)
        least = max(same + 1, 2 * least)
    return best


def _common_prefix(text: str, shift: int) -> int:
    """For how many characters the text and the text from `shift` on are the same."""
    low, high = 0, len(text) - shift
    while low < high:
        middle = (low + high + 1) // 2
        if text[low:middle] == text[shift + low : shift + middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _repeated_lines(text: str) -> float:
    """The share of the characters that stand in lines which have been there before."""
    lines = [line for line in map(str.strip, text.splitlines()) if len(line) >= SHORTEST_LINE]
    first = sum(map(len, set(lines)))
    total = sum(map(len, lines))
    return (total - first) / total if len(lines) >= FEWEST_LINES else 0.0


def _ramp(share: float) -> float:
    return _between(share, HONEST, LOOPING)


def _between(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, rising evenly in between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))
