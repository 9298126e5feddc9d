"""The checks and profiles as the API shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from reward_server.checks.base import Check, ShapedParams
from reward_server.checks.registry import checks
from reward_server.errors import NoSuchCheck
from reward_server.profiles import Profiles
from reward_server.wire import CheckSpec, Combine, Wire


class CatalogueEntry(Wire):
    name: str
    version: str
    description: str
    source: str
    range: tuple[float | None, float | None]  # None: no bound
    ground_truth: str
    needs_group: bool
    needs_correct_by: bool
    params: dict[str, Any]
    detail: Mapping[str, str]
    example: Mapping[str, Any]


class ProfileEntry(Wire):
    name: str
    hash: str
    description: str
    combine: Combine
    checks: list[CheckSpec]


def catalogue() -> list[CatalogueEntry]:
    """One entry a check, by name."""
    return [_entry(check) for _, check in sorted(checks().items())]


def catalogue_entry(name: str) -> CatalogueEntry:
    """Raises NoSuchCheck."""
    if name not in checks():
        raise NoSuchCheck(f"no check {name[:80]!r}; there are {', '.join(sorted(checks()))}")
    return _entry(checks()[name])


def _entry(check: Check) -> CatalogueEntry:
    return CatalogueEntry(
        name=check.name,
        version=check.version,
        description=check.description,
        source=check.source,
        range=(_bound(check.range[0]), _bound(check.range[1])),
        ground_truth=check.ground_truth,
        needs_group=check.needs_group,
        needs_correct_by=issubclass(check.params, ShapedParams),
        params=check.params.model_json_schema(),
        detail=check.detail,
        example=check.example,
    )


def _bound(value: float) -> float | None:
    return value if math.isfinite(value) else None


def profile_entries(profiles: Profiles) -> list[ProfileEntry]:
    return [profile_entry(profiles, name) for name in profiles.names()]


def profile_entry(profiles: Profiles, name: str) -> ProfileEntry:
    """Raises UnknownProfile."""
    file = profiles.file(name)
    return ProfileEntry(
        name=name,
        hash=profiles.get(name).hash,
        description=file.description,
        combine=file.combine,
        checks=file.checks,
    )
