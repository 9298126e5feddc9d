"""The trainer's page tells every preset as it is in the code: its formula, what it sets, its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer_client.config import RlConfig
from trainer_client.config.presets import PRESETS, Preset

PAGE = Path(__file__).parents[2] / "docs" / "trainer.md"


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def row(preset: Preset) -> str:
    """The preset's line of the table; what is set to the default anyway is left out."""
    default = dict(flat(RlConfig().model_dump())) | {"advantage.scale": "group"}
    sets = {name: value for name, value in flat(preset.overrides) if default.get(name, "no default") != value}
    told = ", ".join(f"`{name} = {str(value).lower()}`" for name, value in sets.items())
    return f"| `{preset.name}` | `{preset.formula}` | {told} | {preset.source} |"


def test_every_preset_is_told_as_it_is() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    table = lines[lines.index("| preset | formula | sets in `[rl]` | source |") + 2 :][: len(PRESETS)]
    assert table == [row(preset) for preset in PRESETS.values()]
