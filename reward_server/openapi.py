"""The OpenAPI description of what routes read by hand, with examples that a test sends to a running server."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from reward_server.wire import Problem, ScoreRequest
from reward_server.wire_code import CodeJudgeRequest, CodeRunRequest
from reward_server.wire_validation import ValidateRequest

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
SHAPED_REQUEST: dict[str, Any] = {
    "checks": [
        {"check": "exact", "name": "answer"},
        {"check": "kimi_length", "weight": 0.5, "params": {"correct_by": "answer"}},
    ],
    "combine": {"mode": "gated", "gate": "answer", "clip": [0.0, 1.5]},
    "items": [
        {"group_id": "p1", "completion": "<answer>4</answer>", "completion_tokens": 5, "ground_truth": "4"},
        {"group_id": "p1", "completion": "So: <answer>4</answer>", "completion_tokens": 8, "ground_truth": "4"},
    ],
}
EXAMPLES = {
    "math": {"summary": "two completions of one prompt, judged by a profile", "value": MATH_REQUEST},
    "code": {"summary": "a program, judged by tests that it never sees", "value": CODE_REQUEST},
    "shaped": {"summary": "short answers of a group get more, where they are right", "value": SHAPED_REQUEST},
}

RUN_REQUEST: dict[str, Any] = {
    "language": "python",
    "source": "print(sum(map(int, input().split())))",
    "stdin": "1 2\n",
    "limits": {"cpu_s": 2, "memory_mb": 256},
}
JUDGE_REQUEST: dict[str, Any] = {
    "id": "add-0",
    "language": "python",
    "source": "def add(a, b):\n    return a + b\n\n"
    "if __name__ == '__main__':\n    print(add(*map(int, input().split())))\n",
    "tests": [
        {"type": "stdin", "stdin": "1 2\n", "stdout": "3\n"},
        {"type": "call", "entry": "add", "args": [1, 2], "expected": 3},
        {"type": "assert", "code": "assert add(1, 2) == 3"},
    ],
    "limits": {"cpu_s": 2, "wall_s": 5, "memory_mb": 256, "output_kb": 1024},
}
VALIDATE_REQUEST: dict[str, Any] = {
    "items": [
        {"id": "gsm8k-0", "ground_truth": {"question": "6 · 12?", "answer": "6 times 12 is 72.\n#### 72"}},
        {"id": "mmlu-0", "ground_truth": {"choices": ["London", "Paris", "Rome", "Berlin"], "answer": 1}},
        {"id": "proof-0", "ground_truth": {"problem": "Show that …", "answer": "proof"}},
    ],
}
RUN_EXAMPLES = {"python": {"summary": "a program with its input", "value": RUN_REQUEST}}
JUDGE_EXAMPLES = {"python": {"summary": "three kinds of tests", "value": JUDGE_REQUEST}}


def _body(model: str, examples: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": REF.format(model=model)}, "examples": examples}}
    return {"requestBody": {"required": True, "content": content}}


SCORE = _body("ScoreRequest", EXAMPLES)
CODE_RUN = _body("CodeRunRequest", RUN_EXAMPLES)
VALIDATE = _body("ValidateRequest", {"rows": {"summary": "rows of three data sets", "value": VALIDATE_REQUEST}})
CODE_JUDGE = _body("CodeJudgeRequest", JUDGE_EXAMPLES)

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
CODE_PROBLEMS: dict[int | str, dict[str, Any]] = {
    **{status: problem for status, problem in PROBLEMS.items() if status != 404},
    422: {"description": "The body does not fit, or the language is not available here", "content": _PROBLEM_CONTENT},
    503: {"description": "Programs are not run here", "content": _PROBLEM_CONTENT},
}


READ_BY_HAND = (ScoreRequest, ValidateRequest, CodeRunRequest, CodeJudgeRequest, Problem)


def describe(app: FastAPI) -> dict[str, Any]:
    """The description, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        _, ours = models_json_schema([(model, "validation") for model in READ_BY_HAND], ref_template=REF)
        schema["components"]["schemas"].update(ours["$defs"])
        app.openapi_schema = schema
    return app.openapi_schema
