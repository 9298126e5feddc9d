"""What the reference policy says of the pairs: computed once, kept on disk, read where it is needed.

reference/log_probs.f32    log-probs of every completion's tokens: chosen, rejected, chosen, ...
reference/lengths.i64      how many tokens each has
reference/progress.json    how many pairs are done; a killed run goes on behind them
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trainer_client.batching import demonstration_batch
from trainer_client.config.recipes import PromptTextConfig
from trainer_client.data.fields import Paths, RowError, to_example
from trainer_client.errors import CheckpointError, DataError
from trainer_client.fingerprint import fingerprint
from trainer_client.model import LanguageModel
from trainer_client.policy import token_log_probs
from trainer_client.recipes.ledger import Ledger
from trainer_client.recipes.problems import prompt_builder
from trainer_client.recipes.rows import Row, RowFile
from trainer_client.types import TrainBatch

FIELDS = Paths(prompt="prompt", ground_truth=".")
LOG_PROBS, LENGTHS, PROGRESS = "log_probs.f32", "lengths.i64", "progress.json"


@dataclass(frozen=True, slots=True)
class PairIds:
    """Token ids of one pair. Completions end with the end token, a truncated one does not."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]

    @property
    def longest(self) -> int:
        """Tokens of the prompt with the longer completion."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))


class PairTokens:
    """Pairs of text to token ids."""

    def __init__(self, text: PromptTextConfig, model: LanguageModel) -> None:
        self._model = model
        self._builder = prompt_builder(text, model.tokenizer)

    def ids(self, pair: Row) -> PairIds:
        """The ids of a line of `pairs.jsonl`."""
        try:
            prompt = self._builder.prompt(to_example(pair, FIELDS, 0)).token_ids
        except RowError as error:
            raise DataError(f"a prompt among the judged completions cannot be used: {error}") from error
        rejected = self._completion(pair["rejected"], ended=not pair["rejected_truncated"])
        return PairIds(prompt, self._completion(pair["chosen"], ended=True), rejected)

    def _completion(self, text: str, ended: bool) -> tuple[int, ...]:
        ids: list[int] = self._model.tokenizer(text, add_special_tokens=False)["input_ids"]
        return (*ids, self._model.eos_ids[0]) if ended else tuple(ids)


def pair_batch(pairs: Sequence[PairIds], pad_id: int) -> TrainBatch:
    """The chosen completions as the first half of the rows, the rejected as the second."""
    chosen = [(pair.prompt, pair.chosen) for pair in pairs]
    return demonstration_batch([*chosen, *((pair.prompt, pair.rejected) for pair in pairs)], pad_id)


class ReferenceLogProbs:
    """Log-probs of all pairs, on disk and complete."""

    def __init__(self, directory: Path) -> None:
        self._lengths = np.fromfile(directory / LENGTHS, dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self._lengths)])
        self._values = np.memmap(directory / LOG_PROBS, dtype=np.float32, mode="r")

    def rows(self, places: Sequence[int], width: int) -> Tensor:
        """Log-probs [2b, T] of the pairs at these places, as `pair_batch` orders them, zero where there is no token."""
        completions = [2 * place for place in places] + [2 * place + 1 for place in places]
        filled = torch.zeros(len(completions), width)
        for row, completion in enumerate(completions):
            start, length = self._starts[completion], int(self._lengths[completion])
            filled[row, :length] = torch.from_numpy(np.array(self._values[start : start + length]))
        return filled


def compute_reference(
    directory: Path,
    pairs: RowFile,
    tokens: PairTokens,
    open_reference: Callable[[], LanguageModel],
    rows: int,
    show: Callable[[int], None],
    portion: int = 16,
) -> ReferenceLogProbs:
    """The log-probs of all pairs under the reference, which is opened only when some are missing.

    `rows` pairs go into a forward pass, `portion` of those onto the disk together; then `show` is told how many pairs
    are done. Raises CheckpointError when what is on disk belongs to other pairs.
    """
    directory.mkdir(exist_ok=True)
    values, lengths = directory / LOG_PROBS, directory / LENGTHS
    of = fingerprint(pairs.path)
    with _opened(directory) as ledger:
        if ledger.state.get("of", of) != of:
            raise CheckpointError(f"{directory} belongs to other pairs: remove it, then --resume computes it again")
        done = int(ledger.state.get("pairs", 0))
        model = open_reference() if done < len(pairs) else None
        while model is not None and done < len(pairs):
            ids = [tokens.ids(pair) for pair in pairs[done : done + rows * portion]]
            known = [row for start in range(0, len(ids), rows) for row in _log_probs(model, ids[start : start + rows])]
            done += len(ids)
            sizes = np.array([len(row) for row in known], dtype=np.int64)
            ledger.commit(
                {values: np.concatenate(known).tobytes(), lengths: sizes.tobytes()}, {"pairs": done, "of": of}
            )
            show(done)
    return ReferenceLogProbs(directory)


def _opened(directory: Path) -> Ledger:
    try:
        return Ledger(directory / PROGRESS, [directory / LOG_PROBS, directory / LENGTHS])
    except CheckpointError as error:
        raise CheckpointError(f"{error}. Or remove {directory}: --resume computes it again") from error


@torch.no_grad()
def _log_probs(model: LanguageModel, pairs: Sequence[PairIds]) -> list[np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """Of each completion's tokens: chosen, rejected, chosen, ..."""
    batch = pair_batch(pairs, model.pad_id).to(model.device)
    rows = token_log_probs(model.network, batch, 1.0).float().cpu().numpy()
    half = len(pairs)
    found = []
    for place, pair in enumerate(pairs):
        found += [rows[place, : len(pair.chosen)], rows[half + place, : len(pair.rejected)]]
    return found
