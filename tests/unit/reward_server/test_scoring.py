"""Faults of ours become errors, faults of the policy become scores: with checks made to fail in each way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from reward_server.assembly import summarise
from reward_server.checks.base import AnswerCheck, CheckInput, HeavyCheck, Params, Verdict
from reward_server.errors import GroundTruthInvalid, SandboxUnavailable, TaskOutOfMemory, TaskTimedOut, WorkerLost
from reward_server.executors.base import Executors
from reward_server.executors.fair import FairPrograms
from reward_server.executors.turns import Turns
from reward_server.profiles import BoundCheck, Profile
from reward_server.programs import Run, RunResult
from reward_server.scoring import Scorer
from reward_server.settings import Settings
from reward_server.wire import Combine, ScoreItem, ScoreResult


class Value(AnswerCheck):
    """Scores the completion read as a number, in place."""

    name: ClassVar[str] = "value"

    def judge(self, item: CheckInput, params: Params) -> Verdict:
        if item.ground_truth == "invalid":
            raise GroundTruthInvalid("expected another gold")
        return Verdict(float(item.completion), {}, ("negative",) if item.completion.startswith("-") else ())


class HeavyValue(Value, HeavyCheck):
    """The same, but every completion is too much for in place."""

    def judge_in_place(self, item: CheckInput, params: Params) -> Verdict | None:
        return None


class Worker:
    """Stands for the pool: raises what it is told to, call after call, then works."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)

    async def run(self, function: Callable[..., Any], *args: Any, timeout_seconds: float) -> Any:
        if self.faults:
            raise self.faults.pop(0)
        return function(*args)

    def outage(self) -> str | None:
        return None


class NoSandbox:
    async def execute(self, run: Run) -> RunResult:
        raise SandboxUnavailable("none here")

    def refusal(self) -> str | None:
        return None

    def outage(self) -> str | None:
        return None

    def known_languages(self) -> list[dict[str, Any]] | None:
        return []

    async def languages(self) -> list[dict[str, Any]]:
        return []

    def report(self) -> dict[str, Any]:
        return {"available": False}


def profile(*checks: tuple[Any, float]) -> Profile:
    bound = tuple(BoundCheck(f"c{n}", check, weight, Params()) for n, (check, weight) in enumerate(checks))
    return Profile("test", bound, Combine(), "sha256:0")


def score(
    rules: Profile, items: list[ScoreItem], worker: Worker | None = None, seconds: float = 5
) -> list[ScoreResult]:
    scorer = Scorer(Executors(pool=worker or Worker(), sandbox=FairPrograms(NoSandbox(), Turns(1))), Settings())
    return asyncio.run(scorer.score(rules, items, seconds))


def one(*faults: Exception) -> ScoreResult:
    (result,) = score(profile((HeavyValue(), 1.0)), [ScoreItem(completion="1")], Worker(*faults))
    return result


def test_the_reward_is_the_weighted_sum_and_flags_are_collected() -> None:
    rules = profile((Value(), 1.0), (Value(), -0.5))
    results = score(rules, [ScoreItem(id="a", completion="2"), ScoreItem(completion="-4")])
    assert [(r.id, r.reward, r.flags) for r in results] == [("a", 1.0, []), (None, -2.0, ["negative"])]
    assert summarise(results).mean_reward == -0.5


def test_an_invalid_gold_is_skipped_with_every_component_key() -> None:
    rules = profile((Value(), 1.0), (HeavyValue(), 1.0))
    (result,) = score(rules, [ScoreItem(completion="1", ground_truth="invalid")])
    assert (result.status, result.reward, set(result.components)) == ("skipped", None, {"c0", "c1"})
    assert result.error is not None
    assert (result.error.code, result.error.fault) == ("gold_invalid", "data")


def test_a_bug_in_a_check_is_an_error_of_that_item_alone() -> None:
    results = score(profile((Value(), 1.0)), [ScoreItem(completion="no number"), ScoreItem(completion="3")])
    assert [(r.status, r.reward) for r in results] == [("error", None), ("ok", 3.0)]
    assert results[0].error is not None
    assert (results[0].error.code, results[0].error.fault) == ("check_failed", "server")
    assert "no number" not in results[0].error.message


@pytest.mark.parametrize("lost", [1, 2])
def test_an_item_whose_worker_was_killed_is_judged_again(lost: int) -> None:
    result = one(*[WorkerLost("gone")] * lost)
    assert (result.status, result.reward) == ("ok", 1.0)


def test_a_worker_lost_again_and_again_is_our_fault_and_no_zero() -> None:
    result = one(*[WorkerLost("gone")] * 3)
    assert (result.status, result.reward) == ("error", None)
    assert result.error is not None
    assert (result.error.code, result.error.retryable) == ("worker_lost", True)


def test_one_time_out_is_forgiven_and_two_are_the_answers_doing() -> None:
    late = TaskTimedOut("late")
    assert (one(late).status, one(late).reward) == ("ok", 1.0)
    result = one(late, WorkerLost("gone"), late)
    assert (result.status, result.reward, result.flags) == ("ok", 0.0, ["verifier_timeout"])
    assert one(TaskOutOfMemory("big"), TaskOutOfMemory("big")).flags == ["verifier_memory"]


def test_the_deadline_ends_waiting_items_and_keeps_finished_ones() -> None:
    class Slow(Worker):
        async def run(self, function: Callable[..., Any], *args: Any, timeout_seconds: float) -> Any:
            await asyncio.sleep(float(args[0].completion))
            return function(*args)

    started = time.monotonic()
    items = [ScoreItem(completion="0"), ScoreItem(id="late", completion="30")]
    results = score(profile((HeavyValue(), 1.0)), items, Slow(), seconds=0.3)
    assert time.monotonic() - started < 20
    assert [(r.id, r.status, r.reward) for r in results] == [(None, "ok", 0.0), ("late", "error", None)]
    assert results[1].error is not None
    assert results[1].error.code == "deadline_exceeded"


def test_a_check_that_loads_a_library_first_has_time_for_that() -> None:
    class Loading(HeavyValue):
        start_seconds: ClassVar[float] = 7.0

    class Watch(Worker):
        async def run(self, function: Callable[..., Any], *args: Any, timeout_seconds: float) -> Any:
            self.seconds = timeout_seconds
            return function(*args)

    watch = Watch()
    score(profile((Loading(), 1.0)), [ScoreItem(completion="1")], watch)
    assert watch.seconds == Settings().check_timeout_seconds + 7
