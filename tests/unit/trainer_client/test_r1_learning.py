"""What the record of a stage says about its learning, and how the report of all stages is put together."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer_client.recipes.r1_learning import fine_tuning_reason, rl_reasons
from trainer_client.recipes.r1_report import changes, read_components, stages_table


def steps(rewards: list[float | None], dead: float) -> list[dict[str, Any]]:
    return [{"reward": reward, "dead_group_share": dead} for reward in rewards]


def test_reward_is_compared_over_the_first_and_the_last_fifth() -> None:
    rewards = [0.2, 0.4, *[9.0] * 6, 0.7, 0.9]
    assert rl_reasons(steps(rewards, 0.1)) == ("the reward of its own steps rose, 0.30 to 0.80",)
    assert rl_reasons(steps(rewards[::-1], 0.1)) == ("the reward of its own steps fell, 0.80 to 0.30",)
    assert rl_reasons(steps([0.5, 0.505], 0.1)) == ("the reward of its own steps hardly moved, 0.50 to 0.51",)


def test_dead_groups_are_named_where_they_are_many() -> None:
    assert rl_reasons(steps([1.0, 1.0], 0.77))[1] == "77 % of its groups had equal rewards and taught nothing"
    assert len(rl_reasons(steps([1.0, 1.0], 0.5))) == 1


def test_steps_without_a_score_say_nothing_of_the_reward() -> None:
    assert rl_reasons(steps([None, None], 0.0)) == ()


def test_fine_tuning_tells_how_often_it_saw_what() -> None:
    summary = {"steps": 60, "demonstrations": 200, "metrics": {"loss": {"last": 0.0502}}}
    assert fine_tuning_reason(summary, 10) == "it saw 200 demonstrations 3.0 times each, to a loss of 0.050"


def test_table_fits_into_eighty_columns() -> None:
    accuracy = {"value": 1.0, "low": 0.985, "high": 1.0}
    row = {"stage": "3-rejection-sampling", "accuracy": accuracy, "mean_tokens": 20.0, "format_rate": 1.0,
           "components": {"language": 1.0}}  # fmt: skip
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(stages_table([row | {"seconds": 1234.5}, {"stage": "7-teacher-samples", "seconds": None}], 0.95))
    shown = console.export_text()
    assert "3-rejection-sampling   100.0 %  98.5..100.0    20.0  100.0 %   100.0 %     1234\n" in shown
    assert "…" not in shown


def answers(directory: Path, values: list[dict[str, float | None]]) -> Path:
    """One answer to each problem."""
    folder = directory / "measured"
    folder.mkdir(parents=True)
    rows = [{"id": str(place), "samples": [{"right": True, "components": one}]} for place, one in enumerate(values)]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return directory


def test_components_are_compared_where_they_applied_to_both(tmp_path: Path) -> None:
    before = read_components(answers(tmp_path / "a", [{"language": 0.5}, {"language": None}, {"language": 0.25}]))
    after = read_components(answers(tmp_path / "b", [{"language": 1.0}, {"language": 1.0}, {"language": 0.75}]))
    assert before == {"language": {"0": 0.5, "2": 0.25}}
    got = changes(before, after, 0.95)["language"]
    assert got["value"] == 0.5
    assert got["low"] < 0.5 < got["high"]
    assert changes(before, {"overlong": {"0": 1.0}}, 0.95) == {}


def test_table_has_a_column_for_each_other_component() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    rows = [{"stage": "0-base", "seconds": 1.0, "components": {"language": 0.4825}}, {"stage": "x", "seconds": None}]
    console.print(stages_table(rows, 0.95))
    shown = console.export_text()
    assert "language" in shown
    assert "48.2 %" in shown or "48.3 %" in shown
