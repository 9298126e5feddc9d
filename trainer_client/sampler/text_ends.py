"""Where the text of each token ends: what maps a reward server's characters onto tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import torch
from torch import Tensor

UNFINISHED = "\ufffd"  # what decoders write for bytes that are no whole character yet


def text_ends(token_ids: Sequence[int], text: str, decode: Callable[[Sequence[int]], str]) -> Tensor:
    """Whole code points [T] of `text` up to and including each token, never falling; `text` is the decoded whole.

    A character whose bytes lie in several tokens ends with the last of them. Tokens behind the text, such as an end
    token, have its length. `decode` is called for a few tokens at a time, so the work grows with T and not with T^2;
    where the pieces do not add up to `text`, every prefix is decoded.
    """
    counts = list(accumulate(len(piece) for piece in _pieces(token_ids, decode)))
    if counts and counts[-1] != len(text):
        counts = list(accumulate((_whole(decode(token_ids[: n + 1])) for n in range(len(token_ids))), max))
    if counts:
        counts = [min(count, len(text)) for count in counts]
        counts[-1] = len(text)
    return torch.tensor(counts, dtype=torch.long)


def _pieces(token_ids: Sequence[int], decode: Callable[[Sequence[int]], str]) -> list[str]:
    """The text that each token adds. Tokens are decoded behind the last ones, for decoders that look back."""
    pieces, context, start, told = [], 0, 0, ""
    for end in range(1, len(token_ids) + 1):
        window = decode(token_ids[context:end])
        if window.endswith(UNFINISHED) and end < len(token_ids):
            pieces.append("")
            continue
        pieces.append(window[len(told) :])
        context, start = start, end
        told = decode(token_ids[context:start])
    return pieces


def _whole(text: str) -> int:
    return len(text.rstrip(UNFINISHED))
