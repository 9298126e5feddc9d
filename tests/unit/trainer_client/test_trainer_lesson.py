"""Groups to what the loss learns: penalties, kept members, steps on tokens, divergences in the reward, refills."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.unit.trainer_client.test_trainer_update import scored_group
from trainer_client.advantages import Step
from trainer_client.batching import rollout_batch
from trainer_client.config import RlConfig
from trainer_client.config.selection import DynamicSamplingConfig
from trainer_client.control import adapted, current_beta, current_entropy_coef
from trainer_client.errors import ConfigError, RewardUnavailable
from trainer_client.gather import gather
from trainer_client.groups import component_and_mask
from trainer_client.lesson import Lesson, lesson_of, step_rewards
from trainer_client.losses.parts import LossSums
from trainer_client.progress import Controls, Health, Progress, Stage
from trainer_client.rollouts import Collected
from trainer_client.selection import DifficultyWindow
from trainer_client.types import JudgedStep, ScoredGroup, TrainBatch

EOS = 1
PLAIN = {"scale": "none"}


def config(**settings: object) -> RlConfig:
    return RlConfig.model_validate({"sampler": {"max_new_tokens": 10}, **settings})


def group(lengths: list[int], rewards: list[float | None], ended: bool = True) -> ScoredGroup:
    """Completions of these lengths; the math component is the reward."""
    completions = [[5] * (length - 1) + [EOS if ended else 5] for length in lengths]
    made = scored_group([3, 4], completions, rewards)
    scores = tuple(replace(score, components={"math": score.reward}) for score in made.scores)
    return ScoredGroup(made.group, scores)


def lesson(groups: list[ScoredGroup], setting: RlConfig, controls: Controls | None = None, **known: Tensor) -> Lesson:
    batch: TrainBatch = replace(rollout_batch(groups, 0), **known)
    return lesson_of(groups, batch, setting, controls or Controls())


def first_advantages(made: Lesson) -> list[float]:
    return made.batch.advantages[:, 0].tolist()


def test_length_punishment_is_added_to_the_reward_before_the_mean() -> None:
    setting = config(advantage=PLAIN, selection={"soft_overlong": {"cache_share": 0.5, "weight": 2.0}})
    made = lesson([group([5, 10], [1.0, 1.0])], setting)  # 0 and -2: a mean of 0
    assert first_advantages(made) == pytest.approx([1.0, -1.0])


def test_overlong_rows_stay_in_the_mean_and_leave_the_loss() -> None:
    ended, cut = group([4, 6], [1.0, 0.0]), group([10, 10], [0.0, 0.0], ended=False)
    one = ScoredGroup(
        replace(ended.group, rollouts=(*ended.group.rollouts, *cut.group.rollouts)), (*ended.scores, *cut.scores)
    )
    made = lesson([one], config(advantage=PLAIN, selection={"overlong_filter": True}))
    assert first_advantages(made) == pytest.approx([0.75, -0.25, 0.0, 0.0])
    assert made.batch.action_mask.sum(1).tolist() == [4, 6, 0, 0]
    assert made.members.tolist() == [[True, True, False, False]]


def test_kept_members_alone_are_in_the_mean_and_all_are_in_the_divisor() -> None:
    setting = config(group=4, advantage=PLAIN | {"gfpo": {"metric": "length", "keep": 2}})
    made = lesson([group([9, 2, 8, 3], [1.0, 1.0, None, 0.0])], setting)
    assert first_advantages(made) == pytest.approx([0.0, 0.5, 0.0, -0.5])
    assert made.batch.action_mask.sum(1).tolist() == [9, 2, 0, 3]


def test_window_of_difficulty_moves_on_and_is_cut() -> None:
    adaptive = {"very_hard": 4, "hard": 3, "medium": 2, "easy": 2, "window": 3, "warm_up": 1}
    setting = config(group=4, advantage=PLAIN | {"gfpo": {"adaptive": adaptive}})
    hard, easy = group([5, 6, 7, 8], [0.0, 0.0, 0.0, 1.0]), group([5, 6, 7, 8], [1.0, 0.0, 1.0, 1.0])
    made = lesson([hard, easy], setting, Controls(difficulty=(0.5, 0.6)))
    assert made.window.means == (0.6, 0.25, 0.75)
    assert made.batch.advantages.any(1).tolist() == [True] * 4 + [True, True, False, False]


def with_steps(one: ScoredGroup, *rows: tuple[JudgedStep, ...]) -> ScoredGroup:
    """One token a character; an end token behind the text."""
    rollouts = tuple(
        replace(r, text_ends=torch.arange(1, len(r.token_ids) + 1).clamp(max=len(r.token_ids) - 1))
        for r in one.group.rollouts
    )
    scores = tuple(replace(score, steps=steps) for score, steps in zip(one.scores, rows, strict=True))
    return ScoredGroup(replace(one.group, rollouts=rollouts), scores)


def test_judged_steps_lie_on_the_tokens_where_they_end() -> None:
    judged = with_steps(group([5, 3], [1.0, 0.0]), (JudgedStep("s", 0, 2, 1.0), JudgedStep("s", 2, 4, -1.0)), ())
    assert step_rewards([judged]) == [(Step(1, 1.0), Step(3, -1.0)), ()]


def test_process_supervision_worked_by_hand() -> None:
    """Steps 1, -1 and -1: mean -1/3. The outcome is left out."""
    judged = with_steps(
        group([5, 3], [1.0, 0.0]),
        (JudgedStep("s", 0, 2, 1.0), JudgedStep("s", 2, 4, -1.0)),
        (JudgedStep("s", 0, 2, -1.0),),
    )
    made = lesson([judged], config(advantage=PLAIN | {"process": {"outcome_weight": 0.0}}))
    third = 1 / 3
    assert made.batch.advantages[0].tolist() == pytest.approx([2 * third, 2 * third, -2 * third, -2 * third, 0.0])
    assert made.batch.advantages[1].tolist() == pytest.approx([-2 * third, -2 * third, 0.0, 0.0, 0.0])


def test_steps_beyond_the_completion_are_a_fault_of_the_server() -> None:
    with pytest.raises(RewardUnavailable, match="does not fit its completion"):
        step_rewards([with_steps(group([5], [1.0]), (JudgedStep("s", 0, 9, 1.0),))])


def test_divergence_is_taken_from_the_reward_with_the_current_beta() -> None:
    setting = config(
        advantage={"estimator": "rloo"}, loss={"kl": {"beta": 0.5, "estimator": "k1", "place": "reward", "target": 1.0}}
    )
    groups = [group([2, 4], [1.0, 1.0])]
    shape = (2, 4)
    known = {"old_log_probs": torch.full(shape, -1.0), "reference_log_probs": torch.full(shape, -1.25)}
    made = lesson(groups, setting, **known)  # KL 0.25 a token: rewards 1 - 0.25 and 1 - 0.5
    assert first_advantages(made) == pytest.approx([0.25, -0.25])
    assert made.reward_kl == pytest.approx(0.25)
    assert first_advantages(lesson(groups, setting, Controls(kl_beta=1.0), **known)) == pytest.approx([0.5, -0.5])


def test_unscored_groups_teach_nothing_whatever_is_configured() -> None:
    for settings in (
        {},
        {"advantage": {"objectives": {"weights": {"math": 1.0}}}},
        {"advantage": {"process": {}}},
        {"advantage": {"estimator": "gae"}, "critic": {}},
    ):
        batch = rollout_batch([group([2, 3], [None, None])], 0)
        made = lesson_of(
            [group([2, 3], [None, None])],
            replace(batch, old_values=torch.zeros_like(batch.action_mask)),
            config(**settings),
            Controls(),
        )
        assert not made.batch.action_mask.any()
        assert not made.batch.advantages.any()


def test_objective_that_no_completion_has_names_the_setting() -> None:
    setting = config(advantage={"objectives": {"weights": {"humour": 1.0}}})
    with pytest.raises(ConfigError, match=r"rl\.advantage\.objectives\.weights names 'humour'.*they have: math"):
        lesson([group([2, 3], [1.0, 0.0])], setting)


def test_hybrid_takes_the_value_before_the_first_token_and_teaches_the_critic_the_reward() -> None:
    setting = config(advantage=PLAIN | {"hybrid": {"choose": "all"}}, critic={})
    values = torch.tensor([[0.25, 9.0, 9.0], [0.25, 9.0, 9.0]])
    made = lesson([group([2, 3], [1.0, 0.0])], setting, old_values=values)
    assert first_advantages(made) == pytest.approx([0.75, -0.25])
    assert made.batch.returns is not None
    assert made.batch.returns.tolist() == [[1, 1, 0], [0, 0, 0]]


class Draws:
    """Groups whose accuracy is given, drawn in order."""

    def __init__(self, *rewards: list[float]) -> None:
        self._left = list(rewards)
        self.asked: list[tuple[int, int]] = []

    def __call__(self, sampling: int, prompts: int) -> Collected:
        self.asked.append((sampling, prompts))
        taken, self._left = self._left[:prompts], self._left[prompts:]
        return Collected([group([2, 2], list(rewards)) for rewards in taken], 1.0, 0.5)


DEAD, LIVE = [1.0, 1.0], [1.0, 0.0]


def test_without_dynamic_sampling_there_is_one_draw() -> None:
    draws = Draws(DEAD, LIVE)
    gathered = gather(draws, 2, None, "math")
    assert (draws.asked, len(gathered.groups), gathered.samplings, gathered.full) == ([(0, 2)], 2, 1, True)


def test_dead_groups_are_replaced_until_the_step_is_full() -> None:
    draws = Draws(DEAD, LIVE, DEAD, LIVE, LIVE, LIVE)
    gathered = gather(draws, 2, DynamicSamplingConfig(surplus=1.0), "math")
    assert draws.asked == [(0, 2), (1, 2)]
    assert [one.scores[1].reward for one in gathered.groups] == [0.0, 0.0]
    assert (len(gathered.seen), gathered.full, gathered.generate_seconds, gathered.reward_seconds) == (4, True, 2, 1)


def test_samplings_are_bounded_and_the_step_takes_what_there_is() -> None:
    gathered = gather(Draws(DEAD, DEAD, DEAD, LIVE, DEAD, DEAD), 2, DynamicSamplingConfig(max_batches=2), "math")
    assert (len(gathered.groups), gathered.samplings, gathered.full) == (1, 2, False)
    assert gather(Draws(*[DEAD] * 9), 2, DynamicSamplingConfig(max_batches=3), "math").groups == []


def test_a_group_is_dead_by_its_raw_accuracy_and_not_by_its_reward() -> None:
    one = group([2, 9], [0.4, 0.1])
    same = ScoredGroup(one.group, tuple(replace(score, components={"math": 1.0}) for score in one.scores))
    assert gather(lambda *_: Collected([same], 1, 1), 1, DynamicSamplingConfig(max_batches=1), "math").groups == []
    accuracy, known = component_and_mask([same], "math")
    assert accuracy.tolist() == [[1.0, 1.0]]
    assert known.all()


def test_weights_adapt_and_stay_where_nothing_was_measured() -> None:
    loss = config(
        loss={
            "kl": {"beta": 0.1, "estimator": "k1", "place": "reward", "target": 0.01, "horizon": 100},
            "entropy": {"coef": 0.01, "target": 0.5},
        },
    ).loss
    sums = LossSums(tokens=10.0, entropy=3.0)
    after = adapted(Controls(), loss, sums, 0.1, 50, DifficultyWindow((0.5,)))
    assert after == Controls(pytest.approx(0.1 * 1.1), pytest.approx(0.015), pytest.approx(0.3), (0.5,))
    assert (current_beta(after, loss), current_entropy_coef(after, loss)) == (after.kl_beta, after.entropy_coef)
    assert current_entropy_coef(Controls(), loss) == 0.0  # nothing is known of the entropy yet
    again = adapted(after, loss, sums, 0.1, 50, DifficultyWindow())
    assert again.kl_beta == pytest.approx(0.1 * 1.1 * 1.1)
    assert adapted(after, loss, LossSums(), None, 0, DifficultyWindow((0.5,))) == after
    plain = config().loss
    assert adapted(Controls(), plain, sums, None, 4, DifficultyWindow()) == Controls()


def test_progress_is_told_in_plain_values_and_read_back() -> None:
    progress = Progress(
        Stage.RL, 7, 3, 2, 1, 0, 99, Controls(0.1, 0.2, 0.3, (0.5, 1.0)), Health({"kl": 2}, {"length": [1.0]}, (4.0,))
    )
    assert Progress.from_values(progress.as_values()) == progress
    with pytest.raises(KeyError):
        Progress.from_values({"stage": "rl"})
