"""From what a profile or a request says to checks with validated parameters, and back to a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson
from pydantic import JsonValue, ValidationError

from reward_server.checks.base import (
    AskingCheck,
    Check,
    ChoosingCheck,
    ChoosingParams,
    Params,
    ProgramCheck,
    ShapedParams,
)
from reward_server.checks.registry import checks as all_checks
from reward_server.errors import InvalidParams, InvalidRequest, UnknownCheck
from reward_server.misfits import misfit
from reward_server.wire import CheckSpec, Combine

MAX_PARAMS_BYTES = (
    1 << 18
)  # of all checks together, as JSON; compiling so many patterns or schemas is a tenth of a second


@dataclass(frozen=True, eq=False)
class BoundCheck:
    """A check with its weight and validated parameters: one component of every score."""

    component: str
    check: Check
    weight: float
    params: Params
    choices: Mapping[str, BoundCheck] = field(default_factory=dict)  # of a ChoosingCheck, by name

    @property
    def correct_by(self) -> str | None:
        """The component that has to be judged before this one."""
        return self.params.correct_by if isinstance(self.params, ShapedParams) else None


@dataclass(frozen=True)
class Profile:
    name: str | None  # None: the checks came with the request
    checks: tuple[BoundCheck, ...]
    combine: Combine
    hash: str

    @cached_property
    def rounds(self) -> tuple[tuple[BoundCheck, ...], ...]:
        """The checks in the order in which they are judged, those of one round side by side: first what stands alone,
        then what costs another server's time and may be left out when the gate is closed, then what depends on others.
        """
        shaped = tuple(bound for bound in self.checks if bound.correct_by is not None)
        asking = tuple(
            bound
            for bound in self.checks
            if self.combine.gate not in (None, bound.component) and isinstance(bound.check, AskingCheck)
        )
        alone = tuple(bound for bound in self.checks if bound not in shaped and bound not in asking)
        return tuple(together for together in (alone, asking, shaped) if together)

    @property
    def needs_group(self) -> bool:
        return any(bound.check.needs_group for bound in self.checks)

    @property
    def may_run_programs(self) -> bool:
        used = [one.check for bound in self.checks for one in (bound, *bound.choices.values())]
        return any(isinstance(check, ProgramCheck) for check in used)


def bind(specs: Sequence[CheckSpec], combine: Combine | None = None, name: str | None = None) -> Profile:
    """Resolve names and parameters. Raises UnknownCheck, InvalidParams, InvalidRequest."""
    combine = combine or Combine()
    _require_small(specs)
    checks = tuple(_bind_one(spec) for spec in specs)
    components = [bound.component for bound in checks]
    twice = sorted({c for c in components if components.count(c) > 1})
    if twice:
        raise InvalidRequest(f"two components are called {', '.join(twice)}: give each its own `name`")
    if combine.gate is not None and combine.gate not in components:
        raise InvalidRequest(f"expected `gate` to be one of {', '.join(components)}, got {combine.gate!r}")
    for bound in checks:
        _require_plain_component(bound, checks)
    return Profile(name, checks, combine, _hash(checks, combine))


def _require_small(specs: Sequence[CheckSpec]) -> None:
    """They are read while other requests wait."""
    size = sum(len(json.dumps(spec.params)) for spec in specs)
    if size > MAX_PARAMS_BYTES:
        raise InvalidParams(
            f"expected parameters of at most {MAX_PARAMS_BYTES:,} bytes in all, as JSON, got {size:,}: what belongs to "
            "single items goes into their ground truth"
        )


def _bind_one(spec: CheckSpec) -> BoundCheck:
    check = all_checks().get(spec.check)
    if check is None:
        raise UnknownCheck(f"no check {spec.check[:80]!r}; there are {', '.join(sorted(all_checks()))}")
    try:
        params = check.params.model_validate(spec.params)
    except ValidationError as error:
        wrong = misfit(error, "params", check.params.model_fields, quoting=True)
        errors = [dict(e) for e in error.errors(include_url=False, include_input=False, include_context=False)]
        raise InvalidParams(f"parameters of check {spec.check!r}: {wrong}", errors=errors) from error
    choices = {}
    if isinstance(check, ChoosingCheck) and isinstance(params, ChoosingParams):
        choices = _choices(check, params)
    return BoundCheck(spec.name or spec.check, check, spec.weight, params, choices)


def _choices(check: ChoosingCheck, params: ChoosingParams) -> dict[str, BoundCheck]:
    strangers = sorted({*params.among, *params.params} - set(check.choices))
    if strangers:
        raise InvalidParams(
            f"parameters of check {check.name!r}: expected choices among {', '.join(check.choices)}, "
            f"got {', '.join(strangers)[:200]}"
        )
    names = params.among or check.choices
    return {name: _bind_one(_with_params(check.choices[name], params.params.get(name, {}))) for name in names}


def _with_params(spec: CheckSpec, params: Mapping[str, JsonValue]) -> CheckSpec:
    return spec.model_copy(update={"params": {**spec.params, **params}})


def _require_plain_component(bound: BoundCheck, checks: Sequence[BoundCheck]) -> None:
    """What says whether the answer is right does not itself wait for another component."""
    if bound.correct_by is None:
        return
    fit = [other.component for other in checks if other.correct_by is None]
    if bound.correct_by not in fit:
        raise InvalidRequest(
            f"`correct_by` of {bound.component!r} has to name another component that judges the answer itself "
            f"({', '.join(fit) or 'there is none'}), got {bound.correct_by[:80]!r}"
        )


def _hash(checks: Sequence[BoundCheck], combine: Combine) -> str:
    """Changes whenever the same completion could get another reward."""
    rules = [[bound.component, bound.weight, *_rule(bound)] for bound in checks]
    content = orjson.dumps([rules, combine.model_dump(mode="json")], option=orjson.OPT_SORT_KEYS)
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _rule(bound: BoundCheck) -> list[Any]:
    chosen = [_rule(choice) for _, choice in sorted(bound.choices.items())]
    return [bound.check.name, bound.check.version, bound.params.model_dump(mode="json"), chosen]
