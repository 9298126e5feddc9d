"""`json`: is the answer JSON, and does it fit a schema?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import orjson
from pydantic import Field, JsonValue, model_validator

from reward_server.checks.base import CheckInput, GoldView, HeavyCheck, Params, Verdict
from reward_server.completion import final_answer, with_prefill
from reward_server.errors import GroundTruthInvalid
from reward_server.text.strict_json import NotJson, Schema, SchemaInvalid, compiled, parsed
from reward_server.text.tags import fenced_blocks
from reward_server.wire import GoldKind

IN_PLACE_CHARS = 100_000  # read and judged within some milliseconds
IN_PLACE_WITH_PATTERNS = 20_000  # the same against any pattern
IN_PLACE_STEPS = 5_000_000  # characters times schemas that each may be held against; some tens of milliseconds
IN_PLACE_GOLD_BYTES = 20_000  # of a schema that comes with the item and has to be compiled
LOCATED_CHARS = 4_000  # in a longer answer nobody looks for the place of the fault
JSON_MARKS = frozenset({"", "json"})


class JsonParams(Params):
    json_schema: dict[str, JsonValue] | None = Field(
        default=None, description="what the answer has to fit (JSON Schema); null: any JSON will do"
    )
    schema_from: Literal["params", "ground_truth"] = Field(
        default="params",
        description='ground_truth: each item brings its schema, bare or as {"schema": {…}}, also as JSON in a string',
    )
    unique_keys: bool = Field(default=True, description="an object that names a key twice is refused")

    @model_validator(mode="after")
    def _is_a_schema(self) -> Self:
        if self.json_schema is not None:
            if self.schema_from == "ground_truth":
                raise ValueError("give either `json_schema` or `schema_from: ground_truth`, and not both")
            compiled(self.json_schema)
        return self

    def __hash__(self) -> int:  # a dict has none of its own
        return hash((orjson.dumps(self.json_schema), self.schema_from, self.unique_keys))


class JsonSchemaCheck(HeavyCheck):
    """A long answer is judged in a worker: time linear in it, for patterns above all, can still be long."""

    name: ClassVar[str] = "json"
    description: ClassVar[str] = "1 when the answer is JSON, read strictly, and fits the schema, else 0"
    source: ClassVar[str] = "JSON (RFC 8259) and JSON Schema, draft 2020-12 where the schema names no other"
    ground_truth: ClassVar[str] = 'not used, or a JSON schema, bare or as {"schema": {…}}, where `schema_from` says so'
    params: ClassVar[type[Params]] = JsonParams
    detail: ClassVar[Mapping[str, str]] = {
        "failed": "no_answer, not_json, nested_too_deeply, duplicate_key or schema",
        "at": "where the schema is broken, and the keyword that is; null in answers of more than 4,000 characters, "
        "and for schemas with branches that refer to themselves",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [
            {
                "check": "json",
                "params": {
                    "json_schema": {
                        "type": "object",
                        "properties": {"age": {"type": "integer", "minimum": 0}},
                        "required": ["age"],
                    }
                },
            }
        ],
        "items": [
            {"completion": '<think>She is 7.</think><answer>{"age": 7}</answer>'},
            {"completion": '```json\n{"age": "seven"}\n```'},
            {"completion": '{"age": NaN}'},
        ],
    }

    def judge_in_place(self, item: CheckInput, params: JsonParams) -> Verdict | None:
        if params.schema_from == "ground_truth" and _bytes(item.ground_truth) > IN_PLACE_GOLD_BYTES:
            return None
        schema = _schema(item, params)
        limit = IN_PLACE_WITH_PATTERNS if schema is not None and schema.has_patterns else IN_PLACE_CHARS
        steps = len(item.completion) * (schema.tree if schema is not None else 1)
        return None if len(item.completion) > limit or steps > IN_PLACE_STEPS else _judged(item, params, schema)

    def judge(self, item: CheckInput, params: JsonParams) -> Verdict:
        return _judged(item, params, _schema(item, params))

    def read_gold(self, item: CheckInput, params: JsonParams) -> GoldView | None:
        if params.schema_from == "params":
            return None
        schema = _schema_of(item.ground_truth)
        _compiled_gold(schema)
        return GoldView(GoldKind.CONSTRAINTS, orjson.dumps(schema, option=orjson.OPT_SORT_KEYS).decode()[:400])


def _judged(item: CheckInput, params: JsonParams, schema: Schema | None) -> Verdict:
    gold_kind = GoldKind.CONSTRAINTS if params.schema_from == "ground_truth" else None
    failed, at = _fault(item, params, schema)
    flags = ("no_answer",) if failed == "no_answer" else ()
    return Verdict(float(failed is None), {"failed": failed, "at": at}, flags, gold_kind=gold_kind)


def _fault(item: CheckInput, params: JsonParams, schema: Schema | None) -> tuple[str | None, str | None]:
    answer = final_answer(with_prefill(item))
    if answer is None or not answer.strip():
        return "no_answer", None
    text = _unfenced(answer.strip())
    try:
        value = parsed(text, unique_keys=params.unique_keys)
    except NotJson as error:
        return str(error), None
    if schema is None or schema.fits(value):
        return None, None
    return "schema", schema.fault(value) if len(text) <= LOCATED_CHARS else None


def _unfenced(answer: str) -> str:
    """The inside of the one block that the answer is, else the answer."""
    if not answer.startswith(("```", "~~~")):
        return answer
    blocks = fenced_blocks(answer)
    whole = len(blocks) == 1 and (blocks[0].start, blocks[0].end) == (0, len(answer))
    return blocks[0].code if whole and blocks[0].info.casefold() in JSON_MARKS else answer


def _schema(item: CheckInput, params: JsonParams) -> Schema | None:
    if params.schema_from == "ground_truth":
        return _compiled_gold(_schema_of(item.ground_truth))
    return None if params.json_schema is None else compiled(params.json_schema)


def _bytes(truth: JsonValue) -> int:
    try:
        return len(truth if isinstance(truth, str) else orjson.dumps(truth))
    except orjson.JSONEncodeError:
        return 0  # refused when it is compiled


def _schema_of(truth: JsonValue) -> dict[str, Any]:
    """The schema in a ground truth. Raises GroundTruthInvalid."""
    if isinstance(truth, str):
        try:
            truth = parsed(truth, unique_keys=True)
        except NotJson as error:
            raise GroundTruthInvalid("expected a JSON schema, got a string that is no JSON") from error
    if isinstance(truth, dict) and set(truth) == {"schema"} and isinstance(truth["schema"], dict):
        truth = truth["schema"]
    if not isinstance(truth, dict):
        raise GroundTruthInvalid(f"expected a JSON schema (an object), got {type(truth).__name__}")
    return truth


def _compiled_gold(schema: dict[str, Any]) -> Schema:
    try:
        return compiled(schema)
    except SchemaInvalid as error:
        raise GroundTruthInvalid(f"the JSON schema cannot be used: {error}") from error
