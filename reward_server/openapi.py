"""The OpenAPI description of what routes read by hand, with examples that a test sends to a running server."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from reward_server.wire import Problem, ScoreRequest

REF = "#/components/schemas/{model}"

MATH_REQUEST: dict[str, Any] = {
    "profile": "r1-zero-math",
    "items": [
        {
            "id": "p17-0",
            "group_id": "p17",
            "prompt": "2+2?",
            "completion": "<think>2 and 2 make 4.</think><answer>\\boxed{4}</answer>",
            "ground_truth": "4",
        },
        {
            "id": "p17-1",
            "group_id": "p17",
            "prompt": "2+2?",
            "completion": "<think>2 and 2 make 5.</think><answer>\\boxed{5}</answer>",
            "ground_truth": "4",
        },
    ],
    "options": {"deadline_ms": 60000},
}
CODE_REQUEST: dict[str, Any] = {
    "checks": [{"check": "code", "weight": 1.0, "params": {}}],
    "items": [
        {
            "id": "add-0",
            "completion": "```python\ndef add(a, b):\n    return a + b\n```",
            "ground_truth": {
                "tests": [
                    {"type": "call", "entry": "add", "args": [1, 2], "expected": 3},
                    {"type": "assert", "code": "assert add(-1, 1) == 0"},
                ]
            },
        }
    ],
}
EXAMPLES = {
    "math": {"summary": "two completions of one prompt, judged by a profile", "value": MATH_REQUEST},
    "code": {"summary": "a program, judged by tests that it never sees", "value": CODE_REQUEST},
}

SCORE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": REF.format(model="ScoreRequest")}, "examples": EXAMPLES}},
    }
}

_PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": _PROBLEM_CONTENT}
    for status, text in {
        400: "The body is not JSON",
        401: "The API key is missing or wrong",
        404: "There is no such profile",
        409: "The Idempotency-Key was used with another body",
        413: "The body is too large",
        415: "The body is not application/json",
        422: "The body does not fit the schema",
        429: "Too many items are waiting; see Retry-After",
    }.items()
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        _, ours = models_json_schema([(ScoreRequest, "validation"), (Problem, "validation")], ref_template=REF)
        schema["components"]["schemas"].update(ours["$defs"])
        app.openapi_schema = schema
    return app.openapi_schema
