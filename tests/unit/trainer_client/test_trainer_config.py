"""The configuration: what overrides what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from trainer_client.__main__ import main
from trainer_client.command_line import load
from trainer_client.config import RewardConfig, TrainConfig
from trainer_client.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / "configs"
MINIMAL = """
[model.fresh]
layers = 3
[data.addition]
[sft]
steps = 5
[rl.optim]
lr = 1e-4
warmup_steps = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "config.toml"
    path.write_text(MINIMAL)
    return str(path)


def test_command_line_overrides_file_overrides_defaults(file: str) -> None:
    config = load([file, "--rl.optim.lr", "5e-6", "--model.fresh.hidden", "32", "--seed", "4", "--resume"])
    assert config.rl.optim.lr == 5e-6  # command line
    assert config.rl.optim.warmup_steps == 7  # the file's, in the same section
    assert config.rl.optim.weight_decay == 0.0  # default
    assert config.model.fresh is not None
    assert (config.model.fresh.layers, config.model.fresh.hidden) == (3, 32)
    assert (config.seed, config.resume) == (4, True)


def test_partly_given_sft_optimizer_keeps_its_own_default_rate(file: str) -> None:
    assert load([file]).sft.optim.lr == load([file, "--sft.optim.warmup_steps", "3"]).sft.optim.lr == 1e-5


def test_whole_number_of_a_choice_is_read_from_the_command_line(file: str) -> None:
    assert load([file, "--rl.advantage.ddof", "0"]).rl.advantage.ddof == 0


def test_environment_is_not_read(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEED", "seed", "RL__STEPS", "rl__steps"):
        monkeypatch.setenv(name, "9")
    config = load([file])
    assert (config.seed, config.rl.steps) == (0, 100)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rl.optim.speed", "3"], "--rl.optim.speed"),
        (["--resume", "true"], "write --KEY or --no-KEY"),
        (["--rl.selection.overlong_filter=yes"], "write --KEY or --no-KEY"),
        (["--rl.advantage.objectives.weights.math", "1"], "weights math=1,format=0.2"),
        (["--rl.sampler.temperature", "inf"], "rl.sampler.temperature"),
        (["--rl.sampler.temperature", "1e-40"], "rl.sampler.temperature"),
        (["--rl.advantage.eps", "inf"], "finite"),
        (["--rl.optim.weight_decay", "1e6"], "leaves nothing of the model"),
        (["--rl.reference.every", "7"], "refresh = never"),
        (["--rl.reference.rate", "0.5"], "only ema"),
        (["--rl.loss.entropy.delta", "0.1"], "without a target"),
        (["--rl.loss.entropy.min_coef", "1"], "min_coef < max_coef"),
        (["--rl.loss.correction.high", "3"], "without a mode"),
        (["--rl.loss.kl.horizon", "16"], "without a target"),
        (["--rl.optim.l", "3"], "--rl.optim.l"),  # no abbreviations
        (["--rl.group", "1"], "rl.group"),
        (["--rl.group", "many"], "rl.group"),
        (["--model.path", "somewhere"], "exactly one of model.path and model.fresh"),
        (["--data.train", "a.jsonl"], "data.train and data.held_out"),
        (["--data.template", "no place"], "{prompt}"),
        (["--data.system", "be good"], "data.chat"),
        (["--reward.deadline_ms", "90000"], "must be longer than"),
        (["--reward.url", "127.0.0.1:80"], "reward.url"),
        (["--reward.url", "http://127.0.0.1:70000"], "a port of 1..65535"),
        (["--reward.url", "http://127.0.0.1:0"], "a port of 1..65535"),
        (["--reward.url", "http://127.0.0.1:eighty"], "a port of 1..65535"),
        (["--reward.url", "http://:8080"], "with a host"),
        (["--reward.url", "http://[::1:8080"], "with a host"),
        (["--data.addition.max_number", "3"], "only 27 exist"),
        (["--evaluation.problems", "300"], "held_out_problems"),
        (["--sft.steps", "0", "--rl.steps", "0"], "nothing to do"),
        (["--model.fresh.heads", "3"], "multiple of 2*heads"),
        (["--rl.minibatches", "500"], "256 rows"),
        (["--rl.optim.betas", "[0.9, 1.0]"], "betas"),
    ],
)
def test_impossible_settings_are_named(file: str, arguments: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load([file, *arguments])
    assert told in str(raised.value)


def test_unknown_key_in_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(MINIMAL + "\n[reward]\nulr = 'x'\n")
    with pytest.raises(ConfigError, match=r"reward\.ulr"):
        load([str(path)])


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        load([str(tmp_path / "nowhere.toml")])
    (tmp_path / "broken.toml").write_text("[model")
    with pytest.raises(ConfigError, match="is not TOML"):
        load([str(tmp_path / "broken.toml")])


def test_demonstrations_need_a_field(tmp_path: Path) -> None:
    files = {"train": "a.jsonl", "held_out": "b.jsonl"}
    values = {"model": {"path": "x"}, "data": files, "sft": {"steps": 1}}
    with pytest.raises(ValidationError, match=r"data\.fields\.completion"):
        TrainConfig.model_validate(values)
    values["data"] = {**files, "fields": {"completion": "solution"}}
    assert TrainConfig.model_validate(values).sft.steps == 1


def test_sections_are_frozen() -> None:
    with pytest.raises(ValidationError):
        RewardConfig().url = "http://elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_shipped_config_loads(path: Path) -> None:
    assert load([str(path), "--reward.url", "http://127.0.0.1:1"]).reward.url == "http://127.0.0.1:1"


def test_wrong_call_exits_with_2_and_wrong_config_with_1(capsys: pytest.CaptureFixture[str], file: str) -> None:
    assert main([]) == 2
    assert main(["fly"]) == 2
    assert main(["train", file, "--rl.wings", "2"]) == 1
    assert "--rl.wings" in capsys.readouterr().err
