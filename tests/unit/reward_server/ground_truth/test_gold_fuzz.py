"""Rows put together at random from the names and shapes that data sets use: each is read or refused, never a crash."""

from __future__ import annotations

import json
import string
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reward_server.checks.base import CheckInput
from reward_server.checks.registry import checks
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.detect import kind_of

NAMES = [
    "answer", "Answer", "solution", "ground_truth", "reward_model", "verification_info", "info", "target", "numbers",
    "nums", "choices", "options", "answer_index", "answer_idx", "answerKey", "expected_answer", "Correct Answer",
    "golden_answers", "answers", "aliases", "value", "text", "label", "A", "B", "instruction_id_list", "kwargs",
    "func_name", "N", "test_list", "test", "entry_point", "inputs", "outputs", "fn_name", "test_cases", "tests",
    "input_output", "public_tests", "metadata", "source_dataset", "source_index", "puzzle", "solution_text_format",
    "question_type", "problem", "canonical_solution", "solutions", "code", "type", "input", "output", "language",
]  # fmt: skip
TEXTS = [
    "",
    "A",
    "B",
    "5",
    "1/2",
    "proof",
    "Paris",
    "[1,2]",
    "{}",
    "\\boxed{3}",
    "#### 7",
    "assert f(1) == 1",
    "MCQ",
    "x",
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 40), st.floats(allow_nan=False), st.sampled_from(TEXTS),
    st.text(string.printable, max_size=12),
)  # fmt: skip


def as_text(value: Any) -> str:
    return json.dumps(value)


JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=5).map(as_text),
        st.lists(inner, max_size=3).map(repr),
    ),
    max_leaves=12,
)
JUDGED_ELSEWHERE = ("reasoning_gym",)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(JSON)
def test_any_row_is_read_or_refused(ground_truth: Any) -> None:
    for name in ("math", "choice", "exact", "numeric", "code", "ifeval", None):
        try:
            detected = None if name is not None else kind_of(ground_truth)
            check = checks()[name or (detected.check if detected else "")]
            params = check.params.model_validate(dict(detected.params) if detected else {})
            if check.name in JUDGED_ELSEWHERE:
                continue
            view = check.read_gold(CheckInput("", ground_truth), params)
        except GroundTruthInvalid:
            continue
        assert view is not None
        assert view.normalised.strip()
