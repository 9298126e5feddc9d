"""Questions to an external judge, and what it replied. A leaf: checks ask with these, executors answer with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Question:
    """A body to be sent by POST to `path` under the endpoint that the server's settings name, as is the model."""

    path: str  # begins with a slash
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """The body of an answer with status 200, as it came."""

    body: bytes
