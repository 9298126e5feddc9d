"""docs/external-judge.md and the table of settings name what there is."""

from __future__ import annotations

import re
from pathlib import Path

from reward_server.checks.external_judge import CHAT_PATH, POOLING_PATH
from reward_server.errors import JudgeRefused, JudgeUnavailable, JudgeUnreadable
from reward_server.settings import Settings

DOCS = Path(__file__).parents[4] / "docs"


def test_every_setting_of_the_judge_is_told_with_its_default() -> None:
    page, table = (DOCS / "external-judge.md").read_text(), (DOCS / "api.md").read_text()
    rows = dict(re.findall(r"^\| `(JUDGE_\w+)` \|.*\| (.*) \|$", page, re.MULTILINE))
    fields = {name.upper(): field for name, field in Settings.model_fields.items() if name.startswith("judge_")}
    assert set(rows) == set(fields)
    assert all(f"`{name}`" in table for name in fields)
    numbers = {name: field.default for name, field in fields.items() if isinstance(field.default, int | float)}
    assert {name: float(rows[name]) for name in numbers} == numbers


def test_every_code_and_path_is_told() -> None:
    page = (DOCS / "external-judge.md").read_text()
    for kind in (JudgeUnavailable, JudgeRefused, JudgeUnreadable):
        assert f"| `{kind.code}` |" in page
    assert all(f"POST {path}" in page for path in (CHAT_PATH, POOLING_PATH))
