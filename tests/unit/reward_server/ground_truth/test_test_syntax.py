import pytest

from reward_server.ground_truth.test_syntax import builtin_under_test


@pytest.mark.parametrize(
    ("code", "entry"),
    [
        ("assert sum(10, 15) == 6", "sum"),
        ("assert sorted(sum([1, 2])) == sorted((3, 4))", "sum"),
        ("assert add(1, 2) == 3", None),
        ("assert abs(area(2) - 3.14) < 1e-6", None),
        ("assert set(f([1])) == set((1,))", None),
        ("import math\nassert abs(-1) == 1", None),
        ("assert 1 == 1", None),
    ],
)
def test_only_a_test_that_names_nothing_else_means_a_function_like_a_builtin(code: str, entry: str | None) -> None:
    assert builtin_under_test(code) == entry
