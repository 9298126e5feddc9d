import pytest

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.test_syntax import builtin_under_test, require_check, require_test


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
    assert builtin_under_test([code]) == entry


def test_the_tests_of_a_problem_must_agree_on_such_a_function() -> None:
    assert builtin_under_test(["assert sum(1, 2) == 3", "assert sum(2, 2) == 4"]) == "sum"
    assert builtin_under_test(["assert sum([]) == 0", "assert sum([f(1) - 3]) == 0"]) is None
    assert builtin_under_test(["assert sum([]) == 0", "assert len([]) == 0"]) is None
    assert builtin_under_test([]) is None


def test_code_that_tests_nothing_is_no_ground_truth() -> None:
    require_test("def test_add():\n    assert add(1, 2) == 3", "test 0")
    require_test("import unittest\nclass T(unittest.TestCase):\n    def test_a(self): ...", "test 0")
    require_test("x = add(1, 2)", "test 0")
    with pytest.raises(GroundTruthInvalid, match="tests nothing"):
        require_test("import math\ndef helper(): ...", "test 0")
    require_check("def check(candidate): ...", "test 0")
    with pytest.raises(GroundTruthInvalid, match="no function check"):
        require_check("def chk(c): assert c(1) == 2", "test 0")
