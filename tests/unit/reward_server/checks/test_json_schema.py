import json
import time
from typing import Any

import pytest
from pydantic import ValidationError

from reward_server.checks.base import CheckInput
from reward_server.checks.json_schema import JsonParams, JsonSchemaCheck
from reward_server.errors import GroundTruthInvalid
from reward_server.wire import GoldKind

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def verdict(completion: str, ground_truth: Any = None, **params: Any):  # type: ignore[no-untyped-def]
    return JsonSchemaCheck().judge(CheckInput(completion, ground_truth), JsonParams.model_validate(params))


def judge(completion: str, ground_truth: Any = None, **params: Any) -> tuple[float | None, str | None]:
    found = verdict(completion, ground_truth, **params)
    assert set(found.detail) == set(JsonSchemaCheck.detail)
    return found.value, found.detail["failed"]


@pytest.mark.parametrize(
    "completion",
    [
        '{"name": "Ann", "age": 7}',
        '<think>{"name": 1}</think>{"name": "Ann", "age": 7}',
        '<think>a</think><answer>\n{"name": "Ann", "age": 7}\n</answer>',
        'thought</think>\n```json\n{"name": "Ann", "age": 7}\n```\n',
        '<answer>\n```\n{"name": "Ann",\n "age": 7}\n```\n</answer>',
        '~~~JSON\n{"age": 7, "name": "`</answer>`"}\n~~~',
    ],
)
def test_an_answer_that_fits_the_schema_is_right(completion: str) -> None:
    assert judge(completion, json_schema=PERSON) == (1.0, None)


@pytest.mark.parametrize(
    ("completion", "failed"),
    [
        ("", "no_answer"),
        ("<think>still thinking {}", "no_answer"),
        ("<think>a</think><answer> </answer>", "no_answer"),
        ("Ann is 7.", "not_json"),
        ('{"name": "Ann", "age": 7} I hope this helps', "not_json"),
        ('Here: ```json\n{"name": "Ann", "age": 7}\n```', "not_json"),
        ('```json\n{"name": "Ann", "age": 7}\n```\n```json\n{"name": "Bob", "age": 8}\n```', "not_json"),
        ('```python\n{"name": "Ann", "age": 7}\n```', "not_json"),
        ('```json\n{"name": "Ann", "age": 7}', "not_json"),
        ("{'name': 'Ann', 'age': 7}", "not_json"),
        ('{"name": "Ann", "age": 7,}', "not_json"),
        ('{"name": "Ann", "age": 7} // so', "not_json"),
        ('{"name": "Ann", "age": NaN}', "not_json"),
        ('{"name": "Ann", "age": Infinity}', "not_json"),
        ('{"name": "Ann", "age": 1e999}', "not_json"),
        ('{"name": "Ann", "age": 07}', "not_json"),
        ('{"name": "\ud800", "age": 7}', "not_json"),
        ('{"name": "A\nnn", "age": 7}', "not_json"),
        ('{"name": "Ann", "age": 7}{}', "not_json"),
        ('{"name": "Ann", "age": 7, "age": 8}', "duplicate_key"),
        ('{"name": "Ann", "\\u0061ge": 7, "age": 8}', "duplicate_key"),
        ('{"name": "Ann", "age": -1}', "schema"),
        ('{"name": "Ann"}', "schema"),
        ('{"name": "Ann", "age": 7, "more": 1}', "schema"),
        ("[]", "schema"),
        ("null", "schema"),
    ],
)
def test_the_fault_is_named(completion: str, failed: str) -> None:
    assert judge(completion, json_schema=PERSON) == (0.0, failed)


def test_a_thought_that_the_prompt_began_is_no_answer() -> None:
    item = CheckInput("[1]", prompt="A list?<think>\n")
    assert JsonSchemaCheck().judge(item, JsonParams()).detail["failed"] == "no_answer"


def test_where_the_schema_is_broken_is_said() -> None:
    assert verdict('{"name": "Ann", "age": "7"}', json_schema=PERSON).detail["at"] == "/age type"
    assert verdict("[]", json_schema=PERSON).detail["at"] == "/ type"


def test_without_a_schema_any_json_will_do() -> None:
    assert judge("[1, 2]") == (1.0, None)
    assert judge('"text"') == (1.0, None)
    assert judge("text") == (0.0, "not_json")


def test_a_key_that_stands_twice_can_be_let_pass() -> None:
    assert judge('{"a": 1, "a": 2}', unique_keys=False) == (1.0, None)


@pytest.mark.parametrize("opened", ["[", '{"a":', "[[[[{}],["])
def test_a_bomb_of_brackets_is_simply_wrong(opened: str) -> None:
    text = opened * (1_000_000 // len(opened))
    started = time.process_time()
    assert judge(text)[0] == 0.0
    assert time.process_time() - started < 2
    assert judge("[" * 500 + "]" * 500) == (0.0, "nested_too_deeply")
    assert judge("[" * 100 + "]" * 100) == (1.0, None)


def test_a_long_answer_full_of_faults_is_simply_wrong() -> None:
    """To collect the faults below an `anyOf` would take seconds."""
    schema = {"anyOf": [{"items": {"type": "string"}}, {"items": {"type": "boolean"}}]}
    started = time.process_time()
    assert judge("[" + "1," * 400_000 + "1]", json_schema=schema) == (0.0, "schema")
    assert time.process_time() - started < 2


def test_no_pattern_hangs() -> None:
    schema = {"type": "object", "properties": {"a": {"pattern": "(a+)+$"}}}
    started = time.process_time()
    assert judge(json.dumps({"a": "a" * 100_000 + "!"}), json_schema=schema) == (0.0, "schema")
    assert time.process_time() - started < 2


@pytest.mark.parametrize("schema", [{"properties": {"a": {"pattern": "^a"}}}, {"patternProperties": {"^a": {}}}])
def test_a_long_answer_is_matched_against_patterns_in_a_worker(schema: dict[str, Any]) -> None:
    check, long = JsonSchemaCheck(), json.dumps({"a": "a" * 100_000})
    assert check.judge_in_place(CheckInput(long), JsonParams(json_schema=schema)) is None
    in_place = check.judge_in_place(CheckInput('{"a": "a"}'), JsonParams(json_schema=schema))
    assert in_place is not None
    assert in_place.value == 1.0
    assert check.judge_in_place(CheckInput(long[:30_000]), JsonParams(json_schema=PERSON)) is not None
    assert check.judge_in_place(CheckInput(long), JsonParams(json_schema=PERSON)) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"a": {"$ref": "https://example.com/a"}}},
        {"$ref": "#/$defs/missing"},
        {"$schema": "http://example.com/own-draft"},
        {"type": "number of apples"},
        {"minimum": "3"},
        {"pattern": "("},
        {"pattern": "(?=a)"},
        {"pattern": "((a{1000}){1000}){1000}"},
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_and_nothing_is_fetched(
    schema: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(ValidationError):
        JsonParams(json_schema=schema)
    with pytest.raises(GroundTruthInvalid):
        judge("{}", schema, schema_from="ground_truth")


def test_nothing_listens_to_a_schema_with_a_remote_reference() -> None:
    """The fetching would be done below Python, so a real listener watches."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        with pytest.raises(ValidationError, match="not fetched"):
            JsonParams(json_schema={"$ref": f"http://127.0.0.1:{port}/schema.json"})
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize("truth", [PERSON, {"schema": PERSON}, json.dumps(PERSON), json.dumps({"schema": PERSON})])
def test_each_item_can_bring_its_schema(truth: Any) -> None:
    right = verdict('{"name": "Ann", "age": 7}', truth, schema_from="ground_truth")
    assert (right.value, right.gold_kind) == (1.0, GoldKind.CONSTRAINTS)
    assert judge('{"name": "Ann"}', truth, schema_from="ground_truth") == (0.0, "schema")


@pytest.mark.parametrize("truth", [None, 7, [], "not json", "[]", True, {"schema": {"type": "nothing"}}])
def test_a_ground_truth_that_is_no_schema_is_the_callers_fault(truth: Any) -> None:
    with pytest.raises(GroundTruthInvalid):
        judge("{}", truth, schema_from="ground_truth")
    with pytest.raises(GroundTruthInvalid):
        JsonSchemaCheck().read_gold(CheckInput("", truth), JsonParams(schema_from="ground_truth"))


def test_the_ground_truth_is_read_as_constraints_and_only_where_it_is_used() -> None:
    item = CheckInput("", {"schema": {"type": "object"}})
    view = JsonSchemaCheck().read_gold(item, JsonParams(schema_from="ground_truth"))
    assert view is not None
    assert (view.kind, view.normalised) == (GoldKind.CONSTRAINTS, '{"type":"object"}')
    assert JsonSchemaCheck().read_gold(item, JsonParams()) is None


def test_two_schemas_are_one_too_many() -> None:
    with pytest.raises(ValidationError, match="not both"):
        JsonParams(json_schema={}, schema_from="ground_truth")


def test_parameters_have_a_hash_since_a_server_keeps_checks_by_them() -> None:
    assert hash(JsonParams(json_schema=PERSON)) == hash(JsonParams(json_schema=dict(PERSON)))
