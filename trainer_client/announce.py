"""What a run says before it begins: the algorithm by name, its formula, and the settings it came to."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from trainer_client.config import RlConfig
from trainer_client.config.advantage import AdvantageConfig
from trainer_client.config.loss import KlConfig
from trainer_client.config.presets import LEGEND, PRESETS

SECTIONS = ("advantage", "selection", "loss", "reference", "critic", "sampler", "optim")


def opening_lines(preset: str | None, config: RlConfig) -> list[str]:
    """Name, formula and source of the preset, then every setting of `[rl]` as it was resolved, a section a line."""
    known = PRESETS.get(preset or "")
    lines = ["algorithm  by settings, no preset"]
    if known is not None:
        lines = [f"algorithm  {known.name}: {known.formula}", f"where      {LEGEND}", f"source     {known.source}"]
    plain = {name: value for name, value in config if name not in SECTIONS}
    lines.append(f"{'rl':<10} {_told(plain)}")
    for name in SECTIONS:
        section = getattr(config, name)
        if section is not None:
            lines.append(f"{name:<10} {_told(_resolved(section))}")
    return lines + [f"beware     {warning}" for warning in _warnings(config)]


def _warnings(config: RlConfig) -> list[str]:
    """What may be meant as it is set, and as a rule is not."""
    kl, advantage = config.loss.kl, config.advantage
    found = []
    if not kl.holds_the_policy:
        found.append(f"{kl.estimated_by} in the reward does not hold the policy near the reference; k1 does")
    by_group = advantage.estimator == "grpo" and advantage.scaled_by == "group"
    if kl.place == "reward" and kl.beta > 0.0 and by_group:
        found.append(
            "where the rewards of a group are equal, its deviation is that of the divergence, which counts in full "
            "whatever kl.beta is: set advantage.scale = none, or loss.kl.place = loss"
        )
    return found


def _resolved(section: BaseModel) -> dict[str, Any]:
    """The settings, with what follows from the others in place of what was left open."""
    values = dict(section)
    if isinstance(section, AdvantageConfig):
        scale = section.scaled_by if section.estimator == "grpo" else None
        values |= {"scale": scale, "whiten": section.whitens}
    if isinstance(section, KlConfig):
        values |= {"estimator": section.estimated_by, "bias_correction": section.weighed}
    return values


def _told(values: dict[str, Any], prefix: str = "") -> str:
    return "  ".join(
        _told(_resolved(value), f"{prefix}{name}.") if isinstance(value, BaseModel) else f"{prefix}{name}={value}"
        for name, value in values.items()
        if value is not None
    )
