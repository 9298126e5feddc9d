"""Options as a prompt lists them, `A. …` a line or `(A) … (B) …` in a row; and what texts of options have in common."""

from __future__ import annotations

import re
import string
import unicodedata

LETTERS = string.ascii_uppercase
LONGEST_PROMPT = 50_000  # characters from its end that are looked at
LONGEST_OPTION = 2_000
_CAPITALS = (0xFF21, 0x24B6, 0x1F130, 0x1F150, 0x1F170, 0x1D400, 0x1D5D4)  # fullwidth, circled, squared, bold
_FULLWIDTH = {start + place: letter for start in _CAPITALS for place, letter in enumerate(LETTERS)}
_FULLWIDTH |= {ord("ａ") + place: letter.lower() for place, letter in enumerate(LETTERS)}
_FULLWIDTH |= dict(zip(map(ord, "（）．：【】［］，"), "().:[][],", strict=True))
_ON_A_LINE = re.compile(r"^[ \t*_>-]{0,6}\(?([A-Z])[).:、][ \t*_]{0,4}", re.MULTILINE)
_IN_BRACKETS = re.compile(r"(?:(?<=\s)|^)[*_]{0,2}\(([A-Z])\)[*_]{0,2}\s{0,4}")
_IN_A_ROW = re.compile(r"(?:(?<=\s)|^)([A-Z])[).:、]\s{0,4}(?=\S)")
_ENDS = re.compile(r"\n\s*\n|\n(?=[ \t]*(?:answer|please|choose|select|respond|think|答案|请)\b)", re.IGNORECASE)


def narrow(text: str) -> str:
    """The text with fullwidth and circled letters and brackets as ASCII, one for one, so that places stay the same."""
    return text if text.isascii() else text.translate(_FULLWIDTH)


def option_key(text: str) -> str:
    """What texts of the same option share: its signs without case, double spaces, quotes and a stop at the end."""
    text = unicodedata.normalize("NFKC", text[:LONGEST_OPTION]).casefold()
    return " ".join(text.split()).strip(" .,;:!?。，；：！？\"'`*_“”‘’$").strip()


def listed_options(prompt: str) -> tuple[str, ...]:
    """The texts of the last list of options from A on, at least two; empty where the prompt has none."""
    text = narrow(prompt[-LONGEST_PROMPT:])
    for pattern in (_ON_A_LINE, _IN_BRACKETS, _IN_A_ROW):
        if found := _last_run(text, pattern):
            return found
    return ()


def _last_run(text: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """The options of the last run of marks A, B, C … that a pattern finds."""
    run: list[re.Match[str]] = []
    best: list[re.Match[str]] = []
    for mark in pattern.finditer(text):
        if mark[1] == "A":
            run = [mark]
        elif run and len(run) < len(LETTERS) and mark[1] == LETTERS[len(run)]:
            run.append(mark)
        if len(run) >= 2:
            best = list(run) if run is not best else best
    if not best:
        return ()
    ends = [*(mark.start() for mark in best[1:]), len(text)]
    texts = [text[mark.end() : end] for mark, end in zip(best, ends, strict=True)]
    texts[-1] = _ENDS.split(texts[-1], maxsplit=1)[0]
    return tuple(one.strip(" \t\r\n*_,;")[:LONGEST_OPTION] for one in texts)
