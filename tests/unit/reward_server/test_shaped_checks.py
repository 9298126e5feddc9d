"""Checks that wait for another component, checks that compare a group, steps, and neutral skips: through the scorer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from reward_server.checks.base import (
    AnswerCheck,
    AskingCheck,
    CheckInput,
    ChoosingCheck,
    Params,
    ShapedParams,
    Step,
    Verdict,
)
from reward_server.errors import CheckUnavailable, GroundTruthInvalid, InvalidRequest, Unavailable
from reward_server.executors.base import Executors
from reward_server.profiles import BoundCheck, Profile, bind
from reward_server.questions import Question
from reward_server.scoring import Scorer
from reward_server.settings import Settings
from reward_server.wire import CheckSpec, Combine, GoldKind, InvalidItem, ScoreItem, ScoreResult, StepReward


class Number(AnswerCheck):
    """The completion read as a number; does not apply to `?`; the gold `bad` is none."""

    name: ClassVar[str] = "number"
    detail: ClassVar[Mapping[str, str]] = {"digits": "how many"}

    def judge(self, item: CheckInput, params: Params) -> Verdict:
        if item.ground_truth == "bad":
            raise GroundTruthInvalid("no gold")
        if item.completion == "?":
            return Verdict(None, {"digits": 0}, reason="no number")
        steps = (Step(0, 1, 1.0),) if item.completion.startswith("1") else ()
        value = float(item.completion)
        return Verdict(value, {"digits": len(item.completion)}, steps=steps, gold_kind=GoldKind.NUMERIC)


class IfRight(AnswerCheck):
    name: ClassVar[str] = "if_right"
    params: ClassVar[type[Params]] = ShapedParams

    def judge(self, item: CheckInput, params: ShapedParams) -> Verdict:
        return Verdict({True: 10.0, False: -10.0, None: 0.0}[item.right])


class Shorter(AnswerCheck):
    """1 for the shortest of its group."""

    name: ClassVar[str] = "shorter"
    needs_group: ClassVar[bool] = True

    def judge(self, item: CheckInput, params: Params) -> Verdict:
        if item.group is None:
            return Verdict(None, reason="no group_id")
        shortest = item.group.kept.setdefault("least", min(len(one.completion) for one in item.group.members))
        return Verdict(float(len(item.completion) == shortest))


class Missing(AnswerCheck):
    name: ClassVar[str] = "missing"

    def unavailable(self, params: Any) -> str | None:
        return "install assay[something]"


def profile(*checks: tuple[AnswerCheck, Params], combine: Combine | None = None) -> Profile:
    bound = tuple(BoundCheck(check.name, check, 1.0, params) for check, params in checks)
    return Profile("test", bound, combine or Combine(), "sha256:0")


class NoPrograms:
    def session(self) -> None:
        return None


def score(rules: Profile, *items: ScoreItem | InvalidItem) -> list[ScoreResult]:
    scorer = Scorer(Executors(pool=None, sandbox=NoPrograms()), Settings())  # type: ignore[arg-type]
    return asyncio.run(scorer.score(rules, items, 5))


def item(completion: str, **more: Any) -> ScoreItem:
    return ScoreItem(completion=completion, **more)


def test_a_shaped_check_is_told_whether_the_answer_is_right_whatever_its_place() -> None:
    shaped = (IfRight(), ShapedParams(correct_by="number", correct_from=2.0))
    results = score(profile(shaped, (Number(), Params())), item("2"), item("1"), item("?"))
    assert [result.components["if_right"].value for result in results] == [10.0, -10.0, 0.0]
    assert [list(result.components) for result in results] == [["if_right", "number"]] * 3


@pytest.mark.parametrize("named", ["nothing", "length"])
def test_what_says_right_must_be_another_component_that_judges_itself(named: str) -> None:
    specs = [CheckSpec(check="exact"), CheckSpec(check="kimi_length", name="length", params={"correct_by": named})]
    with pytest.raises(InvalidRequest, match="correct_by"):
        bind(specs)


def test_a_gate_must_be_a_component() -> None:
    with pytest.raises(InvalidRequest, match="gate"):
        bind([CheckSpec(check="exact")], Combine(mode="gated", gate="math"))


def test_a_group_holds_the_completions_of_one_prompt_and_of_no_other() -> None:
    rules = profile((Shorter(), Params()))
    results = score(
        rules,
        item("1", group_id="a"),
        item("22", group_id="b"),
        InvalidItem(id=None, reason="broken"),
        item("333", group_id="b"),
        item("4444", group_id="a"),
        item("1"),
    )
    assert [result.reward for result in results] == [1.0, 1.0, None, 0.0, 0.0, None]
    assert results[5].status == "skipped"
    assert results[5].error is not None
    assert (results[5].error.code, results[5].error.message) == (
        "not_applicable",
        "no check that the reward needs applies to this item (shorter: no group_id)",
    )


def test_a_check_that_does_not_apply_leaves_the_others_their_reward() -> None:
    (result,) = score(profile((Number(), Params()), (Shorter(), Params())), item("3"))
    assert (result.status, result.reward, result.error) == ("ok", 3.0, None)
    assert (result.components["shorter"].status, result.components["shorter"].reason) == ("skipped", "no group_id")


def test_a_reference_that_cannot_be_judged_skips_the_item_with_all_keys() -> None:
    (result,) = score(profile((Number(), Params()), (Shorter(), Params())), item("3", ground_truth="bad"))
    assert (result.status, result.reward) == ("skipped", None)
    assert result.components["number"].detail == {"digits": None}
    assert result.components["number"].reason == "no gold"


def test_steps_carry_the_name_of_their_component_and_the_gold_its_kind() -> None:
    (result,) = score(profile((Number(), Params())), item("12"))
    assert result.step_rewards == [StepReward(component="number", start=0, end=1, value=1.0)]
    assert result.gold_kind is GoldKind.NUMERIC
    assert score(profile((Number(), Params())), item("2"))[0].step_rewards == []


def test_a_completion_that_was_cut_off_is_flagged_whatever_judges_it() -> None:
    cut, whole = score(profile((Number(), Params())), item("1", finish_reason="length"), item("1"))
    assert (cut.flags, whole.flags) == (["truncated"], [])


def test_a_reward_beyond_all_numbers_is_the_callers_fault_and_no_infinity() -> None:
    check = BoundCheck("number", Number(), 1e6, Params())
    (result,) = score(Profile(None, (check,), Combine(), ""), item("1e308"))
    assert (result.status, result.reward) == ("skipped", None)
    assert result.error is not None
    assert result.error.code == "reward_not_finite"


def test_a_check_that_this_server_cannot_use_refuses_the_request() -> None:
    with pytest.raises(CheckUnavailable, match="install assay"):
        score(profile((Missing(), Params())), item("1"))


class CannotLoad(Number):
    def prepare(self, params: Any) -> None:
        raise OSError("no space left")


def test_a_check_that_cannot_load_what_it_needs_is_asked_again_later() -> None:
    with pytest.raises(Unavailable, match="check 'number' could not load what it needs: OSError"):
        score(profile((CannotLoad(), Params())), item("1"))


def test_a_choice_that_cannot_load_stops_no_item_that_calls_for_another() -> None:
    choices = {
        "broken": BoundCheck("broken", CannotLoad(), 1.0, Params()),
        "fine": BoundCheck("f", Number(), 1.0, Params()),
    }

    class Chooses(ChoosingCheck):
        name: ClassVar[str] = "chooses"

        def choose(self, item: CheckInput, params: Any) -> str:
            return "fine"

    rules = Profile("test", (BoundCheck("c", Chooses(), 1.0, Params(), choices),), Combine(), "")
    assert score(rules, item("2"))[0].reward == 2.0


class Punishes(AnswerCheck):
    name: ClassVar[str] = "punishes"
    range: ClassVar[tuple[float, float]] = (-1.0, 0.0)


def test_a_completion_too_long_to_be_judged_gets_the_worst_of_a_check_that_only_punishes() -> None:
    rules = profile((Number(), Params()), (Punishes(), Params()))
    (result,) = score(rules, item("1" * (Settings().max_completion_chars + 1)))
    assert {name: one.value for name, one in result.components.items()} == {"number": 0.0, "punishes": -1.0}
    assert (result.reward, result.flags) == (-1.0, ["completion_too_long"])


class Asks(AskingCheck):
    name: ClassVar[str] = "asks"

    def ask(self, item: CheckInput, params: Any) -> Question | Verdict:
        return Verdict(5.0)  # as if the judge had been asked


@pytest.mark.parametrize(("completion", "value", "reward"), [("3", 5.0, 8.0), ("2", None, 2.0)])
def test_behind_a_closed_gate_the_external_judge_is_not_asked(
    completion: str, value: float | None, reward: float
) -> None:
    gated = Combine(mode="gated", gate="number", threshold=3.0)
    bound = (BoundCheck("asks", Asks(), 1.0, Params()), BoundCheck("number", Number(), 1.0, Params()))
    scorer = Scorer(Executors(pool=None, sandbox=NoPrograms(), judge=object()), Settings())  # type: ignore[arg-type]
    (result,) = asyncio.run(scorer.score(Profile("test", bound, gated, ""), [item(completion)], 5))
    assert (result.components["asks"].value, result.reward) == (value, reward)
    assert list(result.components) == ["asks", "number"]


class Thread(AnswerCheck):
    """Which thread judges, and how many members of the group are judged at the same time."""

    name: ClassVar[str] = "thread"
    needs_group: ClassVar[bool] = True
    in_loop: ClassVar[list[bool]] = []
    together: ClassVar[list[int]] = []

    def judge(self, item: CheckInput, params: Params) -> Verdict:
        self.in_loop.append(threading.current_thread() is threading.main_thread())
        self.together.append(1)
        time.sleep(0.002)
        most = len(self.together)
        self.together.pop()
        return Verdict(float(most))


@pytest.mark.parametrize(("chars", "in_loop"), [(10, True), (30_000, False)])
def test_a_large_group_is_judged_beside_the_loop_one_member_at_a_time(chars: int, in_loop: bool) -> None:
    """The lengths of 1,024 long completions in words held the server for ten seconds."""
    Thread.in_loop.clear()
    results = score(profile((Thread(), Params())), *[item("a" * chars, group_id="g")] * 20)
    assert [result.reward for result in results] == [1.0] * 20
    assert Thread.in_loop == [in_loop] * 20
