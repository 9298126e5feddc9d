"""The command line to a configuration: defaults < preset < TOML file < dotted options (`--rl.optim.lr 5e-6`).

The environment is not read. Relative paths are relative to the working directory.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    CliApp,
    CliSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from trainer_client.config import TrainConfig
from trainer_client.config.benchmarks import with_benchmark
from trainer_client.config.presets import with_preset
from trainer_client.config.section import Section
from trainer_client.errors import ConfigError

Config = TypeVar("Config", bound=Section)
Values = dict[str, Any]
Presets = Callable[[str, Mapping[str, Any]], Values]

PRESET = "preset"
SWITCHES = ("true", "false", "yes", "no", "on", "off")


def load(argv: list[str]) -> TrainConfig:
    """The configuration of `train` that `[CONFIG.toml] [--section.key value ...]` means; see `load_as`."""
    return load_as(TrainConfig, argv, "train", algorithm)


def load_as(wanted: type[Config], argv: list[str], command: str, presets: Presets | None = None) -> Config:
    """The configuration of that class that `[CONFIG.toml] [--section.key value ...]` means.

    A preset, named at the top of the file or by `--preset`, is put below the file's values by `presets`. Raises
    ConfigError for a file that cannot be read, an unknown key or preset, or a value or combination that cannot be.
    """
    has_file = bool(argv) and not argv[0].startswith("-")
    options = argv[1:] if has_file else argv
    values = read_toml(Path(argv[0])) if has_file else {}
    if presets is not None:
        values = _with_preset(values, _option(options, PRESET), presets)
    try:
        settings_class = _command_line(wanted, command)
        settings = CliApp.run(
            settings_class, cli_args=options, cli_settings_source=_options(settings_class, command), **values
        )
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error
    except SettingsError as error:
        told = str(error).removeprefix("error parsing CLI: ")
        raise ConfigError(f"{told}; {_hint(told)}`{command} --help` lists all settings") from error
    return wanted.model_validate(settings.model_dump())


def _hint(told: str) -> str:
    """What was likely meant by an option that cannot be read."""
    if "ignored explicit argument" in told or told.rpartition(" ")[2].lower() in SWITCHES:
        return "a setting that is yes or no takes no value: write --KEY or --no-KEY; "
    if "weights." in told:
        return "a table takes NAME=VALUE, as in --rl.advantage.objectives.weights math=1,format=0.2; "
    return ""


def algorithm(name: str, values: Mapping[str, Any]) -> Values:
    """The tables of `train` with that algorithm below `[rl]`. Raises ValueError for an unknown name."""
    return {**values, "rl": with_preset(name, values.get("rl", {}))}


def benchmark(wanted: type[Section]) -> Presets:
    """Puts a benchmark's tables below those of a command, as far as the command has them."""
    keys = frozenset(wanted.model_fields)
    return lambda name, values: with_benchmark(name, values, keys)


def read_toml(path: Path) -> Values:
    """The tables of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


class _FileOnly(BaseSettings):
    """Reads what it is given and the command line before it; the environment is left out."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The file's values only."""
        return (init_settings,)


def _command_line(wanted: type[Section], command: str) -> type[BaseSettings]:
    """The settings class of a command: its fields as options, its docstring as the head of its help."""
    config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        cli_prog_name=f"trainer-client {command}",
        cli_implicit_flags=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        cli_exit_on_error=False,
        nested_model_default_partial_update=True,
    )
    told = f"{wanted.__doc__} Every option overrides the file; the file overrides the defaults shown here."
    body = {"model_config": config, "__doc__": told, "__module__": __name__}
    return type("CommandLine", (wanted, _FileOnly), body)


def _options(settings_class: type[BaseSettings], command: str) -> CliSettingsSource[Any]:
    """The command line's options, with a usage of one line: the list of all settings follows it anyway."""
    source: CliSettingsSource[Any] = CliSettingsSource(settings_class)
    source.root_parser.usage = f"trainer-client {command} [CONFIG.toml] [--section.key value ...]"
    return source


def _option(argv: list[str], name: str) -> str | None:
    """The value of `--name value` or `--name=value`, the last one given."""
    found = None
    for place, word in enumerate(argv):
        if word == f"--{name}" and place + 1 < len(argv):
            found = argv[place + 1]
        elif word.startswith(f"--{name}="):
            found = word.partition("=")[2]
    return found


def _with_preset(values: Values, option: str | None, presets: Presets) -> Values:
    name = option if option is not None else values.get(PRESET)
    if name is None:
        return values
    try:
        return presets(str(name), values)
    except ValueError as error:
        raise ConfigError(f"{PRESET}: {error}") from error


def _explain(error: ValidationError) -> str:
    """One line for each fault, beginning with the dotted key."""
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"]) or "configuration"
        came = "" if isinstance(fault["input"], (dict, BaseModel)) else f" (got {fault['input']!r})"
        lines.append(f"{key}: {fault['msg'].removeprefix('Value error, ')}{came}")
    return "the configuration cannot be used:\n  " + "\n  ".join(lines)
