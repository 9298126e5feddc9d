"""What a completion gets that cannot be judged by its own doing, too long or too slow: never a good value."""

import pytest

from reward_server.checks.registry import checks


@pytest.mark.parametrize(
    ("name", "params", "worst"),
    [
        ("math", {}, 0.0),
        ("kimi_length", {"correct_by": "math"}, 0.0),
        ("overlong", {}, -1.0),
        ("truncation", {}, -1.0),
        ("repetition", {"max_penalty": 0.5}, -0.5),
        ("l1_length", {"floor": -2.0}, -2.0),
        ("l1_length", {"mode": "max", "correct_by": "math"}, 0.0),
        ("cosine", {"correct_by": "math"}, -1.0),
        ("cosine", {"correct_by": "math", "truncated_value": -10.0}, -10.0),
        ("knights_and_knaves", {"right": 2, "wrong": -1.5, "unreadable": -2}, -2.0),
    ],
)
def test_what_keeps_itself_from_being_judged_gets_the_worst_value(
    name: str, params: dict[str, object], worst: float
) -> None:
    check = checks()[name]
    assert check.worst(check.params.model_validate(params)) == worst
