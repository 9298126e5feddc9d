"""Settings of advantages and selection: what makes no sense together is refused with a reason; presets are sound."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trainer_client.config import RlConfig
from trainer_client.config.advantage import AdvantageConfig
from trainer_client.config.presets import PRESETS, preset, with_preset

WEIGHTS = {"weights": {"math": 1.0}}
KL_IN_REWARD = {"beta": 0.1, "estimator": "k1", "place": "reward"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"estimator": "rloo", "scale": "batch"}, "advantage.scale is for estimator = 'grpo': rloo divides by no"),
        ({"estimator": "gae", "scale": "group"}, "advantage.scale is for estimator = 'grpo'"),
        ({"estimator": "gae", "process": {}}, "gae has no group of steps"),
        ({"estimator": "rloo", "objectives": WEIGHTS}, "rloo normalises no objectives"),
        ({"estimator": "reinforce_pp", "gfpo": {}}, "advantages over the kept set, which are defined for grpo"),
        ({"estimator": "reinforce_pp_baseline", "hybrid": {}}, "has a baseline of its own"),
        ({"whiten": True}, "use scale = 'batch'"),
        ({"gamma": 0.9}, "grpo has one reward for a whole completion and discounts nothing"),
        ({"estimator": "rloo", "gamma": 0.9}, "rloo has one reward"),
        ({"lam": 0.9}, "only gae uses it"),
        ({"estimator": "reinforce_pp", "lam": 0.9}, "only gae uses it"),
        ({"process": {"step_weight": 0.0}}, "nothing is left of the steps"),
        ({"process": {"outcome_as_step": True}, "objectives": WEIGHTS}, "set outcome_as_step = false"),
        ({"objectives": {"weights": {}}}, "none is given: name them, such as"),
        ({"objectives": {}}, "objectives.weights says which of the profile's components count"),
        ({"process": {"outcome_as_step": True, "outcome_weight": 0.0}}, "adds a step of reward 0 to every completion"),
        ({"objectives": {"weights": {"math": 0.0, "format": 0.0}}}, "there is nothing to learn"),
        ({"objectives": WEIGHTS | {"combine": "sum_then_normalise", "whiten": True}}, "belongs to normalise_then_sum"),
        ({"gfpo": {"adaptive": {"window": 10, "warm_up": 20}}}, "never fills warm_up"),
        ({"gfpo": {"keep": 1}}, "greater than or equal to 2"),
        ({"hybrid": {}}, "hybrid needs scale = 'none', not 'group'"),
        ({"hybrid": {}, "scale": "batch"}, "hybrid needs scale = 'none', not 'batch'"),
        ({"hybrid": {}, "scale": "none", "process": {}}, "hybrid and process exclude each other"),
        ({"hybrid": {}, "scale": "none", "objectives": WEIGHTS}, "hybrid and objectives exclude each other"),
        ({"hybrid": {}, "scale": "none", "gfpo": {}}, "hybrid and gfpo exclude each other"),
        ({"hybrid": {"low": 0.9, "high": 0.1}, "scale": "none"}, r"hybrid.low \(0.9\) must be below"),
        ({"hybrid": {"choose": "dead", "low": 0.2}, "scale": "none"}, "without choose = one_sided nothing uses it"),
        (
            {"hybrid": {"choose": "all", "min_scored": 3}, "scale": "none"},
            "without choose = few_scored nothing uses it",
        ),
    ],
)
def test_senseless_advantages_are_refused_with_a_reason(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        AdvantageConfig.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"group": 1}, "grpo compares the completions of a prompt"),
        ({"group": 1, "advantage": {"estimator": "rloo"}}, "rloo compares the completions of a prompt"),
        (
            {"group": 8, "advantage": {"gfpo": {"keep": 8}}},
            "keeps 8 of rl.group = 8 completions, which filters nothing",
        ),
        ({"group": 6, "advantage": {"gfpo": {"adaptive": {}}}}, "keeps 8 of rl.group = 6"),
        (
            {"advantage": {"estimator": "gae"}, "selection": {"dynamic_sampling": {}}},
            "gae learns from them: turn one off",
        ),
        (
            {"advantage": {"process": {}}, "loss": {"ratio": "sequence", "eps_low": 3e-4, "eps_high": 4e-4}},
            "process supervision gives each token its own: use loss.ratio = sequence_token",
        ),
        (
            {"advantage": {"estimator": "gae"}, "loss": {"ratio": "sequence", "eps_low": 3e-4, "eps_high": 4e-4}},
            "gae gives each token its own",
        ),
        (
            {"advantage": {"hybrid": {}, "scale": "none"}, "selection": {"dynamic_sampling": {}}},
            "hybrid learns from them",
        ),
    ],
)
def test_a_step_that_cannot_work_is_refused_with_a_reason(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        RlConfig.model_validate(settings)


@pytest.mark.parametrize(
    "settings", [{"advantage": {"estimator": "reinforce_pp"}}, {"advantage": {"estimator": "gae"}, "critic": {}}]
)
def test_estimators_without_a_group_baseline_take_one_completion_a_prompt(settings: dict[str, Any]) -> None:
    assert RlConfig.model_validate({"group": 1, "minibatches": 1, **settings}).group == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"advantage": {"estimator": "gae"}}, r"estimator = gae needs value estimates: add \[rl.critic\]"),
        ({"advantage": {"scale": "none", "hybrid": {}}}, "hybrid needs value estimates"),
        ({"critic": {}}, "advantage.estimator = grpo uses no values"),
        ({"loss": {"objective": "reinforce"}, "epochs": 2}, "2 steps move away from it"),
        ({"loss": {"correction": {"mode": "token_mask"}}, "old_log_probs": "sampler"}, "makes them the same"),
        ({"reference": {"refresh": "ema"}}, "loss.kl.beta is 0 and no reference is kept"),
        ({"reference": {"refresh": "copy"}, "loss": {"kl": {"beta": 0.1}}}, "give a larger `every`"),
        ({"advantage": {"objectives": WEIGHTS}, "selection": {"soft_overlong": {}}}, "the punishment would be lost"),
        (
            {"advantage": {"process": {"outcome_weight": 0.0}}, "selection": {"soft_overlong": {}}},
            "leaves the outcome out",
        ),
        ({"advantage": {"objectives": WEIGHTS}, "loss": {"kl": KL_IN_REWARD}}, "hold the policy to nothing"),
        (
            {"advantage": {"process": {"outcome_weight": 0.0}}, "loss": {"kl": KL_IN_REWARD}},
            "hold the policy to nothing",
        ),
    ],
)
def test_parts_that_need_each_other_are_refused_apart(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        RlConfig.model_validate(settings)


def test_what_changes_the_reward_stays_where_a_part_of_the_advantage_is_of_the_whole_reward() -> None:
    parts = {"selection": {"soft_overlong": {}}, "loss": {"kl": KL_IN_REWARD}}
    for process in ({}, {"outcome_as_step": True}):
        RlConfig.model_validate({"advantage": {"process": process}, **parts})
    RlConfig.model_validate({"advantage": {"objectives": WEIGHTS}, "loss": {"kl": {"place": "reward"}}})  # beta is 0


def test_defaults_depend_on_the_estimator() -> None:
    assert AdvantageConfig().scaled_by == "group"
    assert not AdvantageConfig().whitens
    assert AdvantageConfig(estimator="gae").whitens
    assert not AdvantageConfig(estimator="gae", whiten=False).whitens
    assert AdvantageConfig(estimator="rloo", whiten=True).whitens


def of(name: str) -> RlConfig:
    """The settings of a preset, with those that it has to be given."""
    return RlConfig.model_validate(with_preset(name, preset(name).example))


def test_the_resolved_settings_of_every_preset_can_be_read_again() -> None:
    for name in PRESETS:
        resolved = of(name)
        assert RlConfig.model_validate(resolved.model_dump(mode="json")) == resolved


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_each_value_it_names(name: str) -> None:
    def check(overrides: Any, resolved: Any) -> None:
        for key, value in overrides.items():
            check(value, resolved[key]) if isinstance(value, dict) else check_equal(key, value, resolved[key])

    def check_equal(key: str, value: Any, got: Any) -> None:
        assert got == value, key

    check(preset(name).overrides, of(name).model_dump())
    assert preset(name).name == name
    assert "\n" not in preset(name).formula
    assert "arXiv:" in preset(name).source


def test_every_algorithm_is_there_and_no_two_are_the_same() -> None:
    assert set(PRESETS) == {
        "grpo",
        "grpo_process",
        "dr_grpo",
        "dapo",
        "gspo",
        "gspo_token",
        "gfpo",
        "dual_clip",
        "cispo",
        "rloo",
        "reinforce_pp",
        "reinforce_pp_baseline",
        "ppo",
        "iterative_grpo",
        "gdpo",
        "hybrid",
    }
    resolved = [of(name).model_dump_json() for name in PRESETS]
    assert len(set(resolved)) == len(PRESETS)


def test_numbers_of_the_papers() -> None:
    assert (of("grpo").loss.kl.beta, of("grpo").loss.aggregation) == (0.04, "seq_mean")
    assert (of("dr_grpo").advantage.scaled_by, of("dr_grpo").loss.aggregation) == ("none", "constant")
    assert (of("dapo").loss.eps_low, of("dapo").loss.eps_high, of("dapo").loss.kl.beta) == (0.2, 0.28, 0.0)
    assert (of("gspo").loss.eps_low, of("gspo").loss.eps_high) == (3e-4, 4e-4)
    assert of("dual_clip").loss.dual_clip == 3.0
    assert (of("ppo").advantage.estimator, of("ppo").advantage.lam) == ("gae", 0.95)
    assert (of("rloo").loss.kl.place, of("rloo").loss.kl.estimator) == ("reward", "k1")
    assert of("iterative_grpo").reference.refresh == "copy"
    assert of("iterative_grpo").model_copy(update={"reference": of("grpo").reference}) == of("grpo")  # but for that
    objectives, hybrid = of("gdpo").advantage.objectives, of("hybrid").advantage.hybrid
    assert objectives is not None
    assert (objectives.combine, objectives.whiten) == ("normalise_then_sum", True)
    assert hybrid is not None
    assert hybrid.choose == "dead"
    assert of("hybrid").loss == of("dr_grpo").loss


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_that_needs_more_settings_says_so_and_no_other_does(name: str) -> None:
    if not preset(name).example:
        RlConfig.model_validate(with_preset(name, {}))
        return
    with pytest.raises(ValidationError) as raised:
        RlConfig.model_validate(with_preset(name, {}))
    needed = ".".join(path(preset(name).example))
    assert needed in preset(name).source  # before the run
    assert needed.partition(".")[2] in str(raised.value)  # and in the refusal


def path(settings: Any) -> list[str]:
    """The keys that lead to the table of an example's values."""
    key, value = next(iter(settings.items()))
    return [key, *path(value)] if isinstance(value, dict) else []


def test_settings_override_a_preset_key_by_key_and_leave_it_as_it_was() -> None:
    mine = with_preset("dapo", {"loss": {"eps_high": 0.3}, "group": 4, "selection": {"overlong_filter": False}})
    assert mine["loss"]["eps_high"] == 0.3
    assert mine["loss"]["aggregation"] == "token_mean"
    assert mine["group"] == 4
    assert mine["selection"]["overlong_filter"] is False
    assert mine["selection"]["dynamic_sampling"] == {"max_batches": 10}
    assert preset("dapo").overrides["loss"]["eps_high"] == 0.28
    assert preset("dapo").overrides["selection"]["overlong_filter"] is True


def test_an_unknown_algorithm_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match="no algorithm is called 'grop'; there are: grpo, grpo_process"):
        preset("grop")
