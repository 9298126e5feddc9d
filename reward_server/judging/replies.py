"""Replies of an external judge, read strictly: anything but what was asked for is the judge's fault, and no score."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

from reward_server.errors import JudgeUnreadable

MAX_ANSWER_CHARS = 100_000
MAX_SHOWN_CHARS = 500


@dataclass(frozen=True)
class Answer:
    """A score on the judge's own scale. Texts are cut for display; `model` is what the endpoint calls itself."""

    score: float
    model: str | None
    reason: str | None = None


def chat_answer(body: bytes, scale: tuple[float, float]) -> Answer:
    """The JSON object in the message of a chat completion. Raises JudgeUnreadable."""
    reply = _object(body.decode("utf-8", "replace"), "the body")
    choice = _only(reply.get("choices"), "choice")
    if choice.get("finish_reason") == "length":
        raise JudgeUnreadable("the external judge's answer was cut off: allow it more `max_answer_tokens`")
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str) or len(content) > MAX_ANSWER_CHARS:
        raise JudgeUnreadable("expected the external judge's answer as a text of moderate length")
    answer = _object(content, "the answer")
    if answer.keys() != {"score", "reason"} or not isinstance(answer["reason"], str):
        raise JudgeUnreadable("expected a JSON object with exactly `score` and `reason` from the external judge")
    score = _number(answer["score"])
    if not scale[0] <= score <= scale[1]:
        raise JudgeUnreadable(f"expected a score from {scale[0]:g} to {scale[1]:g} from the external judge")
    return Answer(score, _model(reply), answer["reason"][:MAX_SHOWN_CHARS])


def pooled_answer(body: bytes, label: int | None) -> Answer:
    """The value of a reward or classification model; of one that gives a value to each token, that of the last.

    `label` says which, where there are several. Raises JudgeUnreadable.
    """
    reply = _object(body.decode("utf-8", "replace"), "the body")
    values = _only(reply.get("data"), "result").get("data")
    if isinstance(values, list) and values and all(isinstance(row, list) for row in values):
        values = values[-1]
    if not isinstance(values, list) or not values:
        raise JudgeUnreadable("expected the values of one text from the external judge")
    if label is None and len(values) > 1:
        raise JudgeUnreadable(f"the external judge gives {len(values)} values: say with `label` which one counts")
    if label is not None and label >= len(values):
        raise JudgeUnreadable(f"the external judge gives {len(values)} values, and there is no `label` {label} of them")
    return Answer(_number(values[label or 0]), _model(reply))


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise JudgeUnreadable(f"expected {what} of the external judge to be a JSON object") from None
    if not isinstance(value, dict):
        raise JudgeUnreadable(f"expected {what} of the external judge to be a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two scores in one object, readers differ about which counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError("NaN and infinities are no JSON")


def _only(values: Any, what: str) -> dict[str, Any]:
    if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], dict):
        raise JudgeUnreadable(f"expected one {what} from the external judge")
    only: dict[str, Any] = values[0]
    return only


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300 or not math.isfinite(value):
        raise JudgeUnreadable("expected a number from the external judge")
    return float(value)


def _model(reply: dict[str, Any]) -> str | None:
    model = reply.get("model")
    return model[:MAX_SHOWN_CHARS] if isinstance(model, str) else None
