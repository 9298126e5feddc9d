"""What checks and profiles there are."""

from __future__ import annotations

from fastapi import APIRouter, Request

from reward_server.catalogue import (
    CatalogueEntry,
    ProfileEntry,
    catalogue,
    catalogue_entry,
    profile_entries,
    profile_entry,
)
from reward_server.routes.shared import state_of
from reward_server.wire import CHECKS_PATH, PROFILES_PATH

routes = APIRouter()


@routes.get(CHECKS_PATH)
async def checks() -> list[CatalogueEntry]:
    """Every check: what it rewards, its parameters as JSON schema, where its definition comes from."""
    return catalogue()


@routes.get(CHECKS_PATH + "/{name}")
async def check(name: str) -> CatalogueEntry:
    return catalogue_entry(name)


@routes.get(PROFILES_PATH)
async def profiles(request: Request) -> list[ProfileEntry]:
    """Every profile with its checks, weights, parameters and hash."""
    return profile_entries(state_of(request).profiles)


@routes.get(PROFILES_PATH + "/{name}")
async def profile(request: Request, name: str) -> ProfileEntry:
    return profile_entry(state_of(request).profiles, name)
