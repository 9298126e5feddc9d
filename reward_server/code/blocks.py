"""The program in a completion: its last fenced block, or all of it; thinking is left out. Linear time on any text."""

from __future__ import annotations

import re

from reward_server.completion import after_thinking
from reward_server.ground_truth.languages import is_called

# A fence on a line of its own, perhaps the first line of a list item, or one that ends a line right before </answer>.
_FENCE = re.compile(
    r"^(?P<lead>(?:[ \t\ufeff]|</?answer>|(?P<item>[-*+]|\d{1,9}[.)])[ \t])*)"
    r"(?P<marks>```+|~~~+)[ \t]*(?P<language>[\w+#.-]*)[^\n]*$"
    r"|(?<=[^\s`~])[ \t]*(?P<tail>```+|~~~+)(?=[ \t]*</answer>)",
    re.MULTILINE,
)
_TAGS = re.compile(r"</?answer>")
_NO_INDENT = re.compile(r"</?answer>|\ufeff")


def extract_source(completion: str, language: str = "python") -> str | None:
    """The last closed block of the language (or untagged one) behind the thinking; without any fence the text itself.

    None where thinking was never closed, or where there are fences but none holds the language.
    """
    text = after_thinking(completion)
    if text is None:
        return None
    blocks = _blocks(text)
    if not blocks:
        return _TAGS.sub("", text).strip("\n\ufeff")
    tagged = [code for name, code in blocks if is_called(language, name)]
    untagged = [code for name, code in blocks if not name]
    found = tagged or untagged
    return found[-1] if found else None


def _blocks(text: str) -> list[tuple[str, str]]:
    """Fenced blocks as (language, code); one that the text ends in counts as closed."""
    blocks = []
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence if fence["marks"] else None
        elif _closes(fence, opened):
            code = text[opened.end() + 1 : fence.start()] + ("\n" if fence["tail"] else "")
            blocks.append((opened["language"], _outdented(code, opened)))
            opened = None
    if opened is not None:
        blocks.append((opened["language"], _outdented(text[opened.end() + 1 :], opened)))
    return blocks


def _closes(fence: re.Match[str], opened: re.Match[str]) -> bool:
    """As CommonMark has it: one indented further than by three is text, a fence in a docstring for example."""
    if fence["tail"]:
        return fence["tail"].startswith(opened["marks"])
    if fence["language"] or fence["item"] or not fence["marks"].startswith(opened["marks"]):
        return False
    return len(_indent(fence).expandtabs(4)) <= len(_indent(opened).expandtabs(4)) + 3


def _indent(fence: re.Match[str]) -> str:
    return _NO_INDENT.sub("", fence["lead"])


def _outdented(code: str, opened: re.Match[str]) -> str:
    """Without the indentation of the opening fence, or of the first line where the code is indented less."""
    code = code.lstrip("\ufeff")
    first = code.lstrip().partition("\n")[0]
    before = code[: len(code) - len(code.lstrip())].rpartition("\n")[2]
    width = min(len(_indent(opened)), len(before)) if first else 0
    return re.sub(rf"^[ \t]{{0,{width}}}", "", code, flags=re.MULTILINE) if width else code
