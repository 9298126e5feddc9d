"""The end of a run: the picture of the reward curve, summary.json, and the lines that are printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PICTURE = "reward.png"
SUMMARY = "summary.json"
SMOOTHING_STEPS = 10
SHOWN_ALARMS = 5


@dataclass(frozen=True, slots=True)
class Summary:
    """Accuracies are shares of held-out problems, None where nothing was judged; `seconds` is this process's wall time.

    `unscored` and `skipped` are totals over the RL steps; `alarms` are those of the monitor, with their steps.
    """

    run: str
    picture: str
    model: str
    accuracy_before: float | None
    accuracy_after: float | None
    problems: int
    sft_steps: int
    rl_steps: int
    rollouts: int
    unscored: int
    skipped: int
    bad_gradients: int
    seconds: float
    alarms: list[str] = field(default_factory=list)


def write_report(
    run_dir: Path, records: Sequence[dict[str, Any]], model_dir: Path, bad_gradients: int, seconds: float
) -> Summary:
    """Draw the picture and write the summary of all records of the run."""
    evaluations = [record for record in records if record["kind"] == "eval"]
    steps = [record for record in records if record["kind"] == "step" and record["stage"] == "rl"]
    summary = Summary(
        run=str(run_dir),
        picture=str(run_dir / PICTURE),
        model=str(model_dir),
        accuracy_before=evaluations[0]["accuracy"] if evaluations else None,
        accuracy_after=evaluations[-1]["accuracy"] if evaluations else None,
        problems=evaluations[-1]["problems"] if evaluations else 0,
        sft_steps=sum(record["kind"] == "step" and record["stage"] == "sft" for record in records),
        rl_steps=len(steps),
        rollouts=sum(record["rollouts"] for record in steps),
        unscored=sum(record["unscored"] for record in steps),
        skipped=sum(record["skipped"] for record in steps),
        bad_gradients=bad_gradients,
        seconds=round(seconds, 1),
        alarms=[f"step {step['step']}: {message}" for step in steps for message in step.get("alarms", [])],
    )
    draw_rewards(steps, evaluations, summary, run_dir / PICTURE)
    (run_dir / SUMMARY).write_text(json.dumps(asdict(summary), indent=2) + "\n", encoding="utf-8")
    return summary


def summary_lines(summary: Summary) -> list[str]:
    """What is printed at the end."""
    missing = summary.unscored + summary.skipped
    lost = f" ({missing} without a score, left out)" if missing else ""
    gain = ""
    if summary.accuracy_before is not None and summary.accuracy_after is not None:
        gain = f"  ({100 * (summary.accuracy_after - summary.accuracy_before):+.1f} points)"
    return [
        f"held-out accuracy  {_percent(summary.accuracy_before)} -> {_percent(summary.accuracy_after)}{gain}",
        f"                   {summary.problems} problems; {summary.sft_steps} SFT steps, {summary.rl_steps} RL steps, "
        f"{summary.rollouts} rollouts{lost}, {summary.seconds:.0f} s",
        *_troubles(summary),
        f"picture            {summary.picture}",
        f"run                {summary.run}",
        f"model              {summary.model}",
    ]


def _troubles(summary: Summary) -> list[str]:
    """What the accuracies alone would not tell."""
    lines = []
    if summary.bad_gradients:
        lines.append(f"gradients          {summary.bad_gradients} were not finite; their optimizer steps were left out")
    for number, alarm in enumerate(summary.alarms[:SHOWN_ALARMS]):
        lines.append(f"{'' if number else 'alarms':<19}{alarm}")
    if len(summary.alarms) > SHOWN_ALARMS:
        lines.append(f"{'':<19}and {len(summary.alarms) - SHOWN_ALARMS} more: see {SUMMARY}")
    return lines


def moving_average(values: Sequence[float], width: int) -> list[float]:
    """The mean of each value and up to `width - 1` before it."""
    return [sum(values[max(0, end - width) : end]) / (end - max(0, end - width)) for end in range(1, len(values) + 1)]


def draw_rewards(
    steps: Sequence[dict[str, Any]], evaluations: Sequence[dict[str, Any]], summary: Summary, path: Path
) -> None:
    """Mean reward of each RL step with its moving average, and the held-out accuracy beside it, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.subplots()
    known = [(record["step"], record["reward"]) for record in steps if record["reward"] is not None]
    if known:
        places, rewards = [step for step, _ in known], [reward for _, reward in known]
        left.plot(places, rewards, color="tab:blue", alpha=0.3, linewidth=1, label="mean reward of the step")
        smooth = moving_average(rewards, SMOOTHING_STEPS)
        left.plot(places, smooth, color="tab:blue", linewidth=2, label=f"moving average of {SMOOTHING_STEPS} steps")
    left.set_xlabel("RL step")
    left.set_ylabel("mean reward", color="tab:blue")
    left.grid(alpha=0.25)
    right = left.twinx()
    measured = [(record["step"], record["accuracy"]) for record in evaluations if record["accuracy"] is not None]
    if measured:
        right.plot(
            [step for step, _ in measured],
            [100 * accuracy for _, accuracy in measured],
            "o--",
            color="tab:orange",
            label=f"held-out accuracy ({summary.problems} problems, greedy)",
        )
        for step, accuracy in (measured[0], measured[-1]):
            right.annotate(
                f"{100 * accuracy:.1f} %",
                (step, 100 * accuracy),
                textcoords="offset points",
                xytext=(0, 9),
                ha="center",
            )
    right.set_ylim(0, 105)
    right.set_ylabel("held-out accuracy, %", color="tab:orange")
    lines = [*left.get_lines(), *right.get_lines()]
    if lines:
        left.legend(lines, [str(line.get_label()) for line in lines], loc="lower right")
    left.set_title(
        f"Held-out accuracy {_percent(summary.accuracy_before)} before RL, {_percent(summary.accuracy_after)} after"
    )
    figure.savefig(path, dpi=120)


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{100 * share:.1f} %"
