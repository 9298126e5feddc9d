"""The program in a completion: its last fenced block, or all of it; thinking is left out. Linear time on any text."""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache

from reward_server.completion import after_thinking

_FENCE = re.compile(r"^(?:[ \t]|</?answer>)*(```+|~~~+)[ \t]*([\w+#.-]*)[^\n]*$", re.MULTILINE)
_TAGS = re.compile(r"</?answer>")
PYTHON = {"python", "py", "python3"}


def extract_source(completion: str) -> str | None:
    """The last closed Python block (or untagged one) behind the thinking; without any fence the text itself.

    None where thinking was never closed, or where there are fences but none holds Python.
    """
    text = after_thinking(completion)
    if text is None:
        return None
    blocks = _blocks(text)
    if not blocks:
        return _TAGS.sub("", text).strip("\n")
    python = [code for language, code in blocks if language.lower() in PYTHON]
    untagged = [code for language, code in blocks if not language]
    found = python or untagged
    return found[-1] if found else None


def complete(source: str, prefix: str, entries: list[str]) -> str:
    """A whole program from what the policy wrote and the prompt it was to continue.

    HumanEval asks for the body of a function that the prompt began: where the entry is not defined, the prompt comes
    first as it is. Where it is, the prompt still gives the imports and helpers that the function may use.
    """
    if not prefix:
        return source
    if all(_defines(source, entry) for entry in entries):
        return _closed(prefix) + source
    return prefix + source


def _defines(source: str, name: str) -> bool:
    escaped = re.escape(name)
    definition = rf"^(?:async\s+def|def|class)\s+{escaped}\b|^{escaped}\s*="
    return re.search(definition, source, re.MULTILINE) is not None


@lru_cache(maxsize=1024)
def _closed(prefix: str) -> str:
    """The prompt with its begun function closed, so that a program can follow; nothing where it is not Python."""
    closed = prefix.rstrip() + "\n    pass\n"
    try:
        with warnings.catch_warnings(action="ignore"):  # they would print the prompt
            ast.parse(closed)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return closed


def _blocks(text: str) -> list[tuple[str, str]]:
    """Fenced blocks as (language, code); one that the text ends in counts as closed."""
    blocks = []
    opened: tuple[str, str, int] | None = None
    for fence in _FENCE.finditer(text):
        marks, language = fence.groups()
        if opened is None:
            opened = (marks, language, fence.end() + 1)
        elif marks.startswith(opened[0]) and not language:
            blocks.append((opened[1], text[opened[2] : fence.start()]))
            opened = None
    if opened is not None:
        blocks.append((opened[1], text[opened[2] :]))
    return blocks
