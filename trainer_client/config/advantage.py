"""How rewards become advantages."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trainer_client.config.section import Section


class AdvantageConfig(Section):
    """Group-relative advantages."""

    ddof: Literal[0, 1] = Field(default=1, description="divisor G - ddof of the group's variance (1 as TRL and verl)")
    eps: float = Field(default=1e-4, ge=0.0, description="added to the group's deviation (1e-4 as TRL)")
