"""The verdict on a completion, and the reading of a ground truth.

Everything here is pure. The caller gives it a worker process with a deadline: the limits inside keep the usual cost to
milliseconds, but no engine can promise that for every text.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reward_server.math.boxes import boxes_in, final_boxes
from reward_server.math.compare import Answer, Decision, choice_letter, compare, read
from reward_server.math.exact import NotExact, Undefined, fraction_of
from reward_server.math.extract import Extraction, extract
from reward_server.math.nodes import Listing, Node, Percent, Relation

MAX_ALTERNATIVES = 64
MAX_FINAL_BOXES = 32
MAX_GOLD_CHARACTERS = 100_000


@dataclass(frozen=True)
class Verdict:
    """`answer` is the extracted answer as written, None when there is none; `flags` are for people."""

    decision: Decision
    method: str
    answer: str | None
    flags: tuple[str, ...] = ()


class GoldInvalid(ValueError):
    """The ground truth cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A ground truth, parsed once for each problem: any of `alternatives` is right."""

    alternatives: tuple[Answer, ...]
    numeric: bool
    choice: bool


def parse_gold(gold: str | int | float | list[Any]) -> Gold:
    """The ground truth of a problem; of several alternatives any one is right. GoldInvalid when it states nothing."""
    given = gold if isinstance(gold, list) else [gold]
    if not 0 < len(given) <= MAX_ALTERNATIVES:
        raise GoldInvalid(f"expected 1 to {MAX_ALTERNATIVES} alternatives, got {len(given)}")
    answers = tuple(_gold_answer(one) for one in given)
    numeric = any(_is_number(answer.tree) for answer in answers)
    return Gold(answers, numeric, any(choice_letter(answer) is not None for answer in answers))


def _gold_answer(gold: object) -> Answer:
    answer = read(gold_text(_as_text(gold)))
    if not answer.key:
        raise GoldInvalid("the ground truth is empty")
    if answer.tree is not None and compare(answer, answer)[0] is not Decision.EQUAL:
        raise GoldInvalid(f"the ground truth has no value: {answer.key[:80]!r}")
    return answer


def _as_text(gold: object) -> str:
    if isinstance(gold, bool) or not isinstance(gold, str | int | float):
        raise GoldInvalid(f"expected text or a number, got {type(gold).__name__}")
    if isinstance(gold, float) and not math.isfinite(gold):
        raise GoldInvalid("the ground truth is not a finite number")
    if isinstance(gold, int) and gold.bit_length() > 6_000:
        raise GoldInvalid("the ground truth has too many digits")
    text = gold if isinstance(gold, str) else str(gold)
    if len(text) > MAX_GOLD_CHARACTERS:
        raise GoldInvalid(f"the ground truth is longer than {MAX_GOLD_CHARACTERS} characters")
    return text


def gold_text(text: str) -> str:
    """The answer inside a ground truth: of a worked solution its last boxes, after `####` of a GSM8K one, else all."""
    if boxes := boxes_in(text):
        return _joined(tuple(dict.fromkeys(box.content.strip() for box in final_boxes(text, boxes))))
    return text.rpartition("####")[2].strip()


def _joined(answers: tuple[str, ...]) -> str:
    """One answer of several: the first where all are the same, else their list."""
    return answers[0] if _all_same(answers) else ", ".join(answers)


def _all_same(answers: tuple[str, ...]) -> bool:
    if len(answers) > MAX_FINAL_BOXES:
        return False
    first = read(answers[0])
    return all(compare(read(other), first)[0] is Decision.EQUAL for other in answers[1:])


def _is_number(tree: Node | None) -> bool:
    """Whether a tree is a rational number, a percentage, or a value given to a name."""
    if isinstance(tree, Relation):
        return _is_number(tree.sides[-1])
    if tree is None or isinstance(tree, Listing):
        return False
    if isinstance(tree, Percent):
        return True
    try:
        return isinstance(fraction_of(tree), Fraction)
    except (NotExact, Undefined):
        return False


def judge(completion: str, gold: Gold) -> Verdict:
    """The verdict on what a completion gives as its final answer."""
    found = extract(completion, numeric=gold.numeric, choice=gold.choice)
    if not found.answers:
        return Verdict(Decision.DIFFERENT, found.method, None, (*found.flags, "no_answer"))
    if len(found.answers) > 1:
        return _judge_several(found, gold)
    answer = read(found.answers[0])
    if found.rival is not None and _contradicts(answer, read(found.rival)):
        return Verdict(Decision.DIFFERENT, found.method, found.answers[0], (*found.flags, "multiple_final_answers"))
    return _verdict(answer, found.answers[0], gold, found)


def _judge_several(found: Extraction, gold: Gold) -> Verdict:
    """Several final boxes: one answer if all are the same, the parts of one if the gold is that list, else a hedge."""
    if _all_same(found.answers):
        return _verdict(read(found.answers[0]), found.answers[0], gold, found)
    text = ", ".join(found.answers)
    verdict = _verdict(read(text), text, gold, found)
    if verdict.decision is Decision.EQUAL:
        return verdict
    return Verdict(Decision.DIFFERENT, found.method, text, (*found.flags, "multiple_final_answers"))


def _contradicts(answer: Answer, rival: Answer) -> bool:
    """Whether a later statement gives another value; only what both can be read as values counts."""
    if answer.tree is None or rival.tree is None or rival.words:
        return False
    return compare(rival, answer)[0] is Decision.DIFFERENT


def _verdict(answer: Answer, text: str, gold: Gold, found: Extraction) -> Verdict:
    decision, method = _best(answer, gold)
    flags = found.flags if answer.tree is not None or decision is Decision.EQUAL else (*found.flags, "unread_answer")
    return Verdict(decision, f"{found.method}/{method}", text, flags)


def _best(answer: Answer, gold: Gold) -> tuple[Decision, str]:
    """The decision by the alternative that fits best: equal, else undecided, else different."""
    best = Decision.DIFFERENT, "none"
    for rank, alternative in enumerate(gold.alternatives):
        decision, method = compare(answer, alternative)
        if decision is Decision.EQUAL:
            return decision, method
        if rank == 0 or decision is Decision.UNDECIDED:
            best = decision, method
    return best


def equivalent(answer: str, gold: str) -> Verdict:
    """The verdict on a bare answer against a bare gold; GoldInvalid as in `parse_gold`."""
    parsed = parse_gold(gold)
    read_answer = read(gold_text(answer))
    if not read_answer.key:
        return Verdict(Decision.DIFFERENT, "bare", None, ("no_answer",))
    return _verdict(read_answer, answer, parsed, Extraction((answer,), "bare"))
