"""From the command line to a configuration: presets below the file, the file below the options."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer_client.__main__ import COMMANDS, main
from trainer_client.announce import opening_lines
from trainer_client.command_line import benchmark, load, load_as
from trainer_client.config import RlConfig
from trainer_client.config.benchmarks import BENCHMARKS
from trainer_client.config.presets import LEGEND, PRESETS, with_preset
from trainer_client.config.recipes import DpoCommandConfig, EvalCommandConfig, SampleConfig, SftCommandConfig
from trainer_client.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / "configs" / "recipes"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text('preset = "dapo"\n[model.fresh]\n[data.addition]\n[rl]\ngroup = 16\nloss = { eps_high = 0.5 }\n')
    return path


def test_preset_lies_below_the_file_and_the_file_below_the_options(file: Path) -> None:
    config = load([str(file), "--rl.selection.dynamic_sampling.max_batches", "3"])
    assert config.preset == "dapo"
    assert config.rl.loss.aggregation == "token_mean"  # the preset's
    assert (config.rl.loss.eps_low, config.rl.loss.eps_high) == (0.2, 0.5)  # the preset's and the file's
    assert config.rl.selection.dynamic_sampling is not None
    assert config.rl.selection.dynamic_sampling.max_batches == 3  # the option's; the preset has 10
    assert config.rl.selection.overlong_filter


@pytest.mark.parametrize("words", [["--preset", "cispo"], ["--preset=cispo"]])
def test_option_wins_over_the_files_preset(file: Path, words: list[str]) -> None:
    config = load([str(file), *words])
    assert (config.preset, config.rl.loss.objective) == ("cispo", "cispo")
    assert config.rl.selection.dynamic_sampling is None


@pytest.mark.parametrize("name", PRESETS)
def test_every_algorithm_loads(name: str) -> None:
    more = ["--rl.advantage.objectives.weights", '{"math": 1, "format": 0.2}'] if name == "gdpo" else []
    config = load(["--preset", name, "--model.path", "m", "--data.train", "a", "--data.held_out", "b",
                   "--rl.group", "16", *more])  # fmt: skip
    assert config.preset == name


def test_gdpo_without_weights_is_refused_with_the_key_and_an_example(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"rl.advantage.objectives: objectives.weights .* such as \{ math = 1.0"):
        load([str(file), "--preset", "gdpo"])


def test_unknown_names_are_answered_with_all_names(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(file), "--preset", "nope"]) == 1
    told = capsys.readouterr().err
    assert "'nope'" in told
    assert all(name in told for name in PRESETS)
    assert main(["eval", "--preset", "dapo"]) == 1
    assert "gsm8k, math, humaneval" in capsys.readouterr().err


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_serves_eval_and_sample(name: str) -> None:
    words = ["--preset", name, "--problems.path", "file", "--model.path", "m"]
    evaluation = load_as(EvalCommandConfig, words, "eval", benchmark(EvalCommandConfig))
    sampling = load_as(SampleConfig, words, "sample", benchmark(SampleConfig))
    assert evaluation.problems == sampling.problems
    assert evaluation.reward.profile == sampling.reward.profile
    assert evaluation.problems.fields.preset == name


def test_presets_are_listed_with_formula_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets"]) == 0
    told = capsys.readouterr().out
    assert all(preset.formula in told and preset.source in told for preset in PRESETS.values())
    assert LEGEND in told
    assert all(one.source in told for one in BENCHMARKS.values())


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("eval-gsm8k", EvalCommandConfig), ("sample-gsm8k", SampleConfig), ("sft-samples", SftCommandConfig),
     ("dpo-samples", DpoCommandConfig)],
)  # fmt: skip
def test_shipped_files_load(name: str, wanted: type[EvalCommandConfig]) -> None:
    presets = benchmark(wanted) if "preset" in wanted.model_fields else None
    load_as(wanted, [str(CONFIGS / f"{name}.toml")], "command", presets)


MODEL = ["--model.path", "m"]
PROBLEMS = [*MODEL, "--problems.path", "p"]


@pytest.mark.parametrize(
    ("wanted", "words", "message"),
    [
        (EvalCommandConfig, [*PROBLEMS, "--greedy", "--samples", "4"], "greedy gives one answer"),
        (EvalCommandConfig, [*PROBLEMS, "--samples", "2", "--ks", "[4]"], "pass@4 needs as many samples"),
        (EvalCommandConfig, MODEL, "problems: Field required"),
        (SampleConfig, [*PROBLEMS, "--problems.system", "s"], "system needs chat"),
        (SampleConfig, [*PROBLEMS, "--problems.template", "x"], "must contain {prompt}"),
        (SampleConfig, [*PROBLEMS, "--problems.addition.max_number", "50"], "exactly one of path"),
        (SampleConfig, [*PROBLEMS, "--keep.per_prompt", "0"], "keep.per_prompt"),
        (SftCommandConfig, [*PROBLEMS, "--sft.batch", "4"], "sft.steps is 0"),
        (DpoCommandConfig, [*MODEL, "--pairs.path", "p"], "dpo: Field required"),
    ],
)
def test_impossible_settings_are_refused(wanted: type[SampleConfig], words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_as(wanted, words, "command")
    assert message in str(raised.value)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "presets"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    usage, nothing = capsys.readouterr().out.splitlines()[:2]
    assert usage == f"usage: trainer-client {command} [CONFIG.toml] [--section.key value ...]"
    assert not nothing


def test_a_run_tells_what_follows_from_the_settings_that_were_left_open() -> None:
    assert "scale=group" in "\n".join(opening_lines(None, RlConfig()))
    ppo = "\n".join(opening_lines("ppo", RlConfig.model_validate(with_preset("ppo", {}))))
    assert f"where      {LEGEND}" in ppo
    assert "whiten=True" in ppo
    assert "scale=" not in ppo
    assert "beware" not in ppo
    risky = with_preset("ppo", {"loss": {"kl": {"estimator": "k3"}}})
    assert "k3 in the reward does not hold the policy" in opening_lines("ppo", RlConfig.model_validate(risky))[-1]
    blown_up = with_preset("grpo", {"loss": {"kl": {"place": "reward"}}})
    assert "counts in full whatever kl.beta is" in opening_lines("grpo", RlConfig.model_validate(blown_up))[-1]


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "trainer_client", "presets"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
