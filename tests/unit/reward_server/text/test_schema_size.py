"""Small schemas that would be large work are told before they are used."""

from __future__ import annotations

import time
from typing import Any

import pytest

from reward_server.text.schema_size import expanded
from reward_server.text.strict_json import SchemaInvalid, compiled


def branching(levels: int, **last: Any) -> dict[str, Any]:
    """Two references a level to the next level: two to the power of `levels` paths."""
    defs = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**defs, f"d{levels}": {"type": "integer", **last}}, "$ref": "#/$defs/d0"}


RECURSIVE = {"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "array", "items": {"$ref": "#"}}]}


def nested(levels: int) -> Any:
    value: Any = "q"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "reference", ["#/$defs/a~1b", "#/$defs/a%2Fb", "#name", "http://a.test/whole#name", "http://a.test/part", "part"]
)
def test_references_are_followed_within_the_document(reference: str) -> None:
    part = {"$anchor": "name", "$id": "http://a.test/part", "anyOf": [{}, {}, {}]}
    schema = {"$id": "http://a.test/whole", "$defs": {"a/b": part}, "items": {"$ref": reference}}
    size, recursive = expanded(schema)
    assert (size, recursive) == (6, False)


def test_what_nobody_refers_to_counts_nothing() -> None:
    assert expanded({"$defs": {"a": branching(9)}, "type": "integer"}) == (1, False)


def test_recursion_is_told_and_counts_once() -> None:
    assert expanded(RECURSIVE) == (7, True)


def test_a_schema_that_branches_without_end_is_refused_at_once() -> None:
    """28 levels held the server for a minute and took all its memory: one fault for each of 2^28 paths."""
    started = time.process_time()
    for levels in (28, 60):
        with pytest.raises(SchemaInvalid, match="once each"):
            compiled(branching(levels))
    with pytest.raises(SchemaInvalid, match="lead on and on"):
        compiled(branching(2000))
    assert time.process_time() - started < 2


def test_a_pointer_starts_at_the_nearest_document() -> None:
    """A schema with an $id of its own cannot hide its branches behind the pointers of another."""
    hidden = {"$id": "http://a.test/inner", **branching(28)}
    with pytest.raises(SchemaInvalid, match="once each"):
        compiled({"$defs": {"x": hidden}, "items": {"$ref": "inner"}})


@pytest.mark.parametrize("reference", ["http://b.test/x", "./x", "x.json", "#nowhere"])
def test_a_reference_out_of_the_document_is_refused(reference: str) -> None:
    with pytest.raises(SchemaInvalid, match="is not in it, and is not fetched"):
        compiled({"$ref": reference})


@pytest.mark.parametrize("levels", [12, 18, 100])
def test_a_deep_answer_to_a_recursive_schema_costs_no_memory(levels: int) -> None:
    """Its faults are not collected: there are two to the power of its depth."""
    schema = compiled(RECURSIVE)
    started = time.process_time()
    assert not schema.fits(nested(levels))
    assert schema.fault(nested(levels)) is None
    assert time.process_time() - started < 1


def test_an_optional_property_is_still_located() -> None:
    schema = compiled({"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}})
    assert schema.fault({"a": 3}) == "/a anyOf"


def test_a_schema_has_a_bound_in_bytes() -> None:
    with pytest.raises(SchemaInvalid, match="at most 262,144 bytes"):
        compiled({"enum": ["x" * 300_000]})
