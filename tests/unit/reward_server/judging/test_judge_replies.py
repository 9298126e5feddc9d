"""A reply that is not exactly what was asked for is the judge's fault, and never a number."""

from __future__ import annotations

import json

import pytest

from reward_server.errors import JudgeUnreadable
from reward_server.judging.replies import MAX_SHOWN_CHARS, chat_answer, pooled_answer
from tests.judge_stand_in import chat, pooling

SCALE = (0.0, 10.0)


@pytest.mark.parametrize(
    ("content", "score"),
    [
        ('{"score": 7, "reason": "good"}', 7.0),
        ('{"reason": "good", "score": 7.5}', 7.5),
        (' \n{"score": 0, "reason": ""}\n', 0.0),
        ('{"score": 1e1, "reason": "ten"}', 10.0),
    ],
)
def test_the_object_that_was_asked_for_is_read(content: str, score: float) -> None:
    answer = chat_answer(chat(content), SCALE)
    assert (answer.score, answer.model) == (score, "stand-in")


@pytest.mark.parametrize(
    "content",
    [
        "7",
        "Score: 7",
        "",
        None,
        ["a"],
        'Sure! {"score": 7, "reason": "r"}',
        '```json\n{"score": 7, "reason": "r"}\n```',
        '{"score": 7, "reason": "r"} {"score": 10, "reason": "r"}',
        '{"score": 1, "score": 10, "reason": "r"}',
        '{"score": 7}',
        '{"score": 7, "reason": "r", "bonus": 3}',
        '{"score": "7", "reason": "r"}',
        '{"score": true, "reason": "r"}',
        '{"score": null, "reason": "r"}',
        '{"score": [7], "reason": "r"}',
        '{"score": 7, "reason": 7}',
        '{"score": NaN, "reason": "r"}',
        '{"score": Infinity, "reason": "r"}',
        '{"score": 1e999, "reason": "r"}',
        '{"score": ' + "9" * 5000 + ', "reason": "r"}',
        '{"score": 10.01, "reason": "r"}',
        '{"score": -1, "reason": "r"}',
        '{"score": 100, "reason": "r"}',
        "[" * 50_000,
        '{"a":' * 50_000,
        '{"score": 7, "reason": "' + "r" * 200_000 + '"}',
    ],
)
def test_any_other_answer_is_unreadable(content: object) -> None:
    with pytest.raises(JudgeUnreadable) as raised:
        chat_answer(chat(content), SCALE)
    assert len(raised.value.detail) < 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [1]}',
        b'{"choices": {"0": 1}}',
        b'{"choices": [{"message": "7"}]}',
        json.dumps({"choices": [{"message": {"content": '{"score": 7, "reason": ""}'}}] * 2}).encode(),
    ],
)
def test_a_body_that_is_no_chat_completion_is_unreadable(body: bytes) -> None:
    with pytest.raises(JudgeUnreadable):
        chat_answer(body, SCALE)


def test_an_answer_that_was_cut_off_says_what_to_change() -> None:
    with pytest.raises(JudgeUnreadable, match="max_answer_tokens"):
        chat_answer(chat('{"reason": "it is', "length"), SCALE)


def test_long_words_are_cut_for_display() -> None:
    answer = chat_answer(chat(json.dumps({"score": 7, "reason": "r" * 5000})), SCALE)
    assert answer.reason is not None
    assert len(answer.reason) == MAX_SHOWN_CHARS


@pytest.mark.parametrize(
    ("data", "label", "score"),
    [
        ([-3.5], None, -3.5),
        ([0.1, 0.9], 1, 0.9),
        ([[0.1], [0.2], [7]], None, 7.0),
        ([[1, 2], [3, 4]], 0, 3.0),
    ],
)
def test_the_value_of_a_reward_model_is_read(data: object, label: int | None, score: float) -> None:
    assert pooled_answer(pooling(data), label).score == score


@pytest.mark.parametrize(
    ("data", "label", "says"),
    [
        ([0.1, 0.9], None, "say with `label`"),
        ([0.1], 1, "there is no `label` 1"),
        ([], None, "values of one text"),
        ([[]], None, "values of one text"),
        ("AAAA", None, "values of one text"),
        (7, None, "values of one text"),
        (["7"], None, "a number"),
        ([True], None, "a number"),
        ([None], None, "a number"),
        ([[1], 2], None, "2 values"),
    ],
)
def test_any_other_values_are_unreadable(data: object, label: int | None, says: str) -> None:
    with pytest.raises(JudgeUnreadable, match=says):
        pooled_answer(pooling(data), label)


@pytest.mark.parametrize("body", [b"{}", b'{"data": []}', b'{"data": [[1]]}', b'{"data": [{"data": [NaN]}]}'])
def test_a_body_without_one_result_is_unreadable(body: bytes) -> None:
    with pytest.raises(JudgeUnreadable):
        pooled_answer(body, None)
