"""The built-in tasks: the same problems from the same seed everywhere, none both trained on and held out."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extras import extra
from trainer_client.config.data import (
    AdditionConfig,
    ArithmeticConfig,
    CountdownConfig,
    GeneratedConfig,
    ReasoningGymConfig,
    SortingConfig,
)
from trainer_client.errors import DataError
from trainer_client.tasks import task_examples
from trainer_client.tasks.arithmetic import worked_solution as worked_arithmetic
from trainer_client.tasks.countdown import solve
from trainer_client.tasks.expressions import Tree, joined, text, value
from trainer_client.tasks.sorting import worked_solution as worked_sorting
from trainer_client.types import Example

SIZES: dict[str, Any] = {"train_problems": 300, "held_out_problems": 60}
TASKS: list[GeneratedConfig] = [
    AdditionConfig(**SIZES),
    CountdownConfig(**SIZES),
    CountdownConfig(**SIZES, numbers=4, max_number=9, max_target=30),
    SortingConfig(**SIZES),
    SortingConfig(**SIZES, numbers=3, max_number=15),
    ArithmeticConfig(**SIZES),
    ArithmeticConfig(**SIZES, steps=1, operators=("-",), max_number=40),
]
KEYS: dict[type[GeneratedConfig], Callable[[Example], Any]] = {
    AdditionConfig: lambda example: example.prompt,
    CountdownConfig: lambda example: (sorted(example.ground_truth["numbers"]), example.ground_truth["target"]),
    SortingConfig: lambda example: example.ground_truth,
    ArithmeticConfig: lambda example: example.prompt,
}


def answer(example: Example) -> str:
    found = re.search(r"<answer>(.*)</answer>$", example.completion or "")
    assert found
    return found.group(1)


def steps(example: Example) -> list[str]:
    found = re.match(r"<think>(.*)</think>", example.completion or "")
    assert found
    return found.group(1).split(";")


def exact(expression: str) -> Fraction:
    """The value by Python's own reading of the expression, in fractions."""
    assert re.fullmatch(r"[\d+\-*/()]+", expression)
    return Fraction(eval(re.sub(r"(\d+)", r"Fraction(\1)", expression)))


@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_held_out_problems_differ_from_all_others(task: GeneratedConfig) -> None:
    train, held_out = task_examples(task)
    keys = {str(KEYS[type(task)](example)) for example in train + held_out}
    assert (len(train), len(held_out), len(keys)) == (300, 60, 360)
    assert len({example.id for example in train + held_out}) == 360
    other = task_examples(task.model_copy(update={"seed": 1}))
    assert task_examples(task) == (train, held_out) != other


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("task", TASKS[1:], ids=repr)
def test_as_many_demonstrations_slip_as_are_wanted(task: GeneratedConfig, share: float) -> None:
    train, _ = task_examples(task.model_copy(update={"slip_share": share}))
    wrong = sum(not is_right(example) for example in train)
    assert wrong / len(train) == pytest.approx(share, abs=0.0 if share in (0.0, 1.0) else 0.08)


def is_right(example: Example) -> bool:
    if not isinstance(example.ground_truth, dict):
        return answer(example) == example.ground_truth
    used = sorted(int(number) for number in re.findall(r"\d+", answer(example)))
    assert used == sorted(example.ground_truth["numbers"])
    return exact(answer(example)) == example.ground_truth["target"]


def test_ground_truth_of_arithmetic_is_the_value_and_all_values_stay_in_range() -> None:
    train, _ = task_examples(ArithmeticConfig(slip_share=0.0, max_value=200, steps=5, train_problems=500))
    for example in train:
        assert exact(example.prompt.removesuffix("=")) == int(example.ground_truth)
        for left, right in (step.split("=") for step in steps(example)):
            assert exact(left) == int(right)
            assert 0 <= int(right) <= 200


def test_a_slip_in_arithmetic_makes_one_equation_false_and_goes_on_with_it() -> None:
    train, _ = task_examples(ArithmeticConfig(slip_share=1.0, steps=4))
    for example in train[:500]:
        false = [step for step in steps(example) if exact(step.split("=")[0]) != int(step.split("=")[1])]
        assert len(false) == 1
        assert steps(example)[-1].split("=")[1] == answer(example) != example.ground_truth


def test_arithmetic_is_worked_out_as_documented() -> None:
    numbers = [Tree(number) for number in (3, 4, 2, 5)]
    tree = joined(joined(joined(numbers[0], "+", numbers[1]), "*", numbers[2]), "-", numbers[3])
    assert text(tree) == "(3+4)*2-5"
    assert worked_arithmetic(tree) == "<think>3+4=7;7*2=14;14-5=9</think><answer>9</answer>"
    assert worked_arithmetic(tree, 0, 10) == "<think>3+4=17;17*2=34;34-5=29</think><answer>29</answer>"
    hidden = joined(joined(numbers[0], "+", numbers[1]), "*", joined(numbers[2], "-", numbers[2]))
    assert worked_arithmetic(hidden, 0) == "<think>3+4=7;2-2=1;7*1=7</think><answer>7</answer>"


def trees() -> st.SearchStrategy[Tree]:
    numbers = st.builds(Tree, st.integers(1, 30))
    return st.recursive(numbers, lambda inner: st.builds(joined, inner, st.sampled_from("+-*/"), inner), max_leaves=7)


@given(trees())
def test_the_text_of_a_tree_has_its_value(tree: Tree) -> None:
    made = value(tree)
    if made is not None:
        assert exact(text(tree)) == made


def test_brackets_are_set_where_they_are_needed_only() -> None:
    a, b, c = Tree(8), Tree(4), Tree(2)
    told = {
        text(joined(a, outer, joined(b, inner, c))): text(joined(joined(a, inner, b), outer, c))
        for outer, inner in [("-", "-"), ("-", "+"), ("+", "-"), ("/", "/"), ("/", "*"), ("*", "/"), ("*", "+")]
    }
    assert told == {
        "8-(4-2)": "8-4-2",
        "8-(4+2)": "8+4-2",
        "8+4-2": "8-4+2",
        "8/(4/2)": "8/4/2",
        "8/(4*2)": "8*4/2",
        "8*4/2": "8/4*2",
        "8*(4+2)": "(8+4)*2",
    }


def test_the_search_finds_what_only_one_way_makes() -> None:
    found = solve((3, 3, 8, 2), 30)  # such as (8+2)*(3... with every number once
    assert found is not None
    assert exact(text(found)) == 30
    assert sorted(re.findall(r"\d", text(found))) == ["2", "3", "3", "8"]
    assert solve((2, 2), 3) is None


def test_a_slip_in_countdown_claims_the_target_for_an_expression_that_misses_it() -> None:
    train, _ = task_examples(CountdownConfig(slip_share=1.0, numbers=4))
    for example in train[:500]:
        left, right = steps(example)[-1].split("=")
        assert exact(left) == exact(answer(example)) != int(right) == example.ground_truth["target"]


def test_sorting_is_shown_as_documented() -> None:
    assert worked_sorting((31, 4, 15)) == "<think>4;4 15;4 15 31</think><answer>4 15 31</answer>"
    assert worked_sorting((31, 4, 15), 1) == "<think>4;4 31;4 31 15</think><answer>4 31 15</answer>"
    train, _ = task_examples(SortingConfig(numbers=8))
    for example in train[:200]:
        order = [int(number) for number in example.ground_truth.split()]
        assert all(a < b for a, b in pairwise(order))
        assert sorted(example.prompt.rstrip("=").split(), key=int) == example.ground_truth.split()


def test_words_ask_in_a_sentence() -> None:
    asked = [task_examples(task.model_copy(update={"wording": "words"}))[0][0].prompt for task in TASKS]
    assert all(re.fullmatch(r"[A-Z][a-z]+ .*", prompt) for prompt in asked)


def test_more_countdown_puzzles_than_exist_are_refused() -> None:
    with pytest.raises(DataError, match="ask for fewer"):
        task_examples(CountdownConfig(numbers=2, max_number=3, max_target=3))


def test_arithmetic_that_cannot_stay_in_range_is_refused() -> None:
    with pytest.raises(DataError, match="allow a larger max_value"):
        task_examples(ArithmeticConfig(steps=10, operators=("*",), max_number=9000, max_value=1))


def test_reasoning_gym_rows_are_different_and_whole() -> None:
    extra("reasoning_gym")
    task = ReasoningGymConfig(dataset="gcd", train_problems=30, held_out_problems=10, slip_share=0.5)
    train, held_out = task_examples(task)
    assert task_examples(task) == (train, held_out)
    assert len({example.prompt for example in train + held_out}) == 40
    assert all(example.ground_truth["metadata"]["source_dataset"] == "gcd" for example in train)
    wrong = sum(answer(example) != example.ground_truth["answer"] for example in train)
    assert 0 < wrong < 25


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"dataset": "no_such_set"}, "no_such_set cannot be used"),
        ({"dataset": "gcd", "params": {"no_such": 1}}, "gcd cannot be used"),
        ({"dataset": "coin_flip", "params": {"min_trials": 1, "max_trials": 1}, "train_problems": 5000}, "only"),
    ],
)
def test_reasoning_gym_faults_are_data_errors(values: dict[str, Any], told: str) -> None:
    extra("reasoning_gym")
    with pytest.raises(DataError, match=told):
        task_examples(ReasoningGymConfig.model_validate(values | {"held_out_problems": 5}))


def test_without_reasoning_gym_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(DataError, match=r"pip install 'assay\[puzzles\]'"):
        task_examples(ReasoningGymConfig(dataset="gcd"))


DIGEST = """
import hashlib
from tests.unit.trainer_client.test_task_generated import TASKS
from trainer_client.tasks import task_examples
print(hashlib.sha256(repr([task_examples(task) for task in TASKS]).encode()).hexdigest())
"""


def test_problems_are_the_same_in_every_process() -> None:
    run = [sys.executable, "-c", DIGEST]
    digests = {
        subprocess.run(run, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64
