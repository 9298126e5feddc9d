"""Where a text states its answer: `the answer is B`, `Answer: (B)`, `I choose B`, `B is correct`, `故选：B`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reward_server.multiple_choice.letters import Found, letters_at
from reward_server.multiple_choice.options import Options

MAX_STATEMENTS = 256
CLAUSE_CHARS = 120

_BE = r"(?:is|are|was|be|remains|est|ist|é|es)"
_FILLERS = (
    r"(?:[\s:*_]{1,6}(?:therefore|thus|then|clearly|definitely|obviously|most|likely|probably|indeed|simply|just|only|"
    r"actually|hence|either|both|indeed|option|choice|answer|letter|statement|the|best|correct|following)(?![A-Za-z]))"
)
_STRONG = re.compile(
    r"\b(?:answers?|ans|ответ|respuesta|réponse|antwort|resposta|risposta)(?!\s+(?:choices|options))\b"
    r"(?:\s{1,3}(?!(?:is|are|was|not|cannot|never|can['’]?t|isn|won)\b)[a-z'’]{1,20}|\s[0-9]{1,3}){0,6}?"
    r"[*_`\"')\]}]{0,6}+\s{0,3}"
    rf"(?:(?:should|must|would|will|might|may|could|can|ha[sv]e?\sto|seems\sto|appears\sto|ought\sto)\s)?(?:{_BE}\b|[:=→⇒—]|->|(?<=\s)[-–](?=\s))"
    rf"{_FILLERS}{{0,4}}+"
    r"|^\W{0,6}(?:correct|solution|choice|option|selection|result)[*_]{0,3}:"
    r"|\b(?:correct|right|best|final|my|only|most\s\w{1,20}|appropriate|valid)\s{1,3}(?:option|choice|statement|selection|one)s?\b"
    rf"[*_`\"')\]}}]{{0,6}}+\s{{0,3}}(?:(?:should|must|would|has\sto)\s)?(?:{_BE}\b|[:=→—]|->){_FILLERS}{{0,4}}+"
    r"|\b(?:i|we)(?:['’]ll|['’]d|\s(?:will|would|must|should|can|therefore|thus|have\sto))?\s"
    rf"(?:choose|select|pick|chose|selected|picked|go\swith){_FILLERS}{{0,4}}+"
    rf"|\b(?:let['’]s\sgo\swith|going\swith|(?:so|therefore|thus|hence),?\s(?:choose|select|pick)){_FILLERS}{{0,4}}+"
    r"|####",
    re.IGNORECASE | re.MULTILINE,
)
_STRONG_CJK = re.compile(
    r"(?:答案|正确(?:的)?选项|最佳选项|答え|正解|정답)(?:选项|编号)?[*_\s]{0,4}(?:应该?|就|只能|显然|最终)?(?:是|为|は|은|는|选(?!项)择?|:|=|\s){0,6}(?:选项)?"
    r"|(?<![不别勿误非没])(?:应该?|故|所以|因此|只能|本题|我)?(?<![不别勿误非])选(?!项|手|举|修|用|出|取|中)(?:择)?(?:是|为|:|\s){0,6}(?:选项)?"
)
_WEAK = re.compile(
    r"\b(?:it|this|that)(?:['’]s|\s(?:is|must\sbe|would\sbe|has\sto\sbe|leaves(?:\sus\swith)?|means))(?:\s(?:option|choice|answer|therefore))?"
    r"|\b(?:so|therefore|thus|hence|leaves|leaving|only)\b[,:]?(?:\s(?:option|choice|it['’]s))?|(?:所以|因此|故|综上)[,，:]?(?:是|为|选项)?"
    r"|\b(?:option|choice)\b",
    re.IGNORECASE,
)
_REVERSED = re.compile(
    r"(?<![A-Za-z0-9'’])([A-Z])[)\]}*_`\"'.$]{0,6}+(?:选项|项)?(?:\s{1,3}(?:is|was|being|must\sbe|has\sto\sbe)\s{1,3}"
    r"((?:(?:clearly|therefore|thus|indeed|definitely|the|my|our|most|likely|only|single|final)\s{1,3}){0,3}+)"
    r"(?:correct|right|best|true|accurate|appropriate|valid|answer)(?:\s{1,3}(answer|option|choice|one))?(?![A-Za-z])"
    r"|(?:是)?(?:正确|对)(?:的|答案)?)"
)
_NOT_BUT = re.compile(
    r"[\s:*_]{0,6}(?:definitely\s|clearly\s)?(?:not\s|不是|n['’]t\s)[^.\n。]{0,40}?(?:\bbut\s(?:rather\s)?|\bit['’]?s?\s(?:is\s)?|rather\s|而是)"
    r"(?:option\s)?",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[.!?\n。！？;；,，:]|\b(?:then|so|therefore|thus|hence|means|conclude)\b", re.IGNORECASE)
_CONDITION = re.compile(
    r"\b(?:if|suppose|supposing|assum\w{1,6}|whether|unless|had|when|why|how|were|not|never|n['’]t|cannot)\b|n['’]t\b"
    r"|如果|假设|若|假如|是否|为什么|倘若|除非|不能|不应|并非",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?\n。！？]")
_UNREAL = re.compile(r"\b(?:would|could|might)\b", re.IGNORECASE)
_TENTATIVE = re.compile(
    r"\b(?:might|may|could|maybe|perhaps|possibly|tempting|tempted)\b|可能|也许|或许|大概", re.IGNORECASE
)
_TAKEN_BACK = re.compile(
    r"[\s)*_`\"'\]}.,$]{0,6}+(?:\?|？|(?:is|was|are|looks|seems)\s(?:wrong|incorrect|not\b|false)|(?:选项|项)?(?:是)?(?:不|错))",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[\s*_`$)\]}]{0,8}[).:,，、：(–—-][\s*_`$(]{0,8}|\s{1,3}(?=\()")


@dataclass(frozen=True)
class Candidate:
    """What a text states somewhere: one letter, or several side by side."""

    start: int
    end: int
    letters: tuple[str, ...]
    method: str
    firm: bool = True


def statements(text: str, options: Options) -> Iterator[Candidate]:
    """The statements of an answer, in order, those under a condition and those that are denied left out."""
    found = [*_headed(text, _STRONG, "statement", options), *_reversed(text, strong=True)]
    if not text.isascii():
        found += _headed(text, _STRONG_CJK, "statement", options)
    yield from sorted(found, key=lambda one: one.start)[-MAX_STATEMENTS:]


def weak_statements(text: str, options: Options) -> Iterator[Candidate]:
    """Sentences that say an option is right, without calling it the answer."""
    found = [*_headed(text, _WEAK, "conclusion", options), *_reversed(text, strong=False)]
    yield from sorted(found, key=lambda one: one.start)[-MAX_STATEMENTS:]


def _headed(text: str, heads: re.Pattern[str], method: str, options: Options) -> list[Candidate]:
    found: list[Candidate] = []
    for head in list(heads.finditer(text))[-MAX_STATEMENTS:]:
        place = head.end()
        if method == "statement" and (turned := _NOT_BUT.match(text, place)):
            place = turned.end()
        candidate = _at(text, head.start(), place, method, options)
        if candidate is not None and (method == "statement" or _ends_clause(text, candidate)):
            found.append(candidate)
    return found


def _at(text: str, start: int, place: int, method: str, options: Options) -> Candidate | None:
    stated = options.at(text, place)
    letters = letters_at(text, place, options)
    if letters is None:
        if stated is None or method != "statement":
            return None
        return _judged(text, Candidate(start, place, (stated,), method))
    if stated is not None and stated not in letters.letters and len(letters.letters) > 1:
        return _judged(text, Candidate(start, place, (stated,), method))  # an option such as `A and C`
    if _TAKEN_BACK.match(text, letters.end):  # `B, A and C are wrong` says so of those that follow
        if len(letters.letters) == 1 or method != "statement" or _TAKEN_BACK.match(text, letters.first_end):
            return None
        letters = Found(letters.letters[:1], letters.first_end, letters.first_end)
    named = with_its_text(text, letters.letters, letters.end, options)
    return _judged(text, Candidate(start, letters.end, named, method))


def with_its_text(text: str, letters: tuple[str, ...], end: int, options: Options) -> tuple[str, ...]:
    """The letters, and that of another option whose text follows: `B) London` where London is C."""
    separator = _SEPARATOR.match(text, end)
    closed = separator is not None or text[max(0, end - 1) : end] in {")", "*", "]", "}"}
    if not (options.texts and len(letters) == 1 and closed):
        return letters
    other = options.at(text, separator.end() if separator else end)
    return letters if other is None or other in letters else (*letters, other)


def _judged(text: str, candidate: Candidate) -> Candidate | None:
    """None under a condition; not firm where the text says it may be."""
    before = text[max(0, candidate.start - CLAUSE_CHARS) : candidate.start]
    clause = _CLAUSE.split(before)[-1]
    if _CONDITION.search(clause):
        return None
    stated = text[candidate.start : candidate.end]
    if _UNREAL.search(stated) and _CONDITION.search(_SENTENCE.split(before)[-1]):
        return None  # `if it asked for the UK, the answer would be A`
    if _TENTATIVE.search(clause) or _TENTATIVE.search(stated):
        return Candidate(candidate.start, candidate.end, candidate.letters, candidate.method, firm=False)
    return candidate


def _ends_clause(text: str, candidate: Candidate) -> bool:
    """Whether nothing follows the letter that makes it the subject of another sentence."""
    rest = text[candidate.end : candidate.end + 3].lstrip(" *_")
    return not rest or rest[0] in ".,;:!?)\n。，；！？"


def _reversed(text: str, *, strong: bool) -> list[Candidate]:
    """`B is the correct answer` is one, `B is correct` may be said of several."""
    found: list[Candidate] = []
    for match in list(_REVERSED.finditer(text))[-MAX_STATEMENTS:]:
        calls = bool(match[3]) or "the" in (match[2] or "").lower().split() or match[0].lower().endswith("answer")
        if calls != strong:
            continue
        candidate = _judged(
            text, Candidate(match.start(), match.end(), (match[1],), "statement" if strong else "conclusion")
        )
        if candidate is not None:
            found.append(candidate)
    return found
