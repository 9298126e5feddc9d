"""Profiles: named sets of checks, weights and a way to combine them. Each `NAME.toml` beside this file, or in a folder
of the operator's, is one; its hash is in every answer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from reward_server.errors import ConfigError, RewardServerError, UnknownProfile
from reward_server.misfits import misfit
from reward_server.profiles.binding import BoundCheck, Profile, bind
from reward_server.wire import CheckSpec, Combine, Wire

__all__ = ["BoundCheck", "Profile", "ProfileFile", "Profiles", "bind"]

FOLDER = Path(__file__).parent


class ProfileFile(Wire):
    """What a profile's TOML file holds."""

    description: str
    combine: Combine = Combine()
    checks: list[CheckSpec] = Field(min_length=1)


class Profiles:
    """The profiles of one server."""

    def __init__(self, files: Mapping[str, ProfileFile], profiles: Mapping[str, Profile]) -> None:
        self._files = files
        self._profiles = profiles

    @classmethod
    def load(cls, folder: Path | None = None) -> Profiles:
        """Those that ship, and those in `folder`. Raises ConfigError for one that is wrong."""
        paths = {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}
        if folder is not None:
            if not folder.is_dir():
                raise ConfigError(f"expected a folder with profiles (*.toml), and there is none at {folder}")
            own = {path.stem: path for path in sorted(folder.glob("[!.]*.toml"))}  # no lock of an editor
            if twice := sorted(own.keys() & paths.keys()):
                raise ConfigError(f"profiles {', '.join(twice)} ship with the server: rename {own[twice[0]]}")
            paths |= own
        files = {name: _read(path) for name, path in sorted(paths.items())}
        return cls(files, {name: _bound(name, file, paths[name]) for name, file in files.items()})

    def names(self) -> list[str]:
        return list(self._profiles)

    def get(self, name: str) -> Profile:
        """Raises UnknownProfile."""
        if name not in self._profiles:
            raise UnknownProfile(f"no profile {name[:80]!r}; there are {', '.join(self._profiles)}")
        return self._profiles[name]

    def file(self, name: str) -> ProfileFile:
        """Raises UnknownProfile."""
        self.get(name)
        return self._files[name]


def _read(path: Path) -> ProfileFile:
    try:
        return ProfileFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except ValidationError as error:
        raise ConfigError(
            f"profile {path}: {misfit(error, 'the file', ProfileFile.model_fields, quoting=True)}"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"profile {path} cannot be read: {error}") from error


def _bound(name: str, file: ProfileFile, path: Path) -> Profile:
    try:
        return bind(file.checks, file.combine, name)
    except ConfigError:  # of the checks, and not of this profile
        raise
    except RewardServerError as error:
        raise ConfigError(f"profile {path}: {error.detail}") from error
