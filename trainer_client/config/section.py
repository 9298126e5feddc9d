"""The base of every section of the configuration, its commonest ranges, and the refusal of what is not used. A leaf."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Section(BaseModel):
    """Unknown keys and numbers that are not finite are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def refuse_unused(section: Section, used: bool, names: tuple[str, ...], where: str, missing: str) -> None:
    """Raises ValueError when one of the settings was given that nothing uses."""
    for name in names:
        value = getattr(section, name)
        if not used and value != type(section).model_fields[name].default:
            raise ValueError(f"{where}.{name} is {value}, but without {missing} nothing uses it")
