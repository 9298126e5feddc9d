"""Where prose states its final answer: "the answer is …", "Answer: …", `#### …`, 答案是…, and what the statement holds.

Every search is over a bounded tail of the text.
"""

import re

from reward_server.math.vocabulary import NUMBER_WORDS

TAIL = 3_000

_STATEMENT = re.compile(
    r"\b(?:answer|result|solution)s?\b[^.\n:=$\\]{0,60}?(?:\s(?:is|are|be)\b(?!\s+correct)|[:：])(?:\s*(?:approximately|about)\b)?\s*:?\s*"
    r"|\b(?:answer)\s+(?=\$|\\[(\[])"
    r"|(?:答案|结果|解)(?:是|为|：|:)+\s*|答\s*[:：]\s*|故?(?:应|故)?选(?:择)?\s*[:：]?\s*(?=[A-Z(（])"
    r"|^A:\s*",
    re.IGNORECASE | re.MULTILINE,
)
_PLAIN_STATEMENT = re.compile(r"\banswer(?:\s+is\s*:?|\s*[:：])\s*|答案(?:是|为|：|:)+\s*", re.IGNORECASE)
_HASHES = re.compile(r"####\s*:?\s*(?=[-+$€£\\.]{0,4}[0-9]|\\?\$|\\boxed|\\[dt]?frac)([^\n]{1,400})")
_DISPLAY = re.compile(r"\s*(?:\$\$(.{1,1500}?)\$\$|\\\[(.{1,1500}?)\\\])", re.DOTALL)
_SENTENCE_END = re.compile(r"\.(?=\s+(?!(?:Or|Alternatively|Maybe|Perhaps)\b)[A-Z<\"]|\s*$)|。|\n|<\||[!?](?=\s)")
_BETWEEN = re.compile(r"(?:(?<=[.。])|(?<=\.\$\$)|(?<=\.\$)|(?<=\.\\\]))\s+(?=[A-Z\"$\\])")
_MATHS = re.compile(r"\$\$(.{1,1000}?)\$\$|\$([^$\n]{1,1000}?)\$|\\\((.{1,1000}?)\\\)|\\\[(.{1,1000}?)\\\]", re.DOTALL)
_NUMBER = re.compile(
    r"(?<![\w.,/^\\])[-−]?[$€£]?[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?(?:/[0-9]+)?%?(?![\w/^]|\.[0-9]|,[0-9])"
)
_DIGITS = re.compile(r"[0-9][0-9.,]*")
_NUMBER_WORDS = {word: value for value, word in enumerate(NUMBER_WORDS, start=2)}
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b", re.IGNORECASE)
_CJK = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+")
_LETTER_IN_BRACKETS = re.compile(r"\(([A-J])\)")
_LEADING_LETTER = re.compile(r"([A-J])(?:[.,:;]?$|[,;:]\s|\s+(?:because|since|as)\b)")
_PROSE_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_EMPHASIS = re.compile(r"\*\*|__")


def after_hashes(text: str) -> str | None:
    """The value after the last `####`, the mark of GSM8K; headings of that level are not values."""
    start = text.rfind("####", max(0, len(text) - TAIL))
    while start >= 0:
        if match := _HASHES.match(text, start):
            return match[1].strip()
        start = text.rfind("####", max(0, len(text) - TAIL), start)
    return None


def last_statement(text: str, *, plain: bool = False) -> str | None:
    """What the last sentence that names an answer says it is; `plain` admits "the answer is" and "answer:" only."""
    tail = text[-TAIL:]
    last = None
    for match in (_PLAIN_STATEMENT if plain else _STATEMENT).finditer(tail):
        last = match
    if last is None:
        return None
    rest = tail[last.end() :]
    if display := _DISPLAY.match(rest):
        return (display[1] or display[2]).strip()
    end = _SENTENCE_END.search(rest)
    stated = rest[: end.start()] if end else rest
    return stated.strip() or None


def last_sentence(text: str) -> str:
    """The last sentence that holds anything."""
    lines = [line for line in text[-TAIL:].splitlines() if line.strip(" $*`_.\\[]")]
    line = lines[-1].strip() if lines else ""
    parts = [part for part in _BETWEEN.split(line) if part.strip()]
    return parts[-1].strip() if parts else ""


def maths_in(sentence: str) -> list[str]:
    """The formulas of a sentence."""
    return [next(group for group in match.groups() if group).strip() for match in _MATHS.finditer(sentence[:TAIL])]


def numbers_in(sentence: str) -> list[str]:
    """The numbers of a sentence, in digits or in words; digits that are part of something else count as they stand."""
    plain = _CJK.sub(" ", sentence[:TAIL])
    numbers = [match[0] for match in _NUMBER.finditer(plain)]
    rest = _DIGITS.findall(_NUMBER.sub(" ", plain))
    words = [str(_NUMBER_WORDS[match[0].lower()]) for match in _NUMBER_WORD.finditer(plain)]
    return numbers + rest + words


def letters_in(sentence: str) -> list[str]:
    """The choice letters of a sentence: those in brackets, and one that it begins with."""
    letters = _LETTER_IN_BRACKETS.findall(sentence[:TAIL])
    leading = _LEADING_LETTER.match(sentence)
    return [leading[1], *letters] if leading else letters


def is_prose(text: str) -> bool:
    """Whether a statement is a sentence rather than an answer with a unit."""
    return len(_PROSE_WORD.findall(text)) > 3 or bool(_CJK.search(text.rstrip("。，")))


def without_emphasis(text: str) -> str:
    return _EMPHASIS.sub("", text)
