"""Multiple choice in rows of data sets → the letter of the right option, and the options.

| data set | what is read |
| --- | --- |
| MMLU | `choices` with `answer`, a number from 0 |
| MMLU-Pro | `options` with `answer`, a letter, and `answer_index`, from 0 |
| NeMo Gym mcqa | `options` as `[{"A": "…"}, …]` with `expected_answer` |
| MedQA, ARC | `options` as an object of letters; `choices` as `{"text": […], "label": […]}` with `answerKey` |
| GPQA | `Correct Answer`, a text; the options have to be given, shuffled, in `options` or in the prompt |

A gold may be a letter, a number (where `index_base` says from where it counts) or the text of an option. Options that
are not in the ground truth are those of the check's parameters, else those that the prompt lists.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.answers import WRAPPERS, answer_of, fields_of
from reward_server.ground_truth.layers import unwrapped
from reward_server.ground_truth.option_lists import listed_options, option_key

LETTERS = string.ascii_uppercase
LONGEST_LETTER = 40  # characters of a letter with all that may stand around it
_LETTER = re.compile(r"\W{0,3}(?:\\text(?:bf|rm)?\{\W?)?([A-Za-z])\W{0,4}")
_OPTIONS = ("options", "choices")
_INDEXES = ("answer_index", "answer_idx")
_KEYS = ("answerKey", "answer_letter", "answer_idx")
_TEXT = "Correct Answer"


@dataclass(frozen=True)
class ChoiceGold:
    """`letter` is the right option's; `options` are the texts from A on, none where they are not known."""

    letter: str
    options: tuple[str, ...] = ()


def choice_of(
    ground_truth: JsonValue,
    *,
    options: Sequence[str] = (),
    index_base: Literal[0, 1] | None = None,
    prompt: str | None = None,
) -> ChoiceGold:
    """The right option of a ground truth or of a whole row. Raises GroundTruthInvalid."""
    row = _row_of(ground_truth)
    texts, labels = _options_of(row) if row else ((), ())
    listed = () if texts or options else listed_options(_question(row, prompt))
    texts = texts or tuple(options) or listed
    if len(texts) > len(LETTERS):
        raise GroundTruthInvalid(f"expected at most {len(LETTERS)} options, got {len(texts)}")
    gold = _gold_of(row, ground_truth)
    base = _base_of(row, gold, index_base)
    letter = _same_text(str(gold), texts) if _is_text(row, gold) else _letter_of(gold, texts, labels, base)
    _require_agreement(row, letter)
    beyond = LETTERS.index(letter) >= len(texts)
    if beyond and listed:  # what the prompt lists may be an example
        return ChoiceGold(letter)
    if texts and beyond:
        raise GroundTruthInvalid(f"the gold is option {letter}, and there are {len(texts)} options")
    return ChoiceGold(letter, texts)


def is_choice_row(row: dict[str, Any]) -> bool:
    """Whether a row has the fields of multiple choice; they may be wrong all the same."""
    return row.get(_TEXT) is not None or (
        any(row.get(name) for name in _OPTIONS)
        and any(row.get(name) is not None for name in ("answer", "expected_answer", *_KEYS, *_INDEXES, *WRAPPERS))
    )


def _row_of(ground_truth: JsonValue) -> dict[str, Any]:
    """The innermost object that has options, else the outermost; empty where the gold is bare."""
    rows = fields_of(ground_truth)
    return next((row for row in rows if is_choice_row(row)), rows[0] if rows else {})


def _question(row: dict[str, Any], prompt: str | None) -> str:
    """Where options may be listed."""
    if prompt:
        return prompt
    asked = row.get("prompt") or row.get("problem") or row.get("question")
    if isinstance(asked, list):
        asked = "\n".join(str(turn.get("content")) for turn in asked if isinstance(turn, dict))
    return asked if isinstance(asked, str) else ""


def _options_of(row: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Texts of the options, and their labels where those are not A, B, C."""
    given = next((row[name] for name in _OPTIONS if row.get(name)), None)
    if isinstance(given, str):
        if not given.lstrip().startswith(("[", "{")):
            return listed_options(given), ()
        given = unwrapped(given, "`options`")
    if isinstance(given, dict) and isinstance(given.get("text"), list):
        labels = given.get("label")
        return _texts(given["text"]), tuple(map(str, labels)) if isinstance(labels, list) else ()
    if isinstance(given, list) and given and all(isinstance(one, dict) for one in given):
        given = _merged(given)
    if isinstance(given, dict):
        ordered = [given.get(LETTERS[place], given.get(LETTERS[place].lower())) for place in range(len(given))]
        if None in ordered:
            raise GroundTruthInvalid(f"expected options with the letters from A on, got {', '.join(given)[:80]}")
        return _texts(ordered), ()
    if given is None:
        return (), ()
    if not isinstance(given, list):
        raise GroundTruthInvalid(f"expected options as a list or an object of letters, got {type(given).__name__}")
    return _texts(given), ()


def _merged(given: list[dict[str, Any]]) -> dict[str, Any]:
    """`[{"A": "x"}, {"B": "y"}]` and `[{"label": "A", "text": "x"}, …]` as one object of letters."""
    if all({"label", "text"} <= one.keys() for one in given):
        return {str(one["label"]): one["text"] for one in given}
    return {key: text for one in given for key, text in one.items()}


def _texts(options: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(one, str | int | float) for one in options):
        raise GroundTruthInvalid("expected every option as text")
    return tuple(_without_letter(str(one), place) for place, one in enumerate(options))


def _without_letter(option: str, place: int) -> str:
    """`B) Paris` as the second option is `Paris`."""
    found = re.match(r"\s*\(?([A-Za-z])[).:]\s+(?=\S)", option)
    return option[found.end() :] if found and found[1].upper() == LETTERS[place % 26] else option


def _gold_of(row: dict[str, Any], ground_truth: JsonValue) -> str | int:
    names = (*_KEYS, "expected_answer", "answer", _TEXT, *_INDEXES)
    name = next((name for name in names if row.get(name) not in (None, "")), None)
    gold = answer_of(row or ground_truth, solutions=False) if name is None else row[name]
    if isinstance(gold, list) and len(gold) == 1:
        gold = gold[0]
    if isinstance(gold, bool) or not isinstance(gold, str | int) or (isinstance(gold, str) and not gold.strip()):
        raise GroundTruthInvalid(f"expected one letter, number or text of an option, got {gold!r:.80}")
    return gold


def _base_of(row: dict[str, Any], gold: str | int, index_base: Literal[0, 1] | None) -> Literal[0, 1] | None:
    """From where a number counts: as said, else from 0 where it stands beside its options, as in MMLU."""
    if index_base is not None:
        return index_base
    return 0 if isinstance(gold, int) and any(row.get(name) for name in _OPTIONS) else None


def _is_text(row: dict[str, Any], gold: str | int) -> bool:
    return gold is row.get(_TEXT)


def _letter_of(gold: str | int, texts: tuple[str, ...], labels: tuple[str, ...], base: Literal[0, 1] | None) -> str:
    text = str(gold).strip()
    if text in labels:
        return LETTERS[labels.index(text)]
    if base is not None and (isinstance(gold, int) or text.isdecimal()):
        return _numbered(int(text[:9]), base)
    if len(text) <= LONGEST_LETTER and (named := _LETTER.fullmatch(text)):
        return _unambiguous(named[1].upper(), texts, text)
    if isinstance(gold, int) and not _places(text, texts):
        raise GroundTruthInvalid(f"the gold is the number {gold}: say by `index_base` from where options count, 0 or 1")
    return _same_text(text, texts)


def _same_text(text: str, texts: tuple[str, ...]) -> str:
    """The letter of the only option with this text."""
    same = _places(text, texts)
    if len(same) == 1:
        return same[0]
    if same:
        raise GroundTruthInvalid(f"options {' and '.join(same)} are both the text of the gold")
    if texts:
        raise GroundTruthInvalid(f"the gold is neither a letter nor the text of one of the {len(texts)} options")
    raise GroundTruthInvalid("the gold is the text of an option, and the options are not given")


def _places(text: str, texts: tuple[str, ...]) -> list[str]:
    key = option_key(text)
    return [LETTERS[place] for place, one in enumerate(texts) if option_key(one) == key]


def _unambiguous(letter: str, texts: tuple[str, ...], text: str) -> str:
    """A letter that is the text of another option could mean either, unless no option has that letter."""
    same = _places(text, texts)
    if len(same) == 1 and LETTERS.index(letter) >= len(texts):
        return same[0]
    if same and letter not in same:
        raise GroundTruthInvalid(f"the gold {text!r} is the letter of one option and the text of another")
    return letter


def _numbered(index: int, base: int) -> str:
    if not 0 <= index - base < len(LETTERS):
        raise GroundTruthInvalid(f"expected the number of an option, counted from {base}, got {index}")
    return LETTERS[index - base]


def _require_agreement(row: dict[str, Any], letter: str) -> None:
    """Raises GroundTruthInvalid where MMLU-Pro's letter and index name two options."""
    index = row.get("answer_index")
    if isinstance(index, int) and not isinstance(index, bool) and LETTERS[index : index + 1] != letter:
        raise GroundTruthInvalid(f"`answer` is option {letter}, and `answer_index` {index} is another")
