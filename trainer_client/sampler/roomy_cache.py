"""A KV cache with room behind the last token: adding one does not copy those before it.

transformers' own grows by concatenation, so each token costs a copy of the whole cache: with a real model at some
hundred tokens more than the multiplications do.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 64  # positions; the copies are that many times fewer


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]  # transformers' hook for subclasses has no types
    """One layer; `keys` and `values` [B, heads, S, D] are views of the used part of two buffers."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._buffers: list[Tensor | None] = [None, None]

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """All keys and values with the new ones behind them; the new ones are kept."""
        keys, values = self.keys, self.values
        if not self.is_initialized or keys is None or values is None:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states, value_states
        else:
            self.keys = self._appended(0, keys, key_states)
            self.values = self._appended(1, values, value_states)
        return self.keys, self.values

    def _appended(self, number: int, held: Tensor, new: Tensor) -> Tensor:
        buffer, before = self._buffers[number], held.shape[-2]
        after = before + new.shape[-2]
        if buffer is None or not _begins_with(buffer, held) or buffer.shape[-2] < after:
            buffer = held.new_empty(*held.shape[:-2], after + ROOM, held.shape[-1])
            buffer[..., :before, :] = held
            self._buffers[number] = buffer
        buffer[..., before:after, :] = new
        return buffer[..., :after, :]


def _begins_with(buffer: Tensor, held: Tensor) -> bool:
    """Whether `held` is a view of the buffer's first positions; rows that left the batch make it a copy."""
    return buffer.data_ptr() == held.data_ptr() and buffer.stride() == held.stride() and len(buffer) == len(held)


def roomy_cache(config: Any) -> Cache:
    """An empty cache for a network of this configuration; layers that are not plain, such as windows, stay as they are.

    Layers that transformers makes when they are first used are plain ones too.
    """
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    if cache.layer_class_to_replicate is DynamicLayer:
        cache.layer_class_to_replicate = RoomyLayer
    return cache
