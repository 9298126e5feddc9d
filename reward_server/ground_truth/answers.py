"""The answer in a row of a data set: a text, a number, or several of which any is right.

| data set | what is read |
| --- | --- |
| GSM8K | `answer`, whose text ends in `#### n` |
| MATH, MATH-500, NuminaMath-CoT | `answer` where there is one, else the box of `solution` |
| verl rows: DAPO, Eurus-2, Geometry3K … | `reward_model.ground_truth` |
| Big-Math, DeepScaleR, OpenR1-Math, NuminaMath 1.5, AIME | `answer` or `Answer` |
| Open-Reasoner-Zero | a conversation whose `assistant` has `ground_truth.value` |
| SYNTHETIC-1, verifiable-math-problems | `verification_info`, JSON text or a Python literal |
| SYNTHETIC-2, INTELLECT-3 | `info`, JSON text, perhaps of JSON text; `answer` |
| Search-R1, TriviaQA, SQuAD, NQ | `golden_answers`, `target`, `answer` with `aliases`, `answers.text` |

What comes bare stays what it is: text is a text, also where it looks like a list, since `[1,2]` is an interval. Inside
a row, a list of JSON strings is a list of alternatives.
"""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.layers import unwrapped

Answer = str | int | float

MAX_WRAPPERS = 6
SHORT_CHARS = 200
MAX_OBJECT_CHARS = 1_000_000
WRAPPERS = ("reward_model", "verification_info", "ground_truth", "info")
_ANSWERS = (
    "expected_answer", "answer", "Answer", "final_answer", "reference_answer", "gold", "golden_answers", "answers",
)  # fmt: skip
_INNER = ("target", "value")  # of what a wrapper or an answer holds, and of nothing else
_SOLUTIONS = ("solution", "Solution", "gold_standard_solution", "reference_solution")
_ENDINGS = ("box", "####", "answer", "答案")  # how a worked solution says what its answer is
_OPTIONS = ("choices", "options")
_JSON_NAMES = {type(None): "null", bool: "true or false", list: "a list", dict: "an object"}


def answer_of(ground_truth: JsonValue, *, solutions: bool = True) -> Answer | list[Answer]:
    """The answer, or the list of alternatives, of a ground truth or of a whole row. Raises GroundTruthInvalid.

    `solutions`: a worked solution in a row may stand for the answer in which it ends.
    """
    if isinstance(ground_truth, str):
        shape = _object_of(ground_truth)
        return ground_truth if shape is None else _found(shape, solutions, MAX_WRAPPERS)
    if isinstance(ground_truth, list) and not _is_conversation(ground_truth):
        return _scalars(ground_truth)
    return _found(ground_truth, solutions, MAX_WRAPPERS)


def fields_of(shape: Any) -> list[dict[str, Any]]:
    """A row and the wrappers in it, the outermost first; empty where the value is no object."""
    rows: list[dict[str, Any]] = []
    waiting: list[Any] = [shape]
    while waiting and len(rows) < 2 * MAX_WRAPPERS:
        value = waiting.pop(0)
        if isinstance(value, str):
            value = _object_of(value)
        if isinstance(value, list) and (turn := _turn(value)) is not None:
            value = turn
        if isinstance(value, dict):
            rows.append(value)
            waiting += [value[name] for name in (*WRAPPERS, "metadata", "extra_info") if value.get(name) is not None]
    return rows


def _object_of(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or the conversation that a text is, with a field that is known; None for any other text."""
    if len(text) > MAX_OBJECT_CHARS or not text.lstrip().startswith(("{", "[{", '"{', '"[{')):
        return None
    try:
        value = unwrapped(text, "a ground truth")
    except GroundTruthInvalid:
        return None
    if isinstance(value, list):
        return value if _is_conversation(value) else None
    return value if isinstance(value, dict) and _is_known(value) else None


def _is_known(shape: dict[str, Any]) -> bool:
    return any(name in shape for name in (*WRAPPERS, *_ANSWERS, *_INNER, *_SOLUTIONS))


def _is_conversation(shape: list[Any]) -> bool:
    return _turn(shape) is not None


def _turn(shape: list[Any]) -> dict[str, Any] | None:
    """The last turn of a conversation that has a ground truth."""
    turns = [turn for turn in shape if isinstance(turn, dict) and turn.get("ground_truth") is not None]
    return turns[-1] if turns else None


def _found(shape: Any, solutions: bool, depth: int) -> Answer | list[Answer]:
    if depth == 0:
        raise GroundTruthInvalid(f"expected an answer in at most {MAX_WRAPPERS} wrappers, got more")
    match shape:
        case str():
            return _of_text(shape, solutions, depth)
        case list():
            turn = _turn(shape)
            return _scalars(shape) if turn is None else _found(turn["ground_truth"], solutions, depth - 1)
        case dict():
            return _of_object(shape, solutions, depth)
        case bool() | None:
            raise GroundTruthInvalid(f"expected an answer, got {_JSON_NAMES[type(shape)]}")
    return _scalar(shape)


def _of_text(text: str, solutions: bool, depth: int) -> Answer | list[Answer]:
    """Of text inside a row: JSON of an object or of texts is read, `[1,2]` is not."""
    shape = _object_of(text)
    if shape is not None:
        return _found(shape, solutions, depth - 1)
    if text.lstrip().startswith(("['", '["')):
        try:
            items = unwrapped(text, "alternatives")
        except GroundTruthInvalid:
            return text
        if isinstance(items, list) and items and all(isinstance(item, str) for item in items):
            return _scalars(items)
    return text


def _of_object(row: dict[str, Any], solutions: bool, depth: int) -> Answer | list[Answer]:
    if str(row.get("question_type")).lower() == "proof":
        raise GroundTruthInvalid("the row asks for a proof, which no final answer can stand for")
    if "target" in row and ("numbers" in row or "nums" in row):
        raise GroundTruthInvalid("the row is a puzzle with a target and numbers: use the check `countdown`")
    if several := _several(row):
        return several
    for name in (*WRAPPERS, *_ANSWERS, *_INNER):
        value = row.get(name)
        if value is None or value == "" or (name == "info" and not _object_of_any(value)):
            continue
        if name in _ANSWERS:
            _refuse_index(row, value)
        if name in WRAPPERS and isinstance(value, dict | str) and not _holds_answer(value, solutions):
            continue
        return _found(value, solutions, depth - 1)
    for name in _SOLUTIONS if solutions else ():
        if isinstance(row.get(name), str) and row[name].strip():
            return _solution(row[name])
    names = ", ".join(map(str, row))[:200]
    raise GroundTruthInvalid(f"expected a row with `answer`, `reward_model.ground_truth` or `solution`, got {names}")


def _holds_answer(value: dict[str, Any] | str, solutions: bool) -> bool:
    """Whether a wrapper has what is looked for; an empty one leaves it to the other fields of the row."""
    if isinstance(value, str):
        return bool(value.strip()) and value.strip() != "{}"
    return _is_known(value) and (solutions or any(name not in _SOLUTIONS for name in value))


def _object_of_any(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, str) and _object_of(value) is not None)


def _several(row: dict[str, Any]) -> list[Answer]:
    """Alternatives as question answering has them: a value with its aliases, or `text` of SQuAD's answers."""
    answer = row.get("answer")
    if isinstance(answer, dict) and isinstance(answer.get("aliases"), list):
        value = _scalar(answer.get("value"))
        return list(dict.fromkeys([value, *map(_scalar, answer["aliases"])]))
    answers = row.get("answers")
    if isinstance(answers, dict) and isinstance(answers.get("text"), list):
        return _scalars(answers["text"])
    return []


def _refuse_index(row: dict[str, Any], value: Any) -> None:
    if isinstance(value, int) and any(row.get(name) for name in _OPTIONS):
        raise GroundTruthInvalid("the answer is the number of an option: use the check `choice`")


def _solution(text: str) -> str:
    """A worked solution that ends in its answer, or a field of that name that is nothing but the answer."""
    short = len(text) <= SHORT_CHARS and len(text.split()) < 5 and any(sign.isdigit() or sign in "\\$" for sign in text)
    if not short and not any(ending in text for ending in _ENDINGS):
        raise GroundTruthInvalid("the solution of the row states no final answer: it has neither a box nor `####`")
    return text


def _scalars(items: list[Any]) -> list[Answer]:
    if not items:
        raise GroundTruthInvalid("expected at least one answer, got an empty list")
    return [_scalar(item) for item in items]


def _scalar(value: Any) -> Answer:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        name = _JSON_NAMES.get(type(value), "an object")
        raise GroundTruthInvalid(f"expected a string, a number or a list of them, got {name}")
    return value
