"""Sets of words, written as running text."""


def word_set(text: str) -> frozenset[str]:
    """The words between white space."""
    return frozenset(text.split())
