"""The choice of a completion: its boxes, answer tags and statements have to agree; without any, what it says at last.

Only what follows the thinking counts. Two different letters are a hedge, unless the text takes the first one back. The
letters of options that are only discussed, or listed once more, are no answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from reward_server.completion import after_thinking
from reward_server.ground_truth.option_lists import LETTERS, narrow
from reward_server.math.boxes import boxes_in
from reward_server.math.hedges import is_denied, replacements
from reward_server.multiple_choice.letters import letters_at
from reward_server.multiple_choice.options import Options, options_of
from reward_server.multiple_choice.statements import Candidate, statements, weak_statements, with_its_text

TAIL = 10_000  # characters of the end that are read
LONGEST_WHOLE = 4_000

_TAG = re.compile(r"<answer>(.*?)(?:</answer>|(?=<answer>)|\Z)", re.DOTALL)
_EMPTY_TAG = re.compile(r"</?answer>")
_LEAD = re.compile(
    r"[\s*_#>-]{0,8}(?:(?:the\s)?(?:(?:correct|right|best|final)\s)?(?:answer|option|choice|choose|select|选项|答案)(?:\s(?:is|choice)|是|为|[:=\s]){0,8})?",
    re.IGNORECASE,
)
_MARK = re.compile(r"^[ \t*_>-]{0,6}\(?([A-Z])[).:][ \t*_]", re.MULTILINE)
_MARK_IN_A_ROW = re.compile(r"(?:(?<=\s)|^)[*_]{0,2}\(?([A-Z])[).:][*_]{0,2}\s")
_BOLD = re.compile(r"\*\*\s{0,2}(?:(?:option|choice|answer)\s)?\(?([A-Z])(?:[).:][^*\n]{0,200}|\.)?\*\*", re.IGNORECASE)
_ONLY_LETTERS = re.compile(r"(?:[A-Z](?![A-Za-z0-9])[^A-Za-z0-9\u3040-\uffdc]{0,40}){2,26}+")
_SINGLE = re.compile(r"[A-Z]")
_OFFERED = re.compile(r"\(?[A-J]\)?")
_PLAIN = " \t\r\n.。*_`$)(}{][】【」「』『\"'“”‘’,，:：!！\\"
_RETRACTED = re.compile(
    r"\b(?:wait|actually|correction|corrected|scratch\sthat|on\ssecond\sthought|oops|sorry|my\smistake|mistaken?|"
    r"was\swrong|is\swrong|that['’]?s\s(?:wrong|not\sright)|incorrect|reconsider|let\sme\s(?:re|check|double)|hmm)\b"
    r"|不对|等等|错了|更正|重新|有误",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Choice:
    """`letter` is None where there is no answer or a hedge; `letters` are all that were given; `method` is how."""

    letter: str | None
    letters: tuple[str, ...]
    method: str
    flags: tuple[str, ...] = ()


def chosen(completion: str, texts: tuple[str, ...] = ()) -> Choice:
    """The option that a completion gives as its answer; `texts` are the options from A on, where they are known."""
    final = after_thinking(completion)
    if final is None:
        return Choice(None, (), "none", ("unclosed_think", "no_answer"))
    text, options = narrow(final[-TAIL:]), options_of(texts)
    found = _tagged(text, options)
    if not found and not _holds_tag(text):
        text = _EMPTY_TAG.sub(" ", text)
        found = _read(text, options)
    if not found:
        return Choice(None, (), "none", ("no_answer",))
    return _agreed(text, found)


def _holds_tag(text: str) -> bool:
    """Whether an answer tag has something in it, though it is no option: then what stands elsewhere is no answer."""
    return "<answer>" in text and any(tag[1].strip() for tag in _TAG.finditer(text))


def _agreed(text: str, found: list[Candidate]) -> Choice:
    """What the last candidate says, where those before it say the same or are taken back."""
    last = found[-1]
    letters = last.letters
    for earlier, later in zip(reversed(found[:-1]), reversed(found), strict=False):
        if earlier.letters != later.letters and _RETRACTED.search(text, earlier.end, later.start):
            break
        letters = tuple(dict.fromkeys([*earlier.letters, *letters]))
    letters = tuple(dict.fromkeys([*letters, *_offered_later(text, last)]))
    if len(letters) > 1:
        return Choice(None, letters, last.method, ("multiple_final_answers",))
    return Choice(letters[0], letters, last.method)


def _offered_later(text: str, last: Candidate) -> list[str]:
    """The letters that the text behind the answer offers in its place: `Maybe A.`, `Actually A.`, `… or A`."""
    if last.end == 0 or last.method in ("last_line", "first_line", "bold"):
        return []  # the place is not known
    return [offer.strip("()") for offer in replacements(text[last.end :]) if _OFFERED.fullmatch(offer)]


def _tagged(text: str, options: Options) -> list[Candidate]:
    """What the answer tags say, and what boxes and statements around them say besides; empty without tags."""
    tags = [tag for tag in _TAG.finditer(text) if tag[1].strip()] if "<answer>" in text else []
    if not tags:
        return []
    inside = [
        replace(one, start=one.start + tag.start(1), end=one.end + tag.start(1), method="answer_tag")
        for tag in tags
        for one in _last_of(tag[1], options)
    ]
    if not inside:
        return []
    around = [one for one in _marked(text, options) if not any(t.start() <= one.start < t.end() for t in tags)]
    return sorted([*inside, *around], key=lambda one: one.start)


def _last_of(inside: str, options: Options) -> list[Candidate]:
    """One candidate for a tag: its letters, of which several are a hedge."""
    found = _read(inside, options)
    if not found:
        return []
    return [Candidate(found[-1].start, found[-1].end, _agreed(inside, found).letters, "answer_tag")]


def _read(text: str, options: Options) -> list[Candidate]:
    """Candidates of the strongest kind that the text has."""
    if marked := _marked(text, options):
        return marked
    alone = _whole(text, options)
    return _unmarked(text, options) if alone is None else [Candidate(0, len(text), alone, "bare")]


def _marked(text: str, options: Options) -> list[Candidate]:
    """Boxes and statements. What may be so counts only where nothing is said to be so."""
    stated = [one for one in statements(text, options) if not _in_list(text, one)]
    found = [*_boxed(text, options), *stated]
    found = [one for one in found if one.firm] or found
    return sorted([*found, *_at_last(text, options)], key=lambda one: one.start) if found else []


def _at_last(text: str, options: Options) -> list[Candidate]:
    """A last line that is a letter and nothing else, below what the text states."""
    rest, _, line = text.rstrip().rpartition("\n")
    letters = _whole(line, options) if rest.strip() and len(line.strip(_PLAIN)) == 1 else None
    return [Candidate(len(rest), len(text), letters, "last_line")] if letters else []


def _boxed(text: str, options: Options) -> list[Candidate]:
    found: list[Candidate] = []
    for box in boxes_in(text) if "box" in text else ():
        letters = _whole(box.content, options)
        if letters is not None and not is_denied(text, box.start, box.end):
            found.append(Candidate(box.start, box.end, with_its_text(text, letters, box.end, options), "boxed"))
    return found


def _in_list(text: str, one: Candidate) -> bool:
    """Whether what looks like an answer is the first line of a list of options, as in `Answer: A) 1 B) 2`."""
    if one.letters != ("A",):
        return False
    line = text[max(one.start, one.end - 8) : one.end + 200]
    marks = [mark[1] for mark in _MARK_IN_A_ROW.finditer(line)]
    return marks[:2] == ["A", "B"]


def _unmarked(text: str, options: Options) -> list[Candidate]:
    weak = list(weak_statements(text, options))
    if firm := [one for one in weak if one.firm] or weak:
        return firm
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    listed = len({mark[1] for mark in _MARK.finditer(text)}) > 1
    for line, method in ((lines[-1], "last_line"), (lines[0], "first_line")):
        letters = _whole(line, options)
        if letters is not None and not (listed and _has_text(line, options)):
            return _with_neighbour(lines, letters, method, options)
    bold = {mark[1].upper() for mark in _BOLD.finditer(text)}
    return [Candidate(0, len(text), tuple(bold), "bold")] if len(bold) == 1 else []


def _with_neighbour(lines: list[str], letters: tuple[str, ...], method: str, options: Options) -> list[Candidate]:
    """The letters of a line, and those of the line before it where that is nothing but an option too."""
    if method == "last_line" and len(lines) > 1:
        before = _whole(lines[-2], options) or ()
        text = options.with_text(lines[-2])
        if text or not _has_text(lines[-2], options):
            letters = tuple(dict.fromkeys([*before, *letters]))
    return [Candidate(0, 0, letters, method)]


def _has_text(line: str, options: Options) -> bool:
    """Whether a line says more than letters, as `B) Paris` does and `Option B.` does not."""
    lead = _LEAD.match(line)
    found = letters_at(line, lead.end() if lead else 0, options)
    return found is None or bool(line[found.end :].strip(_PLAIN))


def _whole(text: str, options: Options) -> tuple[str, ...] | None:
    """The letters that a text is, alone or with the text of the option; None where it is anything else."""
    if len(text) > LONGEST_WHOLE or not (plain := text.strip(_PLAIN)):
        return None
    if len(plain) > 1 and (letter := options.with_text(text)):
        return (letter,)
    lead = _LEAD.match(text)
    place = lead.end() if lead else 0
    found = letters_at(text, place, options)
    if found is None:
        return None
    if not text[found.end :].strip(_PLAIN):
        return found.letters
    if _ONLY_LETTERS.fullmatch(plain):
        return tuple(dict.fromkeys(_SINGLE.findall(plain)))
    if len(found.letters) > 1 or _lists(text):
        return None
    return _letter_with_text(text, found.letters, found.end, options)


def _letter_with_text(text: str, letters: tuple[str, ...], end: int, options: Options) -> tuple[str, ...] | None:
    named = with_its_text(text, letters, end, options)
    if (other := letters_at(text, end, options)) and not text[other.end :].strip(_PLAIN):
        return tuple(dict.fromkeys([*letters, *other.letters]))
    if (
        len(named) > 1
        or text[end - 1] in ")]*"
        or text[end] in ").:、\n"
        or text[end : end + 3] in (" - ", " – ", " — ")
    ):
        return named
    return letters if options.at(text, end) in letters else None


def _lists(text: str) -> bool:
    """Whether a text goes through options: a letter and then its successor, each with a mark."""
    marks = [LETTERS.index(mark[1]) for mark in _MARK_IN_A_ROW.finditer(text)]
    return any(later == one + 1 for one, later in pairwise(marks))
