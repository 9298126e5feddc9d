"""The language that a prompt asks to be answered in: that of the user's last turn."""

from __future__ import annotations

import re
from functools import lru_cache

from reward_server.language.clean import clean
from reward_server.language.consistency import by_language
from reward_server.language.plain import plain
from reward_server.language.scripts import LATIN, SCRIPT_OF
from reward_server.language.words import MIXED, sentences_of

MIN_WORDS = 3
LOOKED_AT_CHARS = 20_000  # of the turn
READ_CHARS = 200_000  # of the prompt's end; the last turn begins there
# A question in Chinese often comes with an instruction in English. The other way round is rare, and shorter.
FOREIGN_SHARE = 1 / 3
# Of ChatML, DeepSeek, Llama 2 and 3, Phi, and the template of R1-Zero.
_USER = re.compile(
    r"<\|im_start\|>user|<[|｜]user[|｜]>|<\|start_header_id\|>user<\|end_header_id\|>|\[INST\]|(?<![^\s>])(?:user|human):",
    re.IGNORECASE,
)
_ASSISTANT = re.compile(
    r"<\|im_end\|>|<\|im_start\|>|<[|｜](?:assistant|end)[|｜]>|<\|eot_id\|>|\[/INST\]|(?<![^\s>])assistant:",
    re.IGNORECASE,
)


def language_of_prompt(prompt: str, *, identified: bool = False) -> str | None:
    """The code of the prompt's language; None where it has fewer than three words.

    Where languages of one script are not told apart, or cannot be, it is the script's name, such as `latin`.
    """
    return _language(_last_turn(prompt[-READ_CHARS:])[:LOOKED_AT_CHARS], identified)


@lru_cache(maxsize=256)  # the completions of a group share their prompt
def _language(turn: str, identified: bool) -> str | None:
    prose = clean(plain(turn)).prose
    counts = by_language(sentences_of(prose), "", identified)
    counts.pop(MIXED, None)
    units = sum(counts.values())
    if units < MIN_WORDS:
        return None
    return max(counts, key=lambda language: _weight(language, counts[language] / units))


def _weight(language: str, share: float) -> tuple[bool, float]:
    latin = SCRIPT_OF.get(language, language) == LATIN
    return (not latin and share >= FOREIGN_SHARE, share)


def _last_turn(prompt: str) -> str:
    begin = 0
    for match in _USER.finditer(prompt):
        begin = match.end()
    end = _ASSISTANT.search(prompt, begin)
    return prompt[begin : end.start() if end else len(prompt)]
