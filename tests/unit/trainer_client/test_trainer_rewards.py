"""From rollouts to scores, and the rule for those that stay without one."""

from __future__ import annotations

import pytest
import torch

from reward_server.wire import ScoreResult
from tests.unit.trainer_client.stand_in import StandIn
from tests.unit.trainer_client.stand_in_server import failed, score
from trainer_client.config import RewardConfig
from trainer_client.errors import ConfigError, RewardRejected, RewardsMissing
from trainer_client.groups import rewards_and_mask
from trainer_client.metrics import score_metrics, text_metrics
from trainer_client.reward_client import Unanswered
from trainer_client.rewards import RewardScorer, StepWatch, UnscoredWatch, rollout_score
from trainer_client.types import Example, Judged, JudgedStep, Prompt, Rollout, RolloutGroup, RolloutScore, ScoredGroup

RIGHT = "<think>1+1=2</think><answer>2</answer>"


def group(*texts: str, truth: str = "2") -> RolloutGroup:
    rollouts = tuple(
        Rollout(torch.arange(len(text)), torch.zeros(len(text)), torch.full((len(text),), 0.5), text, False, 0)
        for text in texts
    )
    return RolloutGroup(Prompt(Example("0", "1+1=", truth), "1+1=", (1,)), rollouts)


def config(url: str, **changes: object) -> RewardConfig:
    values = {"url": url, "backoff_seconds": 0.02, "max_wait_seconds": 0.3, "deadline_ms": 500, "timeout_seconds": 1.0}
    return RewardConfig.model_validate({**values, **changes})


def test_groups_sent_one_after_another_come_back_in_order(stand_in: StandIn) -> None:
    with RewardScorer(config(stand_in.url), print) as scorer:
        scoring = scorer.begin("rl-3")
        scoring.send([group(RIGHT, "bad"), group("bad", "bad")])
        scoring.send([group("bad", RIGHT)])
        scored = scoring.collect()
    rewards, mask = rewards_and_mask(scored)
    assert rewards.tolist() == [[1.2, 0.0], [0.0, 0.0], [0.0, 1.2]]
    assert mask.all()
    ids = [name for request in stand_in.requests() for name in request["ids"]]
    assert sorted(ids) == ["rl-3-0-0", "rl-3-0-1", "rl-3-1-0", "rl-3-1-1", "rl-3-2-0", "rl-3-2-1"]


def test_failures_are_masked_and_counted_apart_never_zero(stand_in: StandIn) -> None:
    stand_in.faults("item-skipped", "item-error-for-good", "")
    with RewardScorer(config(stand_in.url, concurrency=1), print) as scorer:
        scoring = scorer.begin("rl-1")
        for texts in [("bad", RIGHT), (RIGHT, RIGHT), (RIGHT, "bad")]:
            scoring.send([group(*texts)])
        scored = scoring.collect()
    judged = [[score.judged for score in one.scores] for one in scored]
    assert judged[0] == [Judged.SKIPPED, Judged.SCORED]
    assert judged[1] == [Judged.UNSCORED, Judged.SCORED]
    metrics = score_metrics(scored, "math")
    assert (metrics["scored"], metrics["skipped"], metrics["unscored"]) == (4, 1, 1)
    assert metrics["accuracy"] == 0.75
    assert metrics["reward"] == pytest.approx((1.2 * 3 + 0.0) / 4)
    assert metrics["components"] == {"format": 0.75, "math": 0.75}
    assert text_metrics(scored)["entropy"] == pytest.approx(0.5)


def test_dead_server_leaves_everything_unscored(stand_in: StandIn) -> None:
    stand_in.kill()
    with RewardScorer(config(stand_in.url), lambda _: None) as scorer:
        scoring = scorer.begin("rl-1")
        scoring.send([group(RIGHT, RIGHT)])
        scored = scoring.collect()
    _, mask = rewards_and_mask(scored)
    assert not mask.any()
    metrics = score_metrics(scored, "math")
    assert (metrics["reward"], metrics["accuracy"], metrics["unscored"]) == (None, None, 2)


def test_refusal_reaches_the_caller_and_the_thread_ends(stand_in: StandIn) -> None:
    stand_in.faults("401")
    with pytest.raises(RewardRejected), RewardScorer(config(stand_in.url), print) as scorer:
        scorer.judge(Example("0", "", "2"), RIGHT)


def test_leaving_early_does_not_wait_for_the_server(stand_in: StandIn) -> None:
    stand_in.faults("hang:30")
    setting = config(stand_in.url, timeout_seconds=60, max_wait_seconds=60)
    with RewardScorer(setting, print) as scorer:
        scorer.begin("x").send([group(RIGHT)])


def test_named_key_must_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_KEY", raising=False)
    with pytest.raises(ConfigError, match="ASSAY_KEY"):
        RewardScorer(config("http://127.0.0.1:1", api_key_env="ASSAY_KEY"), print)


def test_every_status_of_the_wire_has_its_meaning() -> None:
    fine = score(0, {"completion": RIGHT, "ground_truth": "2"})
    assert rollout_score(ScoreResult.model_validate(fine)).reward == 1.2
    skipped = failed(fine, "skipped", "gold_invalid", "data", retryable=False)
    assert rollout_score(ScoreResult.model_validate(skipped)).judged is Judged.SKIPPED
    assert rollout_score(Unanswered("x")) == RolloutScore(Judged.UNSCORED, None, reason="x")


def scored_step(unscored: int, total: int = 10) -> list[ScoredGroup]:
    scores = [RolloutScore(Judged.UNSCORED, None, reason="gone")] * unscored
    scores += [RolloutScore(Judged.SCORED, 1.0)] * (total - unscored)
    return [ScoredGroup(group(*["x"] * total), tuple(scores))]


def test_run_ends_after_enough_bad_steps_in_a_row() -> None:
    watch = UnscoredWatch(RewardConfig(max_unscored_share=0.5, max_unscored_steps=2), print)
    for unscored in (6, 5, 6):  # 5 of 10 is not more than half: the row is broken
        watch.check(scored_step(unscored))
    with pytest.raises(RewardsMissing, match=r"6 of 10 .* gone"):
        watch.check(scored_step(6))


def test_stop_ends_the_run_at_the_first_unscored_rollout() -> None:
    watch = UnscoredWatch(RewardConfig(on_unscored="stop"), print)
    watch.check(scored_step(0))
    with pytest.raises(RewardsMissing, match="1 of 10"):
        watch.check(scored_step(1))


def test_reason_of_missing_scores_is_told_once_until_all_are_there_again() -> None:
    notices: list[str] = []
    watch = UnscoredWatch(RewardConfig(), notices.append)
    for unscored in (0, 5, 3, 0, 1):
        watch.check(scored_step(unscored))
    assert notices == [f"{count} of 10 rollouts have no score and are left out (gone)" for count in (5, 1)]


def scores_of(components: dict[str, float | None], steps: int = 0, judged: Judged = Judged.SCORED) -> ScoredGroup:
    reward = 1.0 if judged is Judged.SCORED else None
    score = RolloutScore(judged, reward, components, steps=tuple(JudgedStep("s", 0, 1, 1.0) for _ in range(steps)))
    return ScoredGroup(group("a", "b"), (score, score))


def test_profile_without_step_rewards_ends_a_process_supervised_run() -> None:
    watch = StepWatch("gsm8k", print)
    watch.check([scores_of({"math": None}, judged=Judged.UNSCORED)])  # says nothing about the profile
    with pytest.raises(ConfigError, match=r"no step of 4 completions .* profile 'gsm8k' \(format, math\): add a check"):
        watch.check([scores_of({"math": 1.0, "format": 0.0}), scores_of({"math": 0.0})])


@pytest.mark.parametrize("components", [{"math": 1.0, "equations": None}, {"math": 1.0, "arithmetic_steps": 0.0}])
def test_steps_that_may_still_come_are_waited_for(components: dict[str, float | None]) -> None:
    told: list[str] = []
    watch = StepWatch("steps", told.append)
    for _ in range(2):
        watch.check([scores_of(components)])
    assert len(told) == 1
    assert "nothing to learn from yet" in told[0]


def test_step_rewards_settle_the_question() -> None:
    told: list[str] = []
    watch = StepWatch("steps", told.append)
    watch.check([scores_of({"math": 1.0, "s": 0.0}, steps=2), scores_of({"math": 1.0})])
    watch.check([scores_of({"math": 1.0})])
    assert told == []
