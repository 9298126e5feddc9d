"""The parts of a completion: thinking, and what was finally said. Linear time on any text."""

from __future__ import annotations


def after_thinking(completion: str) -> str | None:
    """What follows the last </think>; all of it where nobody thought aloud; None where a thought is still open."""
    text = completion.rpartition("</think>")[2]
    return None if "<think>" in text else text


def answer_tag(text: str) -> str | None:
    """The inside of the last <answer>, which the end of the text closes too; None where there is no such tag."""
    _, opened, inside = text.rpartition("<answer>")
    return inside.partition("</answer>")[0] if opened else None
