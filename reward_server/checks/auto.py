"""`auto`: each item is judged by the check that its ground truth calls for, so that one profile judges mixed data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from reward_server.checks.base import CheckInput, ChoosingCheck, ChoosingParams
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.detect import SQUAD, kind_of
from reward_server.wire import CheckSpec

QUESTION = "question"  # `exact` without case, articles and punctuation, for rows of question answering


class Auto(ChoosingCheck):
    name: ClassVar[str] = "auto"
    description: ClassVar[str] = "the value of the check that the ground truth calls for, told from its shape"
    source: ClassVar[str] = "rewards by `data_source`, as verl's default_compute_score has them, without its names"
    ground_truth: ClassVar[str] = "whatever the checks it chooses from take; rows of data sets come whole"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    choices: ClassVar[Mapping[str, CheckSpec]] = {
        **{
            name: CheckSpec(check=name)
            for name in (
                "math",
                "choice",
                "exact",
                "code",
                "ifeval",
                "countdown",
                "twenty_four",
                "knights_and_knaves",
                "sudoku",
                "reasoning_gym",
            )
        },
        QUESTION: CheckSpec(check="exact", params=dict(SQUAD)),
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "auto"}],
        "items": [
            {"completion": "<think>6 · 7</think><answer>42</answer>", "ground_truth": "#### 42"},
            {
                "completion": "<think>44 + 19 + 35</think><answer>44 + 19 + 35</answer>",
                "ground_truth": {"target": 98, "numbers": [44, 19, 35]},
            },
            {
                "completion": "The answer is (B).",
                "ground_truth": {"question": "2+2?", "choices": ["3", "4", "5", "6"], "answer": 1},
            },
        ],
    }

    def choose(self, item: CheckInput, params: ChoosingParams) -> str:
        detected = kind_of(item.ground_truth, item.prompt)
        name = QUESTION if detected.params == SQUAD else detected.check
        if name not in (params.among or self.choices):
            raise GroundTruthInvalid(f"the ground truth calls for {name!r}, which is not among the checks of `auto`")
        return name
