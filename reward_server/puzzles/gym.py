"""Rows of reasoning-gym, judged by the package's own verifiers where those can be trusted, else by rules of our own.

To be called in a worker process: it is other people's code, which may hang, and loading it takes a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from reward_server.arithmetic.words import word_set
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.layers import unwrapped
from reward_server.puzzles.code_guard import guarded
from reward_server.puzzles.gym_rules import REFUSED, RULES

PACKAGE = "reasoning_gym"
MAX_ANSWER_CHARS = 20_000
LONGEST = {"propositional_logic": 1000}  # where the verifier takes more than linear time
MAX_WRAPPERS = 6
ORACLES_KEPT = 1024
FLOOR = 0.05  # what some verifiers pay for any answer at all

# Verifiers whose credit falls off with the distance never pay quite 1 for another rounding.
_DISTANCES = {"complex_arithmetic": 0.999, "polynomial_equations": 0.999}
_FULL = 1 - 1e-9
_BOARDS = frozenset(("arc_agi", "rearc"))  # they compare with tuples, which JSON does not keep

# Data sets without a reference: their verifier looks at the metadata only. The key of a right answer there, if any.
NO_REFERENCE: dict[str, str | None] = {
    "boxnet": None,
    "graph_color": "possible_answer",
    "propositional_logic": "example_answer",
    "rubiks_cube": "example_correct_answer",
    "rush_hour": None,
}

# Those whose scoring was read in version 0.1.25; others are judged all the same, and flagged.
READ = word_set(
    "ab acre advanced_geometry aiw arc_1d arc_agi base_conversion basic_arithmetic bf binary_alternation boxnet"
    " caesar_cipher chain_sum circuit_logic codeio coin_flip color_cube_rotation complex_arithmetic count_bits"
    " count_primes course_schedule cryptarithm decimal_arithmetic decimal_chain_sum dice emoji_mystery"
    " family_relationships fraction_simplification futoshiki gcd graph_color group_anagrams isomorphic_strings jugs"
    " kakurasu knight_swap largest_island lcm leg_counting letter_counting list_functions mahjong_puzzle"
    " manipulate_matrix maze modulo_grid needle_haystack number_filtering number_format number_sequence"
    " palindrome_generation palindrome_partitioning path_star polynomial_equations pool_matrix power_function"
    " prime_factorization products propositional_logic quantum_lock ransom_note rearc rectangle_count rotate_matrix"
    " rotten_oranges rubiks_cube rush_hour self_reference sentence_reordering shortest_path simple_equations"
    " simple_geometry sokoban string_manipulation string_splitting string_synthesis survo syllogism time_intervals"
    " tower_of_hanoi tsumego word_ladder word_sequence_reversal zebra_puzzles"
)

Scorer = Callable[[str, dict[str, Any]], float]


@dataclass(frozen=True, slots=True)
class GymScore:
    """`failed`: wrong, crashed (the verifier, over this answer), unsafe (it would have run the answer), too_long."""

    score: float
    failed: str | None = None


def gym_row(ground_truth: Any) -> dict[str, Any]:
    """The row with its answer and its metadata, wherever it is wrapped. Raises GroundTruthInvalid."""
    value = ground_truth
    for _ in range(MAX_WRAPPERS):
        value = unwrapped(value, "a row of reasoning-gym")
        if not isinstance(value, dict):
            break
        metadata = unwrapped(value["metadata"], "metadata") if value.get("metadata") is not None else None
        if isinstance(metadata, dict) and isinstance(metadata.get("source_dataset"), str) and "answer" in value:
            return {"question": value.get("question", ""), "answer": value["answer"], "metadata": metadata}
        keys = ("reward_model", "ground_truth", "entry", "item", "row", "extra_info", "reasoning_gym")
        value = next((value[key] for key in keys if value.get(key) is not None), None)
    raise GroundTruthInvalid("expected a whole row of reasoning-gym: answer, and metadata with source_dataset")


def data_set(row: Mapping[str, Any]) -> str:
    """The name of the data set. Raises GroundTruthInvalid for those that are not judged."""
    name: str = row["metadata"]["source_dataset"]
    if name in REFUSED:
        raise GroundTruthInvalid(f"rows of {name!r} are not judged: {REFUSED[name]}")
    if not isinstance(row["answer"], str) and not (row["answer"] is None and name in NO_REFERENCE):
        raise GroundTruthInvalid(f"expected the answer of {name!r} as text, got {type(row['answer']).__name__}")
    return name


def reference(row: Mapping[str, Any]) -> str | None:
    """An answer that is right; None where the row holds none. Raises GroundTruthInvalid."""
    name = data_set(row)
    if row["answer"] is not None:
        return str(row["answer"])
    key = NO_REFERENCE[name]
    value = None if key is None else row["metadata"].get(key)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def is_read(name: str) -> bool:
    """Whether somebody has looked at how the data set is judged."""
    return name in READ or name in RULES


def gym_score(answer: str, row: Mapping[str, Any]) -> GymScore:
    """What the verifier of the row's data set says of an answer. Raises GroundTruthInvalid when the row's own fails."""
    name = data_set(row)
    _require_oracle(json.dumps(row, sort_keys=True, default=str))
    if len(answer) > LONGEST.get(name, MAX_ANSWER_CHARS):
        return GymScore(0.0, "too_long")
    return _score(name, answer, row)


@lru_cache(maxsize=ORACLES_KEPT)
def _require_oracle(text: str) -> None:
    """The reference has to pass, or nothing that the verifier says of others means anything."""
    row = json.loads(text)
    name = row["metadata"]["source_dataset"]
    answer = reference(row)
    if answer is None:
        return
    judged = _score(name, answer, row)
    if judged.failed is not None:
        raise GroundTruthInvalid(f"the row's own answer does not pass the verifier of {name!r}: {judged.failed}")


def _score(name: str, answer: str, row: Mapping[str, Any]) -> GymScore:
    rule = RULES.get(name)
    if rule is not None:
        return _by_rule(rule, answer, row)
    verify = _verifier(name)
    entry = _restored(name, row)
    with guarded() as guard:
        try:
            score = float(verify(answer, entry))
        except RecursionError:
            return GymScore(0.0, "crashed")
        except MemoryError:
            raise
        except Exception:  # theirs, over a text of the policy: the reference has passed
            return GymScore(0.0, "unsafe" if guard.stopped else "crashed")
    if guard.stopped:
        return GymScore(0.0, "unsafe")
    if not score >= _DISTANCES.get(name, _FULL) or _no_number(name, answer):  # NaN is not either
        return GymScore(score if 0 <= score < 1 else 0.0, "wrong")
    return GymScore(1.0)


def _by_rule(rule: Callable[[str, Mapping[str, Any]], bool], answer: str, row: Mapping[str, Any]) -> GymScore:
    try:
        right = rule(answer, row)
    except (KeyError, TypeError, AttributeError) as error:
        raise GroundTruthInvalid(f"the metadata of the row lacks what its data set has ({error})") from error
    return GymScore(float(right), None if right else "wrong")


def _no_number(name: str, answer: str) -> bool:
    """complex_arithmetic pays `nan` in full: min(1.0, nan) is 1.0."""
    return name in _DISTANCES and any(word in answer.lower() for word in ("nan", "inf"))


def _restored(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as the verifier may have it, which is free to change it."""
    entry = deepcopy(dict(row))
    if name in _BOARDS:
        board = entry["metadata"].get("output")
        if isinstance(board, list):
            entry["metadata"]["output"] = tuple(tuple(line) for line in board)
    return entry


@cache
def _verifier(name: str) -> Scorer:
    factory = import_module(f"{PACKAGE}.factory")  # takes a second: only in workers
    if name not in factory.DATASETS:
        raise GroundTruthInvalid(f"the installed reasoning-gym has no data set {name!r}")
    verify: Scorer = factory.get_score_answer_fn(name)
    return verify
