"""RLVR-IFeval names a function and its arguments; here they become IFEval instructions with published argument names.

Source of the names and of what each function asks: allenai/open-instruct, `if_functions.py` (`IF_FUNCTIONS_MAP`).
IFEval knows only `at least` and `less than`, so `at most`, `around` and an exact number become one or two of those.
`validate_choice` has options of its own, for which IFEval has no instruction: it is refused. `verify_paragraph_count`
asks for the divider `* * *`, which IFEval writes `***`; both divide here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reward_server.errors import GroundTruthInvalid

Constraint = tuple[str, dict[str, Any]]
Arguments = dict[str, Any]


def constraints_of_function(shape: Arguments) -> list[Constraint]:
    """The instructions that together ask what the function asks. Raises GroundTruthInvalid."""
    name = shape.get("func_name")
    build = _FUNCTIONS.get(name) if isinstance(name, str) else None
    if build is None:
        raise GroundTruthInvalid(f"expected a `func_name` that IFEval has an instruction for, got {name!r:.80}")
    return build({key: value for key, value in shape.items() if value is not None})


def _renamed(instruction: str, **names: str) -> Callable[[Arguments], list[Constraint]]:
    """One instruction; `names` are its arguments and what the function calls them."""

    def build(given: Arguments) -> list[Constraint]:
        return [(instruction, {ours: _required(given, theirs) for ours, theirs in names.items()})]

    return build


def _counted(
    instruction: str, number: str, relation: str, slack: Callable[[int], int], **names: str
) -> Callable[[Arguments], list[Constraint]]:
    """As many as the quantifier says, exactly N where there is none; `slack` is what `around` N allows."""

    def build(given: Arguments) -> list[Constraint]:
        count = _whole(given, "N")
        least, most = _bounds(given.get("quantifier", "exactly"), count, slack(count))
        fixed = {ours: _required(given, theirs) for ours, theirs in names.items()}
        found: list[Constraint] = []
        if least is not None:
            found.append((instruction, {**fixed, number: max(0, least), relation: "at least"}))
        if most is not None:
            found.append((instruction, {**fixed, number: most + 1, relation: "less than"}))
        return found

    return build


def _bounds(quantifier: Any, count: int, slack: int) -> tuple[int | None, int | None]:
    match quantifier:
        case "at least":
            return count, None
        case "at most":
            return None, count
        case "around":
            return count - slack, count + slack
        case "exactly":
            return count, count
    raise GroundTruthInvalid(f"expected `quantifier` at least, at most or around, got {quantifier!r:.40}")


def _required(given: Arguments, name: str) -> Any:
    if name not in given:
        raise GroundTruthInvalid(f"expected `{name}` beside `func_name` {given['func_name']}")
    return given[name]


def _whole(given: Arguments, name: str) -> int:
    number = _required(given, name)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise GroundTruthInvalid(f"expected `{name}` as a number, 0 or more, got {number!r:.40}")
    return number


def _tenth(count: int) -> int:
    return max(round(count * 0.1), 1)


def _one(count: int) -> int:
    return 1


def _none(count: int) -> int:
    return 0


_FUNCTIONS: dict[str, Callable[[Arguments], list[Constraint]]] = {
    "verify_keywords": _renamed("keywords:existence", keywords="keyword_list"),
    "verify_keyword_frequency": _counted("keywords:frequency", "frequency", "relation", _none, keyword="word"),
    "validate_forbidden_words": _renamed("keywords:forbidden_words", forbidden_words="forbidden_words"),
    "verify_letter_frequency": _counted(
        "keywords:letter_frequency", "let_frequency", "let_relation", _none, letter="letter"
    ),
    "validate_response_language": _renamed("language:response_language", language="language"),
    "verify_paragraph_count": _renamed("length_constraints:number_paragraphs", num_paragraphs="N"),
    "validate_word_constraint": _counted("length_constraints:number_words", "num_words", "relation", _tenth),
    "verify_sentence_constraint": _counted("length_constraints:number_sentences", "num_sentences", "relation", _one),
    "validate_paragraphs": _renamed(
        "length_constraints:nth_paragraph_first_word",
        num_paragraphs="N",
        nth_paragraph="i",
        first_word="first_word",
    ),
    "verify_postscript": _renamed("detectable_content:postscript", postscript_marker="postscript_marker"),
    "validate_placeholders": _renamed("detectable_content:number_placeholders", num_placeholders="N"),
    "verify_bullet_points": _renamed("detectable_format:number_bullet_lists", num_bullets="N"),
    "validate_title": _renamed("detectable_format:title"),
    "validate_highlighted_sections": _renamed("detectable_format:number_highlighted_sections", num_highlights="N"),
    "validate_sections": _renamed(
        "detectable_format:multiple_sections", num_sections="N", section_spliter="section_splitter"
    ),
    "validate_json_format": _renamed("detectable_format:json_format"),
    "validate_repeat_prompt": _renamed("combination:repeat_prompt", prompt_to_repeat="original_prompt"),
    "validate_two_responses": _renamed("combination:two_responses"),
    "validate_uppercase": _renamed("change_case:english_capital"),
    "validate_lowercase": _renamed("change_case:english_lowercase"),
    "validate_frequency_capital_words": _counted(
        "change_case:capital_word_frequency", "capital_frequency", "capital_relation", _none
    ),
    "validate_end": _renamed("startend:end_checker", end_phrase="end_phrase"),
    "validate_quotation": _renamed("startend:quotation"),
    "validate_no_commas": _renamed("punctuation:no_comma"),
}
