"""Expressions of whole numbers as trees: their text, their value, and the equations that work them out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

_RANK = {"+": 1, "-": 1, "*": 2, "/": 2}


@dataclass(frozen=True, slots=True)
class Tree:
    """A number (`sign` is empty, `number` is it), or two trees with a sign between."""

    number: int = 0
    sign: str = ""
    left: Tree | None = None
    right: Tree | None = None


def joined(left: Tree, sign: str, right: Tree) -> Tree:
    """`left sign right`."""
    return Tree(sign=sign, left=left, right=right)


def calculate(sign: str, left: int, right: int) -> int | None:
    """The value; None for a division that leaves a remainder."""
    if sign == "/":
        return None if right == 0 or left % right else left // right
    return left + right if sign == "+" else left - right if sign == "-" else left * right


def text(tree: Tree) -> str:
    """The expression with no more brackets than it needs."""
    if tree.left is None or tree.right is None:
        return str(tree.number)
    rank = _RANK[tree.sign]
    left, right = text(tree.left), text(tree.right)
    if tree.left.sign and _RANK[tree.left.sign] < rank:
        left = f"({left})"
    ends_early = tree.sign in "-/" and tree.right.sign and _RANK[tree.right.sign] == rank
    if tree.right.sign and (_RANK[tree.right.sign] < rank or ends_early):
        right = f"({right})"
    return f"{left}{tree.sign}{right}"


def equations(tree: Tree, wrong: Callable[[int], int] | None = None) -> tuple[list[str], int]:
    """The equations in the order they are worked out, and what they come to.

    `wrong` makes of each true result what is written; the work goes on with that. A tree with a remainder in it
    raises ValueError.
    """
    steps: list[str] = []

    def work(node: Tree) -> int:
        if node.left is None or node.right is None:
            return node.number
        left, right = work(node.left), work(node.right)
        result = calculate(node.sign, left, right)
        if result is None:
            raise ValueError(f"{left}/{right} leaves a remainder")
        result = wrong(result) if wrong else result
        steps.append(f"{left}{node.sign}{right}={result}")
        return result

    return steps, work(tree)


def values(tree: Tree) -> Iterator[int | None]:
    """The value of every operation, the whole expression's last; None from the first that has none."""
    if tree.left is None or tree.right is None:
        return
    yield from values(tree.left)
    yield from values(tree.right)
    yield value(tree)


def value(tree: Tree) -> int | None:
    """The whole number that it comes to; None where a division leaves a remainder."""
    if tree.left is None or tree.right is None:
        return tree.number
    left, right = value(tree.left), value(tree.right)
    return None if left is None or right is None else calculate(tree.sign, left, right)
