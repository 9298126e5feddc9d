"""The end of the R1 recipe: every stage on the same problems, as a table, as JSON and as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from trainer_client.config.recipes_r1 import ComparisonConfig, R1Config
from trainer_client.errors import DataError
from trainer_client.metrics import mean
from trainer_client.recipes.evaluate import ANSWERS, RESULTS
from trainer_client.recipes.ledger import replace_text
from trainer_client.recipes.r1_compare import Measured, Step, paired_difference, step_between, told
from trainer_client.recipes.r1_learning import learning_reasons
from trainer_client.recipes.r1_plan import MEASURED, Stage
from trainer_client.recipes.rows import read_rows
from trainer_client.recipes.sample import SUMMARY
from trainer_client.statistics import Estimate

REPORT, PICTURE = "report.json", "stages.png"

Row = dict[str, Any]
Rates = dict[str, dict[str, float]]  # of each component its mean value in the answers to each problem, by id


def write_comparison(
    config: R1Config, stages: Sequence[Stage], seconds: Mapping[str, float | None], console: Console
) -> Row:
    """Compare the stages; writes report.json and stages.png, prints the table, and returns what the JSON holds."""
    directory, how = config.run.dir, config.comparison
    measured = {
        stage.name: read_measured(directory / stage.name, stage, how.format_component)
        for stage in stages
        if stage.model is not None
    }
    steps = {
        stage.name: step_between(
            measured[stage.against],
            measured[stage.name],
            how.confidence,
            learning_reasons(directory / stage.name, stage),
        )
        for stage in stages
        if stage.against is not None
    }
    rows = [_row(directory, stage, measured.get(stage.name), steps.get(stage.name)) for stage in stages]
    others = {name: _beside(read_components(directory / name), how) for name in measured}
    for row, stage in zip(rows, stages, strict=True):
        row["seconds"] = seconds[stage.name]
        if stage.model is not None:
            row["components"] = {name: mean(values.values()) for name, values in others[stage.name].items()}
        if stage.against is not None:
            row["step"]["components"] = changes(others[stage.against], others[stage.name], how.confidence)
    known = [value for value in seconds.values() if value is not None]
    report: Row = {"confidence": how.confidence, "seconds": round(sum(known), 1), "stages": rows}
    replace_text(directory / REPORT, json.dumps(report, indent=2) + "\n")
    draw_stages(rows, how.confidence, directory / PICTURE)
    _show(report, directory, console)
    return report


def read_measured(directory: Path, stage: Stage, format_component: str) -> Measured:
    """What the evaluation of one stage found. Raises DataError when it is not there."""
    folder = directory / MEASURED
    try:
        results = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / RESULTS} cannot be read: {error}; remove {directory} to do it again") from error
    rates: dict[str, float] = {}
    formed: list[float | None] = []
    for _, row in read_rows(folder / ANSWERS):
        judged = [one for one in row["samples"] if one["right"] is not None]
        if judged:
            rates[row["id"]] = sum(one["right"] for one in judged) / len(judged)
        values = [one["components"].get(format_component) for one in judged]
        formed += [None if value is None else float(value == 1.0) for value in values]
    average = results["avg@n"]
    return Measured(
        rates=rates,
        accuracy=_estimate(average),
        mean_tokens=results["mean_tokens"],
        format_rate=mean(formed),
        truncated_share=results["truncated_share"],
        weight_bytes=_weight_bytes(stage),
    )


def read_components(directory: Path) -> Rates:
    """What every component of the reward said of one stage's answers; where it did not apply it is left out."""
    rates: Rates = {}
    for _, row in read_rows(directory / MEASURED / ANSWERS):
        judged = [one["components"] for one in row["samples"] if one["right"] is not None]
        for name in {name for components in judged for name in components}:
            value = mean(components.get(name) for components in judged)
            if value is not None:
                rates.setdefault(name, {})[row["id"]] = value
    return rates


def changes(before: Rates, after: Rates, confidence: float) -> dict[str, Row]:
    """Of each component the paired difference of its value, over the problems where it applied to both models."""
    both = [name for name in sorted(before.keys() & after.keys()) if before[name].keys() & after[name].keys()]
    return {name: asdict(paired_difference(before[name], after[name], confidence)) for name in both}


def _beside(rates: Rates, how: ComparisonConfig) -> Rates:
    """The components that no other column tells of."""
    return {name: rates[name] for name in sorted(rates) if name not in (how.accuracy_component, how.format_component)}


def is_complete(folder: Path) -> bool:
    """Whether the evaluation in this directory has asked every problem."""
    try:
        return json.loads((folder / RESULTS).read_text(encoding="utf-8"))["complete"] is True
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _estimate(average: Row | None) -> Estimate | None:
    """One problem alone has no bounds: all of 0..1 is possible."""
    if average is None:
        return None
    low, high = average["low"], average["high"]
    return Estimate(average["value"], 0.0 if low is None else low, 1.0 if high is None else high)


def _weight_bytes(stage: Stage) -> int | None:
    if stage.model is None or stage.model.path is None:
        return None
    return sum(path.stat().st_size for path in stage.model.path.glob("*.safetensors")) or None


def _row(directory: Path, stage: Stage, measured: Measured | None, step: Step | None) -> Row:
    """A line of the report: a model with its numbers, or a drawing of samples with its counts."""
    row: Row = {"stage": stage.name}
    if measured is not None:
        row |= {key: value for key, value in asdict(measured).items() if key != "rates"}
        row["problems"] = len(measured.rates)
    else:
        summary = json.loads((directory / stage.name / SUMMARY).read_text(encoding="utf-8"))
        row |= {key: summary[key] for key in ("drawn", "kept", "dropped", "prompts", "prompts_kept")}
    if step is not None and stage.against is not None:
        row["step"] = {"against": stage.against, **asdict(step), "told": told(step, stage.against)}
    return row


def _show(report: Row, directory: Path, console: Console) -> None:
    console.print(stages_table(report["stages"], report["confidence"]))
    for row in report["stages"]:
        if (sentence := _sentence(row)) is not None:
            console.print(f"{row['stage']}: {sentence}", soft_wrap=True, markup=False)
    minutes = report["seconds"] / 60
    console.print(f"{minutes:.1f} minutes in all; {directory / REPORT}, {directory / PICTURE}", soft_wrap=True)


def stages_table(rows: Sequence[Row], confidence: float) -> Table:
    """The stages as a person reads them, in per cent."""
    title = "every model on the same held-out problems, with its interval"
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, collapse_padding=True, pad_edge=False
    )
    others = sorted({name for row in rows for name in row.get("components", {})})
    names = ("stage", "accuracy", f"{100 * confidence:.0f} %", "tokens", "format", *others, "seconds")
    for name in names:
        table.add_column(name, justify="left" if name == names[0] else "right", no_wrap=True)
    for row in rows:
        took = "" if row["seconds"] is None else f"{row['seconds']:.0f}"
        values = [_percent(row.get("components", {}).get(name)) for name in others]
        table.add_row(row["stage"], *_cells(row), *values, took)
    return table


def _cells(row: Row) -> tuple[str, str, str, str]:
    accuracy = row.get("accuracy")
    if accuracy is None:
        return "", "", "", ""
    bounds = f"{100 * accuracy['low']:.1f}..{100 * accuracy['high']:.1f}"
    tokens = "" if row["mean_tokens"] is None else f"{row['mean_tokens']:.1f}"
    return f"{100 * accuracy['value']:.1f} %", bounds, tokens, _percent(row["format_rate"])


def _sentence(row: Row) -> str | None:
    """What came of the stage."""
    if "kept" in row:
        asked = f"{row['prompts_kept']} of {row['prompts']} problems"
        return f"{row['kept']} of {row['drawn']} completions kept, for {asked}"
    if "step" not in row:
        return None
    return "; ".join([row["step"]["told"], *map(_changed, row["step"]["components"].items())])


def _changed(component: tuple[str, Row]) -> str:
    """Its change in points, with the interval: a stage may be there for what accuracy does not show."""
    name, change = component
    value, low, high = (100 * change[key] for key in ("value", "low", "high"))
    return f"{name} {value:+.1f} points ({low:+.1f} .. {high:+.1f})"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def draw_stages(rows: Sequence[Row], confidence: float, path: Path) -> None:
    """Accuracy with its interval, format rate and mean length over the stages that have a model, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    models = [row for row in rows if row.get("accuracy") is not None]
    figure = Figure(figsize=(9, 7), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    places = range(len(models))
    values = [100 * row["accuracy"]["value"] for row in models]
    below = [value - 100 * row["accuracy"]["low"] for value, row in zip(values, models, strict=True)]
    above = [100 * row["accuracy"]["high"] - value for value, row in zip(values, models, strict=True)]
    label = f"held-out accuracy, {100 * confidence:.0f} % interval"
    upper.errorbar(places, values, yerr=[below, above], fmt="o-", capsize=4, label=label)
    formed = [(place, 100 * row["format_rate"]) for place, row in enumerate(models) if row["format_rate"] is not None]
    upper.plot(
        [place for place, _ in formed], [rate for _, rate in formed], "s:", color="tab:green", label="format rate"
    )
    for place, value in zip(places, values, strict=True):
        upper.annotate(f"{value:.1f}", (place, value), textcoords="offset points", xytext=(9, -12))
    upper.set_ylim(-5, 105)
    upper.set_ylabel("per cent")
    upper.legend(loc="lower right")
    lower.bar(places, [row["mean_tokens"] or 0.0 for row in models], color="tab:orange", width=0.5)
    lower.set_ylabel("mean length, tokens")
    lower.set_xticks(list(places), [row["stage"] for row in models], rotation=20, ha="right")
    for panel in (upper, lower):
        panel.grid(alpha=0.25)
    figure.savefig(path, dpi=120)
