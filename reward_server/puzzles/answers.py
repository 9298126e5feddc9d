"""What a completion finally says as the answer to a puzzle: the tag, else the box, else the last line.

Two different answers are a hedge, wherever they stand: a grader that takes the last one pays for guessing. Linear time
on any text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reward_server.completion import after_thinking

SHOWN_CHARS = 200
LAST_CHARS = 10_000  # in which the last line is looked for

_TAG = re.compile(r"<answer>|</answer>")
_BOX_PIECE = re.compile(r"\\(?:boxed|fbox)\s{0,4}\{|\\[{}]|[{}]")
_FRAME = "`*_$ \t\r\n✓✔✅"
_FRAMES = (("\\(", "\\)"), ("\\[", "\\]"), ("\\boxed{", "}"), ("\\text{", "}"))
MAX_FRAMES = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is None where nothing was said; `several`: different answers were given, the last of them is `text`."""

    text: str | None
    several: bool = False
    method: str | None = None  # tag, box or line


def final_answer(completion: str, *, whole_text: bool = False) -> Answer:
    """The answer of a completion, after its thinking. `whole_text`: without tag and box it is all of it."""
    text = after_thinking(completion)
    if text is None:
        return Answer(None)
    tagged = _tagged(text)
    if tagged:
        return _one_of(tagged, "tag")
    boxed = _boxed(text)
    if boxed:
        return _one_of(boxed, "box")
    if whole_text:
        return Answer(text.strip() or None, method="line")
    return Answer(_last_line(text), method="line")


def shown(text: str | None) -> str | None:
    """A text for the detail of a verdict."""
    return text if text is None or len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def unframed(text: str) -> str:
    """A text without the Markdown and the signs of a formula around it, and without the full stop at its end."""
    for _ in range(MAX_FRAMES):
        text = text.strip(_FRAME).removesuffix(".").removesuffix("。").strip(_FRAME)
        frame = next((one for one in _FRAMES if text.startswith(one[0]) and text.endswith(one[1])), None)
        if frame is None:
            break
        text = text[len(frame[0]) : -len(frame[1])]
    return text


def _last_line(text: str) -> str | None:
    """The last line that says something, which the end of a formula or of a block of code does not."""
    lines = (line.strip() for line in reversed(text[-LAST_CHARS:].split("\n")))
    return next((line for line in lines if any(map(str.isalnum, line))), None)


def _one_of(found: list[str], method: str) -> Answer:
    answers = [text.strip() for text in found]
    different = len({"".join(text.split()) for text in answers}) > 1
    return Answer(answers[-1] or None, different, method)


def _tagged(text: str) -> list[str]:
    """The insides of the answer tags; an open one reaches to the next tag or to the end."""
    found: list[str] = []
    start: int | None = None
    for match in _TAG.finditer(text):
        if start is not None:
            found.append(text[start : match.start()])
        start = match.end() if match[0] == "<answer>" else None
    if start is not None:
        found.append(text[start:])
    return found


def _boxed(text: str) -> list[str]:
    """The insides of the outermost closed boxes, in order."""
    found: list[tuple[int, str]] = []
    opened: list[int | None] = []  # for each open brace the start of its box's content
    start_of_first = min((at for at in (text.find("\\boxed"), text.find("\\fbox")) if at >= 0), default=len(text))
    for match in _BOX_PIECE.finditer(text, start_of_first):
        if match[0].startswith("\\") and len(match[0]) > 2:
            opened.append(match.end())
        elif not opened or len(match[0]) == 2:
            continue
        elif match[0] == "{":
            opened.append(None)
        elif (start := opened.pop()) is not None:
            while found and found[-1][0] > start:
                found.pop()
            found.append((start, text[start : match.start()]))
    return [content for _, content in found]
