"""The stages of the R1 recipe: which there are, what each takes from which, and when one that began still fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer_client.command_line import load_as
from trainer_client.config import TrainConfig
from trainer_client.config.recipes import SampleConfig, SftCommandConfig
from trainer_client.config.recipes_r1 import R1Config, with_algorithm
from trainer_client.errors import CheckpointError, ConfigError
from trainer_client.recipes.r1_marker import MARKER, Markers
from trainer_client.recipes.r1_plan import Stage, measurement, stages_of

SHIPPED = Path(__file__).parents[3] / "configs" / "recipes" / "r1-addition.toml"
LEAST = """
[model.fresh]
[data.addition]
[rl]
steps = 3
"""


def loaded(file: Path, *words: str) -> R1Config:
    return load_as(R1Config, [str(file), *words], "r1", with_algorithm)


def shipped(run: Path, *words: str) -> R1Config:
    return loaded(SHIPPED, "--run.dir", str(run), *words)


def named(config: R1Config) -> dict[str, Stage]:
    return {stage.name.partition("-")[2]: stage for stage in stages_of(config)}


def model_path(stage: Stage) -> Path | None:
    assert isinstance(stage.config, (SftCommandConfig, TrainConfig, SampleConfig))
    return stage.config.model.path


def test_shipped_file_has_the_whole_sequence(tmp_path: Path) -> None:
    stages = stages_of(shipped(tmp_path))
    assert [stage.name for stage in stages] == [
        "0-base", "1-cold-start", "2-rl", "3-rejection-sampling", "4-refining", "5-rl-r1-zero-math", "6-rl-r1-math",
        "7-teacher-samples", "8-distillation",
    ]  # fmt: skip
    assert [stage.against for stage in stages] == [
        None, "0-base", "1-cold-start", None, "2-rl", "4-refining", "5-rl-r1-zero-math", None, "6-rl-r1-math",
    ]  # fmt: skip


def test_each_stage_begins_with_the_model_before_it_and_refining_with_the_base_model(tmp_path: Path) -> None:
    stages = named(shipped(tmp_path))
    assert model_path(stages["cold-start"]) is None
    assert model_path(stages["rl"]) == tmp_path / "1-cold-start" / "model"
    assert model_path(stages["rejection-sampling"]) == tmp_path / "2-rl" / "model"
    assert model_path(stages["refining"]) is None
    assert model_path(stages["rl-r1-zero-math"]) == tmp_path / "4-refining" / "model"
    assert model_path(stages["rl-r1-math"]) == tmp_path / "5-rl-r1-zero-math" / "model"
    assert model_path(stages["teacher-samples"]) == tmp_path / "6-rl-r1-math" / "model"
    student = stages["distillation"].config
    assert isinstance(student, SftCommandConfig)
    assert student.model.fresh is not None
    assert student.model.fresh.hidden == 48
    assert student.problems.path == tmp_path / "7-teacher-samples" / "samples.jsonl"
    again = named(shipped(tmp_path, "--refining.start", "policy"))
    assert model_path(again["refining"]) == tmp_path / "2-rl" / "model"


def test_profiles_differ_by_stage_and_are_one_in_the_comparison(tmp_path: Path) -> None:
    config = shipped(tmp_path)
    stages = named(config)
    profiles = [one.config.reward.profile for one in stages.values() if isinstance(one.config, TrainConfig)]
    assert profiles == ["r1-zero-math", "r1-zero-math", "r1-math"]
    measured = [measurement(config, stage) for stage in stages.values() if stage.model is not None]
    assert {one.reward.profile for one in measured} == {"r1-math"}
    assert len({one.problems.model_dump_json() for one in measured}) == 1
    assert {one.problems.split for one in measured} == {"held_out"}
    with pytest.raises(ValueError, match="has no model"):
        measurement(config, stages["teacher-samples"])


def test_demonstrations_are_mixed_into_a_file_of_the_stage(tmp_path: Path) -> None:
    refining = named(shipped(tmp_path, "--refining.demonstrations.path", "more.jsonl"))["refining"]
    assert isinstance(refining.config, SftCommandConfig)
    assert refining.config.problems.path == tmp_path / "4-refining" / "demonstrations.jsonl"
    assert refining.drawn_in == "3-rejection-sampling"
    assert refining.mixed_in is not None


def test_rl_alone_is_r1_zero(tmp_path: Path) -> None:
    file = tmp_path / "zero.toml"
    file.write_text(LEAST)
    stages = stages_of(loaded(file))
    assert [stage.name for stage in stages] == ["0-base", "1-rl"]
    assert stages[1].against == "0-base"


def test_algorithm_lies_below_every_rl_stage(tmp_path: Path) -> None:
    file = tmp_path / "dapo.toml"
    file.write_text('preset = "dapo"\n' + LEAST + "[[all_profiles]]\nsteps = 2\nloss = { eps_high = 0.5 }\n")
    config = loaded(file)
    assert config.rl.loss.aggregation == config.all_profiles[0].loss.aggregation == "token_mean"
    assert (config.rl.loss.eps_high, config.all_profiles[0].loss.eps_high) == (0.28, 0.5)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[rejection_sampling]\n", r"\[rejection_sampling\] is given without \[refining\]"),
        ("[refining]\nsteps = 5\n", r"\[refining\] is given without \[rejection_sampling\]"),
        ("[cold_start]\nbatch = 8\n", "cold_start: steps is 0"),
        ("[comparison]\nsamples = 4\n", "greedy gives one answer"),
        ("[[all_profiles]]\nsteps = 0\n", r"all_profiles\[0\]: steps is 0"),
    ],
)
def test_impossible_sequences_are_refused(tmp_path: Path, more: str, message: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(LEAST + more)
    with pytest.raises(ConfigError, match=message):
        loaded(file)


def test_mixture_needs_a_file_where_every_problem_is_asked_once(tmp_path: Path) -> None:
    file = tmp_path / "mixed.toml"
    data = '[data]\nheld_out = "h"\nmix = [{ path = "a" }]\nfields = { completion = "c" }\n'
    file.write_text(LEAST.replace("[data.addition]\n", data) + "[cold_start]\nsteps = 1\n")
    with pytest.raises(ConfigError, match="name one file for cold_start"):
        loaded(file)
    file.write_text(file.read_text() + '[cold_start.problems]\npath = "d"\n')
    assert [stage.name for stage in stages_of(loaded(file))] == ["0-base", "1-cold-start", "2-rl"]


def begun(config: R1Config, count: int) -> Markers:
    """The first `count` stages are done."""
    stages = stages_of(config)
    markers = Markers(config.run.dir, stages)
    for stage in stages[:count]:
        markers.begin(stage)
        markers.finish(stage, 1.5)
    return markers


def test_done_stage_is_known_to_the_next_process_and_one_that_began_is_not_done(tmp_path: Path) -> None:
    config = shipped(tmp_path)
    stages = stages_of(config)
    begun(config, 2).begin(stages[2])
    again = Markers(tmp_path, stages)
    again.check()
    assert [again.done(stage) for stage in stages[:4]] == [True, True, False, False]
    assert [again.seconds(stage) for stage in stages[:3]] == [1.5, 1.5, None]


def test_other_server_device_or_comparison_is_no_other_stage(tmp_path: Path) -> None:
    begun(shipped(tmp_path), 9)
    words = ("--reward.url", "http://else:1", "--run.device", "cpu", "--resume", "--run.checkpoint_every", "7",
             "--comparison.limit", "9")  # fmt: skip
    Markers(tmp_path, stages_of(shipped(tmp_path, *words))).check()


@pytest.mark.parametrize(
    ("words", "stage"),
    [
        (("--cold_start.steps", "501"), "1-cold-start"),
        (("--rl.group", "8"), "2-rl"),
        (("--rejection_sampling.samples", "5"), "3-rejection-sampling"),
        (("--refining.steps", "3"), "4-refining"),
        (("--reward.profile", "gsm8k"), "3-rejection-sampling"),
        (("--seed", "1"), "1-cold-start"),
    ],
)
def test_stage_that_began_keeps_its_settings(tmp_path: Path, words: tuple[str, ...], stage: str) -> None:
    begun(shipped(tmp_path), 5)
    markers = Markers(tmp_path, stages_of(shipped(tmp_path, *words)))
    with pytest.raises(ConfigError, match=f"stage {stage} began with other settings"):
        markers.check()


def test_stage_that_has_not_begun_may_change(tmp_path: Path) -> None:
    begun(shipped(tmp_path), 5)
    Markers(tmp_path, stages_of(shipped(tmp_path, "--distillation.steps", "9"))).check()


def test_stage_made_from_one_that_was_made_anew_is_refused(tmp_path: Path) -> None:
    config = shipped(tmp_path)
    begun(config, 3)
    (tmp_path / "1-cold-start" / MARKER).unlink()
    markers = Markers(tmp_path, stages_of(config))
    with pytest.raises(ConfigError, match=r"stage 2-rl began .* since made anew"):
        markers.check()


def test_moved_run_is_the_same_run(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    begun(shipped(old), 9)
    old.rename(new)
    Markers(new, stages_of(shipped(new))).check()


def test_broken_marker_is_named(tmp_path: Path) -> None:
    config = shipped(tmp_path)
    begun(config, 2)
    (tmp_path / "1-cold-start" / MARKER).write_text(json.dumps({"half": 1}))
    with pytest.raises(CheckpointError, match=r"1-cold-start/stage\.json cannot be read"):
        Markers(tmp_path, stages_of(config))
