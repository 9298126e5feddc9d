"""Rows of instruction constraints → pairs of instruction id and arguments, under their published IFEval names.

| data set | what is read |
| --- | --- |
| IFEval, IFBench, NeMo Gym | `instruction_id_list` with `kwargs`, one object for each, padded with nulls |
| Tülu 3 / open-instruct (IF multi-constraints) | a list, often a Python literal, of `instruction_id` with `kwargs` |
| RLVR-IFeval | `func_name` with its arguments side by side, padded with nulls |

A row that wraps one of these (`ground_truth`, `reward_model`, `verification_info`, `info`, `metadata`, `extra_info`)
may come whole. Whether an instruction is known, and its arguments fit, is for the check to say.
"""

from __future__ import annotations

from typing import Any

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.constraint_functions import constraints_of_function
from reward_server.ground_truth.layers import unwrapped

Constraint = tuple[str, dict[str, Any]]

MAX_CONSTRAINTS = 64
MAX_WRAPPERS = 4
_IDS = ("instruction_id_list", "instruction_id", "instruction_ids")
_WRAPPERS = ("ground_truth", "reward_model", "verification_info", "info", "metadata", "extra_info")


def constraints_of(ground_truth: Any) -> list[Constraint]:
    """The instruction ids of a ground truth, each with its arguments, nulls dropped. Raises GroundTruthInvalid."""
    found = _found(ground_truth)
    if not 0 < len(found) <= MAX_CONSTRAINTS:
        raise GroundTruthInvalid(f"expected 1 to {MAX_CONSTRAINTS} instructions, got {len(found)}")
    return found


def is_constraints(shape: Any) -> bool:
    """Whether a value that is not text any more has the shape of constraints; they may be wrong all the same."""
    if isinstance(shape, list):
        return bool(shape) and all(isinstance(one, dict) and is_constraints(one) for one in shape)
    if not isinstance(shape, dict):
        return False
    # A function of a programming problem has a `func_name` too.
    return any(name in shape for name in _IDS) or str(shape.get("func_name")).startswith(("verify_", "validate_"))


def _found(ground_truth: Any) -> list[Constraint]:
    shape = ground_truth
    for _ in range(MAX_WRAPPERS):
        shape = unwrapped(shape, "constraints")
        if isinstance(shape, list):
            return [pair for one in shape for pair in _of_object(unwrapped(one, "constraints"))]
        if not isinstance(shape, dict):
            raise GroundTruthInvalid(f"expected constraints as an object or a list, got {type(shape).__name__}")
        if is_constraints(shape):
            return _of_object(shape)
        inner = next((name for name in _WRAPPERS if shape.get(name) is not None), None)
        if inner is None:
            names = ", ".join(map(str, shape))[:200]
            raise GroundTruthInvalid(
                f"expected `instruction_id_list` with `kwargs`, or `func_name`, got the fields {names}"
            )
        shape = shape[inner]
    raise GroundTruthInvalid(f"expected constraints in at most {MAX_WRAPPERS} wrappers, got more")


def _of_object(shape: Any) -> list[Constraint]:
    if not isinstance(shape, dict):
        raise GroundTruthInvalid(f"expected every constraint as an object, got {type(shape).__name__}")
    name = next((name for name in _IDS if shape.get(name) is not None), None)
    if name is None and "func_name" in shape:
        return constraints_of_function(shape)
    if name is None:
        raise GroundTruthInvalid("expected `instruction_id_list` with `kwargs` in every constraint")
    ids = _listed(shape[name], f"`{name}`")
    arguments = _arguments(shape.get("kwargs"), len(ids))
    if not all(isinstance(one, str) and one.strip() for one in ids):
        raise GroundTruthInvalid(f"expected `{name}` as names of instructions")
    return [(one.strip(), given) for one, given in zip(ids, arguments, strict=True)]


def _listed(value: Any, what: str) -> list[Any]:
    """A list; one name stands for a list of it."""
    if isinstance(value, str):
        value = unwrapped(value, what) if value.lstrip().startswith("[") else [value]
    if not isinstance(value, list):
        raise GroundTruthInvalid(f"expected {what} as a list, got {type(value).__name__}")
    return value


def _arguments(given: Any, count: int) -> list[dict[str, Any]]:
    """One object for each instruction, without nulls; no arguments at all may be left out."""
    given = unwrapped(given, "`kwargs`")
    if given is None:
        return [{} for _ in range(count)]
    if isinstance(given, dict):
        given = [given]
    if not isinstance(given, list) or len(given) != count:
        came = f"{len(given)}" if isinstance(given, list) else type(given).__name__
        raise GroundTruthInvalid(
            f"expected `kwargs` as a list of {count} objects, one for each instruction, got {came}"
        )
    return [_without_nulls(unwrapped(one, "`kwargs`")) for one in given]


def _without_nulls(arguments: Any) -> dict[str, Any]:
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise GroundTruthInvalid(f"expected arguments of an instruction as an object, got {type(arguments).__name__}")
    return {name: value for name, value in arguments.items() if value is not None}
