"""The checks as the API shows them."""

from __future__ import annotations

from typing import Any

from reward_server.checks.registry import CHECKS
from reward_server.wire import Wire


class CatalogueEntry(Wire):
    name: str
    version: str
    description: str
    source: str
    ground_truth: str
    params: dict[str, Any]


def catalogue() -> list[CatalogueEntry]:
    """One entry a check, by name."""
    return [
        CatalogueEntry(
            name=check.name,
            version=check.version,
            description=check.description,
            source=check.source,
            ground_truth=check.ground_truth,
            params=check.params.model_json_schema(),
        )
        for _, check in sorted(CHECKS.items())
    ]
