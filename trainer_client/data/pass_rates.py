"""How often each problem is solved: the file of pass rates, and the choice of problems by it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer_client.config.data import PassRateConfig
from trainer_client.errors import DataError
from trainer_client.types import Example


@dataclass(frozen=True, slots=True)
class PassRate:
    """`rate` in 0..1 over `samples` judged completions; counts that fade need not be whole."""

    rate: float
    samples: float


def read_pass_rates(path: Path) -> dict[str, PassRate]:
    """The pass rates by the problem's id, from lines {"id", "pass_rate", "samples"}; the last of an id counts.

    `samples` is 1 where it is missing; a line whose `pass_rate` is null, or that has no samples, is passed over: it
    was not measured. Raises DataError naming the line.
    """
    rates: dict[str, PassRate] = {}
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    _add(rates, line, f"{path}:{number}")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the pass rates {path}: {error}") from error
    return rates


def write_pass_rates(path: Path, rates: Mapping[str, PassRate]) -> None:
    """Write the file that `read_pass_rates` reads, complete or not at all."""
    lines = (
        json.dumps({"id": name, "pass_rate": one.rate, "samples": one.samples}, ensure_ascii=False) + "\n"
        for name, one in rates.items()
    )
    unfinished = path.with_name(f".unfinished-{path.name}")
    with unfinished.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    unfinished.replace(path)


def within(config: PassRateConfig, rates: Mapping[str, PassRate]) -> Callable[[Example], bool]:
    """Whether an example has a pass rate of least..most; for those without one, what the configuration says."""

    def keep(example: Example) -> bool:
        measured = rates.get(example.id)
        if measured is None:
            return config.unmeasured == "keep"
        return config.least <= measured.rate <= config.most

    return keep


def _add(rates: dict[str, PassRate], line: str, place: str) -> None:
    try:
        row = json.loads(line)
        name, rate, samples = str(row["id"]), row["pass_rate"], row.get("samples", 1)
        if rate is None or samples == 0:
            return
        if not 0 <= rate <= 1 or not samples > 0:
            raise ValueError(f"pass_rate {rate} over {samples} samples")
        rates[name] = PassRate(float(rate), float(samples))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f'{place}: expected {{"id", "pass_rate" in 0..1, "samples"}}, got {line.strip()[:80]}: {error}'
        ) from error
