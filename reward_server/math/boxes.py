"""The boxes of a completion: `\\boxed{…}` with nested braces, `\\fbox{…}`, `\\boxed 5`; and which of them are final.

One pass over a bounded tail of the text; unclosed braces cost nothing more.
"""

import re
from dataclasses import dataclass

TAIL = 64_000

_PIECE = re.compile(r"\\{1,3}(?:boxed|fbox)(?![A-Za-z])[ \t]*|\\.|[{}]", re.DOTALL)
_BARE = re.compile(r"-?[A-Za-z0-9./]+")
_CONNECTOR = re.compile(
    r"(?:[\s$,;.&:]|\\[(){}\[\],;! ]|\\(?:quad|qquad)|\\text\s*\{|[{}()*]"
    r"|\b(?:and|or|for|part|case|[a-d]|i{1,3})\b|和|或|以及)*"
)
_OR = re.compile(r"\b(?:or|alternatively|maybe|perhaps|possibly)\b|或", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?\n。]")


@dataclass(frozen=True, slots=True)
class Box:
    start: int
    end: int
    content: str


def boxes_in(text: str) -> list[Box]:
    """The outermost closed boxes of the end of a text, in order."""
    offset = max(0, len(text) - TAIL)
    found: list[Box] = []
    opened: list[tuple[int, int] | None] = []  # for each open brace: start of its box and of its content
    position = offset
    while match := _PIECE.search(text, position):
        position = match.end()
        if match[0] == "{":
            opened.append(None)
        elif match[0] == "}":
            if opened and (box := opened.pop()) is not None:
                _close(found, Box(box[0], position, text[box[1] : match.start()]))
        elif match[0].lstrip("\\").startswith(("boxed", "fbox")):
            if text[position : position + 1] == "{":
                position += 1
                opened.append((match.start(), position))
            elif bare := _BARE.match(text, position):
                found.append(Box(match.start(), bare.end(), bare[0]))
                position = bare.end()
    return found


def _close(found: list[Box], box: Box) -> None:
    while found and found[-1].start > box.start:
        found.pop()
    found.append(box)


def final_boxes(text: str, boxes: list[Box]) -> list[Box]:
    """The last box with those joined to it: side by side, by `and`, or offered as alternatives to it."""
    first = len(boxes) - 1
    while first > 0 and _joined(text[boxes[first - 1].end : boxes[first].start]):
        first -= 1
    return boxes[max(first, 0) :]


def _joined(gap: str) -> bool:
    if len(gap) > 120:
        return False
    return bool(_CONNECTOR.fullmatch(gap)) or (bool(_OR.search(gap)) and not _SENTENCE.search(gap.strip(" .$\\)]")))
