"""Profiles: named sets of checks and weights. Each `NAME.toml` beside this file is one; its hash is in every answer."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson
from pydantic import Field, ValidationError

from reward_server.checks.base import AnswerCheck, Params, ProgramCheck
from reward_server.checks.registry import CHECKS
from reward_server.errors import InvalidParams, InvalidRequest, UnknownCheck, UnknownProfile
from reward_server.wire import CheckSpec, Wire

FOLDER = Path(__file__).parent


class ProfileFile(Wire):
    """What a profile's TOML file holds."""

    description: str
    checks: list[CheckSpec] = Field(min_length=1)


@dataclass(frozen=True)
class BoundCheck:
    """A check with its weight and validated parameters: one component of every score."""

    component: str
    check: AnswerCheck | ProgramCheck
    weight: float
    params: Params


@dataclass(frozen=True)
class Profile:
    name: str | None  # None: the checks came with the request
    checks: tuple[BoundCheck, ...]
    hash: str


def load_profile(name: str) -> Profile:
    """The shipped profile of that name. Raises UnknownProfile."""
    if name not in profile_names():
        raise UnknownProfile(f"no profile {name[:80]!r}; there are {', '.join(profile_names())}")
    return _load(name)


@cache
def profile_names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def _load(name: str) -> Profile:
    file = ProfileFile.model_validate(tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")))
    return bind(file.checks, name)


def bind(specs: Sequence[CheckSpec], name: str | None = None) -> Profile:
    """Resolve names and parameters. Raises UnknownCheck, InvalidParams, InvalidRequest."""
    checks = tuple(_bind_one(spec) for spec in specs)
    components = [bound.component for bound in checks]
    twice = sorted({c for c in components if components.count(c) > 1})
    if twice:
        raise InvalidRequest(f"two components are called {', '.join(twice)}: give each its own `name`")
    return Profile(name, checks, _hash(checks))


def _bind_one(spec: CheckSpec) -> BoundCheck:
    check = CHECKS.get(spec.check)
    if check is None:
        raise UnknownCheck(f"no check {spec.check[:80]!r}; there are {', '.join(sorted(CHECKS))}")
    try:
        params = check.params.model_validate(spec.params)
    except ValidationError as error:
        errors = [dict(e) for e in error.errors(include_url=False, include_input=False, include_context=False)]
        raise InvalidParams(f"parameters of check {spec.check!r}: {_first(error)}", errors=errors) from error
    return BoundCheck(spec.name or spec.check, check, spec.weight, params)


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'params'}: {first['msg']}"


def _hash(checks: Sequence[BoundCheck]) -> str:
    """Changes whenever the same completion could get another reward."""
    rules = [
        [bound.component, bound.check.name, bound.check.version, bound.weight, bound.params.model_dump(mode="json")]
        for bound in checks
    ]
    return "sha256:" + hashlib.sha256(orjson.dumps(rules, option=orjson.OPT_SORT_KEYS)).hexdigest()
