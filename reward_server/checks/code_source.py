"""The program in a completion: its last fenced block, or all of it; thinking is left out. Linear time on any text."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate

from reward_server.completion import after_thinking

# A fence on a line of its own, perhaps the first line of a list item, or one that ends a line right before </answer>.
_FENCE = re.compile(
    r"^(?P<lead>(?:[ \t\ufeff]|</?answer>|(?P<item>[-*+]|\d{1,9}[.)])[ \t])*)"
    r"(?P<marks>```+|~~~+)[ \t]*(?P<language>[\w+#.-]*)[^\n]*$"
    r"|(?<=[^\s`~])[ \t]*(?P<tail>```+|~~~+)(?=[ \t]*</answer>)",
    re.MULTILINE,
)
MAX_PARSED_CHARS = 100_000

_TAGS = re.compile(r"</?answer>")
_NO_INDENT = re.compile(r"</?answer>|\ufeff")
_PYTHON = re.compile(r"py(?:thon)?-?[\d.]*", re.IGNORECASE)
_DEFINITION = re.compile(r"^(?:(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|(\w+)[ \t]*=(?!=))", re.MULTILINE)


def extract_source(completion: str) -> str | None:
    """The last closed Python block (or untagged one) behind the thinking; without any fence the text itself.

    None where thinking was never closed, or where there are fences but none holds Python.
    """
    text = after_thinking(completion)
    if text is None:
        return None
    blocks = _blocks(text)
    if not blocks:
        return _TAGS.sub("", text).strip("\n\ufeff")
    python = [code for language, code in blocks if _PYTHON.fullmatch(language)]
    untagged = [code for language, code in blocks if not language]
    found = python or untagged
    return found[-1] if found else None


def complete(source: str, prefix: str, entries: list[str]) -> str:
    """A whole program from what the policy wrote and the prompt it was to continue.

    HumanEval asks for the body of a function that the prompt began: where the entry is not defined, the prompt comes
    first as it is. Where it is, the prompt still gives the imports and helpers that the function may use. A prompt in
    a natural language is no code and stays out.
    """
    whole = closed(prefix) if prefix else ""
    if not whole:
        return source
    return _joined(whole if _names(source).issuperset(entries) else prefix, source)


def defines(source: str, name: str) -> bool:
    return name in _names(source)


def _names(source: str) -> set[str]:
    """What the program defines: by its syntax, or where it does not parse (a function's body alone) by its lines."""
    tree = _parsed(source)
    return _defined(tree) if tree else {name for pair in _DEFINITION.findall(source) for name in pair}


def _parsed(source: str) -> ast.Module | None:
    """The syntax tree, or None where there is none, or where building one would take the server long."""
    if len(source) > MAX_PARSED_CHARS:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # they would print the program
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=256)
def closed(prefix: str) -> str:
    """The prompt with a function it began closed, so that a program can follow; nothing where it is not Python."""
    begun, whole = prefix.rstrip() + "\n    pass\n", prefix.rstrip() + "\n"
    if _parsed(begun):
        return begun
    tree = _parsed(whole)
    # A single word of prose is an expression too; code brings names.
    return whole if tree and _defined(tree) else ""


def _defined(tree: ast.Module) -> set[str]:
    """The names that the module's own statements bind, those under `if` and `try` too."""
    names: set[str] = set()
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        names.update(_bound(node))
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = ast.iter_child_nodes(node)
            nodes.extend(child for child in inner if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case))
    return names


def _bound(node: ast.AST) -> Iterable[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name.partition(".")[0] for alias in aliases]
        case ast.Assign(targets=targets):
            inner = (part for target in targets for part in ast.walk(target))
            return [part.id for part in inner if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return [name]
    return []


def _joined(prefix: str, source: str) -> str:
    """Both, with the `from __future__` lines of both on top: Python takes them nowhere else."""
    if "__future__" not in source:
        return prefix + source
    futures, parts = zip(_without_futures(prefix), _without_futures(source), strict=True)
    return "".join(futures) + "".join(parts)


def _without_futures(source: str) -> tuple[str, str]:
    """The `from __future__` lines that the source begins with, and the source with `pass` in their place."""
    tree = _parsed(source)
    if tree is None:
        return "", source
    data = source.encode()  # the columns of ast count bytes
    starts = [0, *accumulate(map(len, data.splitlines(keepends=True)))]
    rest, end, futures = [], 0, ""
    for node in tree.body[ast.get_docstring(tree) is not None :]:
        if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
            break
        rest.append(data[end : starts[node.lineno - 1] + node.col_offset])
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        futures += ast.unparse(node) + "\n"
    return futures, b"pass".join([*rest, data[end:]]).decode()


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
