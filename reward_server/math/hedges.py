"""What a completion offers as final beside its final answer: next to it, and after it.

The final answer is decided by where it stands; these can only take its reward away. So only what is clearly offered as
an answer counts: no check of the work, no unit, no closing sentence.
"""

import re

from reward_server.math.phrases import stated
from reward_server.math.prose import plain_tail
from reward_server.math.statements import after_hashes, statements

WINDOW = 160
MAX_RIVALS = 16

_LETTER = r"(?:\((?-i:[A-J])\)|(?-i:[A-J])(?=[\s$*]*(?:[.!?,;)}\n。，]|$)))"
_NUMBER = r"[-+−]?[$€£]?[0-9]{1,20}(?:,[0-9]{3}){0,5}(?:\.[0-9]{1,20})?(?:/[0-9]{1,9})?%?(?![0-9A-Za-z^])"
_FORMULA = r"\$[^$\n]{0,79}[^$\n,.;]\$|\\\([^\n]{1,80}?\\\)|\\[dt]?frac\{[^{}\n]{1,20}\}\{[^{}\n]{1,20}\}"
_ATOM = rf"(?:{_FORMULA}|{_NUMBER}|{_LETTER})"
_PLAIN_ATOM = rf"(?:\$?(?:{_NUMBER}|\\[dt]?frac\{{[0-9]{{1,20}}\}}\{{[0-9]{{1,20}}\}})\$?|{_LETTER})"
_CLOSERS = r"(?:[\s$*)\]}?.]|\\[)\]])*"
_OR_WORD = (
    r"(?:(?<![A-Za-z])(?i:and/or|or(?:\s+else)?|alternatively|maybe|perhaps|possibly|versus|vs\.?|otherwise|else)(?![A-Za-z])"
    r"|\\l?or(?![A-Za-z])|\\vee(?![A-Za-z])|或者?|还是)"
)
_NAMED = r"(?:[\s$]*[A-Za-z]\s*=\s*)?"
_ENDS = r"(?=[\s$*]*(?:[A-Za-z%]{2,15}\s*){0,2}(?:[.,;:!?)}\n。，；]|$))"
# "…, or \boxed{3}" says the same in other words, so the alternative in front has no comma and is all there is.
_BEFORE = re.compile(
    rf"(?:^|[.:：\n]|\b(?i:is|are|be|either|maybe|perhaps)\b|[=是为])[\s*]*(?P<value>(?:{_ATOM}|[A-J]))"
    rf"\s*(?:\\text\{{\s*)?{_OR_WORD}[\s}}]*{_NAMED}(?:[\s$*({{\[]|\\[(\[])*$"
)
_OR_AFTER = re.compile(
    rf"{_CLOSERS}(?:(?P<unit>(?!(?:or|maybe|perhaps|possibly|else|vs|versus)\b)[a-z]{{2,12}})\s+)?[,;]?\s*\(?\s*"
    rf"(?:\\text\{{\s*)?{_OR_WORD}[\s}},]*(?:{_OR_WORD}[\s,]*)?"
    rf"(?:(?:even|it(?:'s| is| may be| could be))\s+)*{_NAMED}[\s$]*(?P<value>{_ATOM}){_ENDS}"
    r"(?:[\s$]*(?P<other>[a-z]{2,15}))?"
)
_MORE_AFTER = re.compile(
    rf"(?:\s*\{{(?P<braced>{_PLAIN_ATOM})\}}|{_CLOSERS}(?:[,;|、/]|\band\b"
    rf"|[和与])?\s*\(?(?P<last>{_PLAIN_ATOM})\)?{_CLOSERS}$"
    rf"|{_CLOSERS}(?:[,;|、]|\band\b|[和与])\s*(?P<listed>{_PLAIN_ATOM})[\s$)]*[.!。\n])"
)
_CORRECTION = re.compile(
    r"(?:\b(?i:actually|wait|no|correction|sorry|rather|instead|scratch that|i mean|i meant|alternatively|maybe"
    r"|perhaps|possibly|hmm|oops|on second thought)\b|不对|应该是|更正|其实|也可能是)"
    r"(?:[\s,.:;!，。：—–-]|\.\.\.|…|\b(?i:no|wait|actually|but|i think|it should be)\b){0,12}"
    r"(?:(?i:it|that|this|he|she|the (?:final |correct )?(?:answer|result|value))"
    r"(?:['’]s|\s+(?:is|should be|must be|may be|might be|could be|would be|equals))\s+|(?i:make) (?:it|that)\s+"
    r"|应该是|是|[A-Za-z]\s*=\s*)?"
    rf"(?P<value>{_ATOM})(?=\s*(?:[.!?,;。，！\n]|$))"
)
_FALLBACK = re.compile(
    r"(?:\bif\s+(?:not|wrong|(?:that|this|it|the answer)(?:\s+(?:is|was)|['’]s|\s+turns out)\s+(?:wrong|incorrect|not\b"
    r"(?:\s+\w+)?)|(?:that|this|it)\s+(?:fails|does\s?n[o'’]t\s?\w*\s*(?:work|count)?))|\b(?:otherwise|or\s+else|else)"
    r"|\b(?:it|this|that|the answer)\s+(?:could|might|may)(?:\s+(?:also|well|even|just))*\s+be"
    r"|\bbut\s+(?:really\s+|actually\s+|in fact\s+)?(?:it|the answer|the (?:true|real|correct) (?:one|answer|value))"
    r"(?:['’]s|\s+(?:is|should be|must be))|否则|也可以是|如果不对)"
    r"[\s,:，]*(?:(?:then|maybe|perhaps|try|say|it is|it['’]s|the answer is|actually|really|是|就是)[\s,]+){0,2}"
    rf"(?P<value>{_ATOM})(?=\s*(?:\binstead\b|[.!?;)。！\n]|$))",
    re.IGNORECASE,
)
# "If the order mattered, it could be 24" answers another question.
_ANOTHER_QUESTION = re.compile(r"\bif\b(?!\s+(?:not|that|this|it|wrong)\b)[^.!?\n]*$", re.IGNORECASE)
_DENIED = re.compile(
    r"[\s$*)\]}]*(?:\\[)\]])?\s*(?:,?\s*which\s+)?(?:is|was|seems|looks)\s+(?:wrong|incorrect|not\b)"
    r"|[\s$*]*(?:是错|不对)"
    r"|[\s$*)\]}.,:;?!(—–-]*(?:\\[)\]])?[\s:(—–-]*(?:(?:this|that|it|which|is|was|a|definitely|clearly)\s+)"
    r"{0,4}(?:wrong|incorrect|false|not correct|nope)(?: answer)?(?=\W*$|[.!);,]|\s*\n)"
    r"|[\s$*)\]}]*(?:\\[)\]])?\s*\?[\s$*]*(?:no|not)\b(?!\s+(?:other|more)\b)"
    r"|[\s$*)\]}]*(?:\\[)\]])?\s*(?:do(?:es)?\s?n[o'’]t|do(?:es)? not|can\s?not|can['’]t)\s+(?:work|hold|be\s+(?:right"
    r"|correct|true|it|the answer))\b",
    re.I,
)
_DENIED_BEFORE = re.compile(
    r"(?:(?:\bnot|\bnever|\b(?:is|was|are)n['’]t)\s+(?:equal to\s+|be\s+)?"
    r"|\\neq?\s*|\\not\s*=\s*|≠\s*|不是\s*|不等于\s*)[$\\(\[{\s]*$"
    r"|(?:\b(?:can\s?not|can['’]t|could not|couldn['’]t|won['’]t|must not)\s+(?:\w+\s+)?be"
    r"|\b(?:do not|don['’]t|never|no one|nobody)\s+(?:really\s+|actually\s+)?(?:think|thinks|believe|believes|say|says)"
    r"\s+(?:that\s+)?(?:it|this|that|the (?:\w+ )?answer)(?:\s+(?:is|was|equals|(?:could|should|would) be)|['’]s)"
    r"|\b(?:wrong|incorrect|false)\s+(?:answer|result|value|choice|option|one)s?\s+(?:\w+\s+)?(?:is|be|was|are)"
    r"|\b(?:false|wrong|untrue|incorrect|not true|not the case)\s+that\s+(?:it|this|that|the (?:\w+ )?answer)"
    r"\s+(?:is|was|equals))\s*[:]?[$*\\(\[{\s]*$",
    re.I,
)
_SILENT = " \t\n.$*)]}\\。!"


def beside(text: str, start: int, end: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The values offered right before and right after the place of an answer."""
    window = text[max(0, start - 80) : start]
    before: tuple[str, ...] = ()
    if ("or" in window or "或" in window or "ee" in window or "还" in window) and (match := _BEFORE.search(window)):
        before = (_bare(match["value"]),)
    window = text[end : end + WINDOW]
    if not window.strip(_SILENT):
        return before, ()
    if match := _OR_AFTER.match(window):
        return before, _unless_converted(match)
    if match := _MORE_AFTER.match(window):
        return before, (_bare(match["braced"] or match["last"] or match["listed"]),)
    return before, ()


def _unless_converted(alternative: re.Match[str]) -> tuple[str, ...]:
    converted = _converts(alternative["unit"], alternative["other"])
    return () if converted else (_bare(alternative["value"]),)


def _converts(unit: str | None, other: str | None) -> bool:
    """Whether an alternative is in another unit: `60 minutes or 1 hour`."""
    return unit is not None and other is not None and unit.rstrip("s") != other.rstrip("s")


def _bare(atom: str) -> str:
    return atom.strip("$ ") if atom.count("$") == 2 else atom


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether a text calls the answer at a place wrong, or what it is not."""
    if _DENIED.match(text, end, end + 40):
        return True
    return bool(_DENIED_BEFORE.search(text[max(0, start - 80) : start]))


def later_offers(rest: str, *, numeric: bool, choice: bool) -> tuple[str, ...]:
    """The values that the text after the final answer offers as final too: statements, marks and corrections."""
    if not rest.strip(_SILENT):
        return ()
    tail = plain_tail(rest)
    phrases = [one.phrase for one in statements(tail, choice=choice) if not one.weak]
    phrases += [one.phrase for one in after_hashes(tail)]
    values = [value for phrase in phrases for value in stated(phrase, numeric=numeric, choice=choice, strict=True)]
    return tuple(dict.fromkeys([*values, *replacements(tail)]))[:MAX_RIVALS]


def replacements(tail: str) -> tuple[str, ...]:
    """The values that the prose after an answer offers in its place: `or 5`, `actually, 5`, `if that is wrong, 5`."""
    alternative = _OR_AFTER.match(tail[:WINDOW])
    values = list(_unless_converted(alternative)) if alternative else []
    values += [_bare(match["value"]) for match in _CORRECTION.finditer(tail)]
    return (*values, *second_thoughts(tail))


def second_thoughts(text: str) -> tuple[str, ...]:
    """The values that a text offers for the case that its answer is wrong."""
    return tuple(
        _bare(match["value"])
        for match in _FALLBACK.finditer(text)
        if not _ANOTHER_QUESTION.search(text, max(0, match.start() - WINDOW), match.start())
    )
