"""Rules of our own for data sets of reasoning-gym whose verifier cannot be trusted with an answer.

Two kinds are here. Verifiers that hand text to `eval` or to sympy's parser, which evaluates it as Python: who writes
the answer (or the row) would run code in the server. And verifiers that pay full marks for wrong answers; what was
measured with version 0.1.25 stands beside each rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from reward_server.puzzles.grids import broken_rule, keeps_clues, read_grid, sudoku_truth
from reward_server.puzzles.identities import identities, read_claim
from reward_server.puzzles.number_game import number_puzzle, play
from reward_server.puzzles.polynomials import NoPolynomial, derivative, is_expanded, polynomial, variables

Entry = Mapping[str, Any]  # a row: answer, metadata
Rule = Callable[[str, Entry], bool]

MAX_JSON_CHARS = 50_000

_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_HEX = re.compile(r"([-+]?)0?[xX]?([0-9a-fA-F]{1,400})")
_NUMBER = re.compile(r"[-−]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,30})(?:\.[0-9]{1,30})?")


def _same(answer: str, entry: Entry) -> bool:
    return answer.strip() == str(entry["answer"]).strip()


def _same_letters(answer: str, entry: Entry) -> bool:
    return " ".join(answer.lower().split()) == " ".join(str(entry["answer"]).lower().split())


def _same_word(answer: str, entry: Entry) -> bool:
    return answer.replace(" ", "").strip().lower() == str(entry["answer"]).strip().lower()


def _countdown(answer: str, entry: Entry) -> bool:
    return play(answer, number_puzzle(entry["metadata"]), use_all=True).failed is None


def _twenty_four(answer: str, entry: Entry) -> bool:
    return play(answer, number_puzzle(entry["metadata"], target=24), use_all=True).failed is None


def _knights(answer: str, entry: Entry) -> bool:
    truth = identities(entry["metadata"])
    claim = read_claim(answer, truth)
    return claim.fault is None and dict(claim.knights) == dict(truth.knights)


def _sudoku(answer: str, entry: Entry) -> bool:
    truth = sudoku_truth({key: entry["metadata"].get(key) for key in ("puzzle", "solution")})
    grid = read_grid(answer, truth.size)
    kept = not isinstance(grid, str) and (truth.clues is None or keeps_clues(grid, truth.clues))
    return kept and not isinstance(grid, str) and broken_rule(grid) is None


def _queens(answer: str, entry: Entry) -> bool:
    return answer.strip() in [str(valid).strip() for valid in entry["metadata"]["valid_answers"]]


def _bitwise(answer: str, entry: Entry) -> bool:
    said, gold = _whole(answer), _whole(str(entry["answer"]))
    return said is not None and said == gold


def _calendar(answer: str, entry: Entry) -> bool:
    said, gold = answer.strip(), str(entry["answer"]).strip()
    if _INTEGER.fullmatch(said) and _INTEGER.fullmatch(gold):
        return int(said) == int(gold)
    return said.lower() == gold.lower()


def _one_number(answer: str, entry: Entry) -> bool:
    said, gold = (_NUMBER.findall(text) for text in (answer[:MAX_JSON_CHARS], str(entry["answer"])))
    return len(gold) == 1 and len(said) >= 1 and {_fraction(text) for text in said} == {_fraction(gold[0])}


def _sorted_numbers(answer: str, entry: Entry) -> bool:
    said, gold = _listed(answer), _listed(str(entry["answer"]))
    return said is not None and said == gold


def _sorted_words(answer: str, entry: Entry) -> bool:
    return [word.strip() for word in answer.split(",")] == list(entry["metadata"]["sorted_words"])


def _same_json(answer: str, entry: Entry) -> bool:
    said = _json(answer)
    return said is not None and json.dumps(said) == json.dumps(_json(str(entry["answer"])))


def _product(answer: str, entry: Entry) -> bool:
    try:
        said = polynomial(answer)
        return said == polynomial(str(entry["answer"])) and is_expanded(answer, said)
    except NoPolynomial:
        return False


def _integral(answer: str, entry: Entry) -> bool:
    variable = str(entry["metadata"]["variable"])
    try:
        said, integrand = polynomial(answer), polynomial(str(entry["metadata"]["integrand"]))
    except NoPolynomial:
        return False
    return variables(said) <= {variable, "C"} and derivative(said, variable) == integrand


def _whole(text: str) -> int | None:
    """Hexadecimal where it says 0x, else decimal."""
    text = text.strip()
    match = _HEX.fullmatch(text)
    if match is None or ("x" not in text.lower() and not text.lstrip("+-").isdigit()):
        return None
    value = int(match[2], 16 if "x" in text.lower() else 10)
    return -value if match[1] == "-" else value


def _fraction(text: str) -> Fraction:
    return Fraction(text.replace(",", "").replace("−", "-"))


def _listed(text: str) -> list[Fraction] | None:
    value = _json(text.replace("'", '"'))
    if not isinstance(value, list):
        return None
    numbers = [str(item).strip() for item in value]
    return [_fraction(one) for one in numbers] if all(_NUMBER.fullmatch(one) for one in numbers) else None


def _json(text: str) -> Any:
    if len(text) > MAX_JSON_CHARS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


# What the package's verifier does instead is said behind each name.
RULES: dict[str, Rule] = {
    "countdown": _countdown,  # parse_expr(answer) runs Python
    "puzzle24": _twenty_four,  # parse_expr(answer) runs Python; any four numbers pass, 24.9 passes
    "polynomial_multiplication": _product,  # parse_expr(answer) runs Python
    "simple_integration": _integral,  # parse_expr on answer and integrand runs Python
    "string_insertion": _same,  # eval(answer)
    "spiral_matrix": _same,  # eval(answer)
    "binary_matrix": _same,  # eval(answer)
    "n_queens": _queens,  # eval(answer)
    "bitwise_arithmetic": _bitwise,  # eval(problem) of the row
    "number_sorting": _sorted_numbers,  # eval(answer of the row); numbers that are off by one pass
    "game_of_life_halting": _same,  # compares bool(text): every text passes
    "word_sorting": _sorted_words,  # the right words and then any others pass
    "letter_jumble": _same_letters,  # the right words and then any others pass
    "game_of_life": _same_json,  # cells outside the board pass
    "figlet_font": _same_word,  # ten right letters and then anything pass
    "spell_backward": _same_word,  # rounding lets a right beginning pass for some lengths
    "calendar_arithmetic": _calendar,  # a negative reference lets every larger number pass, with more than 1
    "gsm_symbolic": _one_number,  # the first of several numbers counts; the sign is lost
    "knights_knaves": _knights,  # the words `is` and `a` are skipped, so `not` is a name
    "sudoku": _sudoku,  # no other valid solution passes
    "mini_sudoku": _sudoku,  # no other valid solution passes
}

REFUSED: dict[str, str] = {
    "intermediate_integration": "its verifier evaluates the answer as Python code (sympy.parse_expr)",
    "composite": "the row must name the data set that it came from",
}
