"""The command line to a configuration: defaults < TOML file < dotted options (`--rl.optim.lr 5e-6`).

The environment is not read. Relative paths are relative to the working directory.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, CliApp, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from trainer_client.config import TrainConfig
from trainer_client.errors import ConfigError

PROGRAM = "trainer-client train CONFIG.toml"


class _CommandLine(TrainConfig, BaseSettings):
    """A whole training run. Every option overrides the file; the file overrides the defaults shown here."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        cli_prog_name=PROGRAM,
        cli_implicit_flags=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        cli_exit_on_error=False,
        nested_model_default_partial_update=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The file's values only: the command line is put before them, the environment is left out."""
        return (init_settings,)


def load(argv: list[str]) -> TrainConfig:
    """The configuration that `[CONFIG.toml] [--section.key value ...]` means.

    Raises ConfigError for a file that cannot be read, an unknown key, or a value or combination that cannot be.
    """
    has_file = bool(argv) and not argv[0].startswith("-")
    values = read_toml(Path(argv[0])) if has_file else {}
    try:
        settings = CliApp.run(_CommandLine, cli_args=argv[1:] if has_file else argv, **values)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error
    except SettingsError as error:
        raise ConfigError(
            str(error).removeprefix("error parsing CLI: ") + "; `train --help` lists all settings"
        ) from error
    return TrainConfig.model_validate(settings.model_dump())


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _explain(error: ValidationError) -> str:
    """One line for each fault, beginning with the dotted key."""
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"]) or "configuration"
        came = "" if isinstance(fault["input"], (dict, BaseModel)) else f" (got {fault['input']!r})"
        lines.append(f"{key}: {fault['msg'].removeprefix('Value error, ')}{came}")
    return "the configuration cannot be used:\n  " + "\n  ".join(lines)
