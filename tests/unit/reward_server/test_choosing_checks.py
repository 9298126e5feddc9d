"""A check that chooses another one for each item: through binding, scoring and the hash."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reward_server.errors import InvalidParams
from reward_server.executors.base import Executors
from reward_server.profiles import bind
from reward_server.scoring import Scorer
from reward_server.settings import Settings
from reward_server.wire import CheckSpec, GoldKind, ScoreItem, ScoreResult


class NoPrograms:
    def session(self) -> None:
        return None


def score(*items: ScoreItem, **params: Any) -> list[ScoreResult]:
    scorer = Scorer(Executors(pool=None, sandbox=NoPrograms()), Settings())  # type: ignore[arg-type]
    return asyncio.run(scorer.score(bind([CheckSpec(check="auto", params=params)]), items, 5))


def item(completion: str, gold: object) -> ScoreItem:
    return ScoreItem(completion=completion, ground_truth=gold)  # type: ignore[arg-type]


def test_each_item_is_judged_by_the_check_its_ground_truth_calls_for() -> None:
    results = score(
        item("\\boxed{1/2}", "0.5"),
        item("The answer is (B).", {"choices": ["3", "4"], "answer": 1}),
        item("<answer>44+19+35</answer>", {"target": 98, "numbers": [44, 19, 35]}),
        item("the Beatles!", {"golden_answers": ["Beatles"]}),
        item("one two three", {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}),
    )
    assert [result.components["auto"].detail["check"] for result in results] == [
        "math",
        "choice",
        "countdown",
        "exact",
        "ifeval",
    ]
    assert [result.reward for result in results] == [1.0] * 5
    assert [result.gold_kind for result in results] == [
        GoldKind.MATH,
        GoldKind.MCQ,
        GoldKind.PUZZLE,
        GoldKind.EXACT,
        GoldKind.CONSTRAINTS,
    ]


def test_choices_can_be_closed_and_given_parameters() -> None:
    (skipped,) = score(item("4", "4"), among=["countdown"])
    assert skipped.error is not None
    assert (skipped.status, skipped.error.code) == ("skipped", "gold_invalid")
    (loose,) = score(item("3.1", "3"), among=["math"], params={"math": {"tolerance": 0.1}})
    assert loose.reward == 1.0


@pytest.mark.parametrize("params", [{"among": ["nope"]}, {"params": {"nope": {}}}, {"params": {"math": {"x": 1}}}])
def test_what_is_no_choice_or_no_parameter_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(InvalidParams):
        bind([CheckSpec(check="auto", params=params)])


def test_parameters_of_a_choice_change_the_hash() -> None:
    plain, loose = (bind([CheckSpec(check="auto", params=p)]) for p in ({}, {"params": {"math": {"tolerance": 0.1}}}))
    assert plain.hash != loose.hash
