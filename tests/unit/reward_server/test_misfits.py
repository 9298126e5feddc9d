"""What does not fit is named with what was expected and what came, and no text of a policy is quoted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from reward_server.body import parse_request
from reward_server.errors import InvalidParams, InvalidRequest
from reward_server.misfits import misfit
from reward_server.profiles import bind
from reward_server.wire import CheckSpec, InvalidItem, ScoreRequest

SECRET = "the completion"


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 0
    name: str

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError(f"expected an odd number, got {size}")
        return size


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "name: it is required, and did not come"),
        ({"name": 7}, "name: Input should be a valid string, got 7"),
        ({"name": None}, "name: Input should be a valid string, got null"),
        ({"name": ["a", "b"]}, "name: Input should be a valid string, got a list of 2"),
        ({"name": {"role": "user"}}, "name: Input should be a valid string, got an object"),
        ({"name": "a", "size": 2}, "size: expected an odd number, got 2"),
        ({"name": "a", "colour": 1}, "colour: there is no such field; there are size, name"),
    ],
)
def test_it_says_where_and_what_came(given: Any, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Thing.model_validate(given)
    assert misfit(raised.value, "it", Thing.model_fields) == said


def test_the_names_that_there_are_belong_to_the_place() -> None:
    body = b'{"checks": [{"check": "exact", "wieght": 1}], "items": [{"completion": ""}]}'
    with pytest.raises(InvalidRequest, match=r"checks\.0\.wieght: there is no such field$"):
        parse_request(ScoreRequest, body)


def test_texts_are_quoted_only_where_they_may_be() -> None:
    with pytest.raises(ValidationError) as raised:
        Thing.model_validate({"name": "a", "size": SECRET})
    assert misfit(raised.value, "it").endswith("got a text of 14 characters")
    assert misfit(raised.value, "it", quoting=True).endswith(f'got "{SECRET}"')


@pytest.mark.parametrize(
    "item",
    [
        {"completion": [SECRET]},
        {"completion": {SECRET: SECRET}},
        {"completion": "", "completion_tokens": SECRET},
        {"completion": "", "prompt": [{"content": SECRET}]},
        {"completion": "", "finish_reason": SECRET * 10},
        {"completion": "", "completion_token_ids": [SECRET]},
    ],
)
def test_an_item_that_does_not_fit_is_described_without_its_texts(item: Any) -> None:
    request = parse_request(ScoreRequest, json.dumps({"profile": "gsm8k", "items": [item]}).encode())
    (invalid,) = request.items
    assert isinstance(invalid, InvalidItem)
    assert SECRET not in invalid.reason
    assert "got" in invalid.reason


@pytest.mark.parametrize("field", ["completion_tokens", "target_length"])
def test_lengths_beyond_any_meaning_are_refused_before_they_overflow(field: str) -> None:
    body = {"profile": "gsm8k", "items": [{"completion": "", field: 10**400}]}
    (invalid,) = parse_request(ScoreRequest, json.dumps(body).encode()).items
    assert isinstance(invalid, InvalidItem)
    assert field in invalid.reason


def test_a_request_that_does_not_fit_is_described_in_a_line() -> None:
    with pytest.raises(InvalidRequest, match=r"checks\.0\.weight: .*, got a list of 1"):
        parse_request(ScoreRequest, b'{"checks": [{"check": "exact", "weight": [1]}], "items": [{"completion": ""}]}')


def test_parameters_of_all_checks_together_have_a_bound() -> None:
    terms = [f"{n:x<90}" for n in range(100)]
    specs = [CheckSpec(check="language", name=f"l{n}", params={"allow_terms": terms}) for n in range(28)]
    bind(specs[:27])
    with pytest.raises(InvalidParams, match="at most 262,144 bytes"):
        bind(specs)
