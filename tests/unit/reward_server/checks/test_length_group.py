from dataclasses import replace

import pytest

from reward_server.checks.base import CheckInput, Group
from reward_server.checks.length_group import GroupLength, GroupLengthParams

PARAMS = GroupLengthParams(correct_by="exact")


def values(tokens: list[int | None], right: list[bool | None], **params: object) -> list[float | None]:
    return [verdict.value for verdict in verdicts(tokens, right, **params)]


def verdicts(tokens, right, **params):  # type: ignore[no-untyped-def]
    seen = [CheckInput("a" * (1 + index), completion_tokens=count) for index, count in enumerate(tokens)]
    group = Group(tuple(seen))
    bound = PARAMS.model_copy(update=params)
    items = [replace(one, group=group, right=is_right) for one, is_right in zip(seen, right, strict=True)]
    return [GroupLength().judge(item, bound) for item in items]


def test_the_shortest_right_answer_gains_what_the_longest_loses() -> None:
    assert values([100, 200, 300], [True, True, True]) == [0.5, 0.0, -0.5]


def test_a_wrong_answer_never_gains() -> None:
    assert values([100, 200, 300], [False, False, False]) == [0.0, 0.0, -0.5]


def test_lengths_of_wrong_answers_count_for_the_extent() -> None:
    assert values([100, 200, 500], [True, True, False]) == [0.5, 0.25, -0.5]


def test_equal_lengths_say_nothing() -> None:
    assert values([7, 7, 7], [True, False, True]) == [0.0, 0.0, 0.0]


def test_an_item_without_a_group_or_alone_in_it_is_left_out_and_told_why() -> None:
    alone = CheckInput("a", completion_tokens=1, right=True)
    none = GroupLength().judge(alone, PARAMS)
    one = GroupLength().judge(replace(alone, group=Group((alone,))), PARAMS)
    assert none.value is one.value is None
    assert "group_id" in (none.reason or "")
    assert "one member" in (one.reason or "")
    assert set(none.detail) == set(one.detail) == set(GroupLength.detail)


def test_an_answer_that_nobody_could_judge_is_left_out() -> None:
    assert values([1, 2], [True, None]) == [0.5, None]


def test_a_group_is_counted_in_one_unit() -> None:
    """One member without a count of tokens: characters for all, never 300 tokens against one character."""
    found = verdicts([100, 300, None], [True, True, True])
    assert [verdict.value for verdict in found] == [0.5, 0.0, -0.5]
    assert {verdict.detail["unit"] for verdict in found} == {"characters"}


def test_tokens_that_were_asked_for_and_are_not_there_leave_the_group_out() -> None:
    found = verdicts([100, 300, None], [True, True, True], unit="tokens")
    assert [verdict.value for verdict in found] == [None, None, None]
    assert "completion_tokens" in found[0].reason


def test_the_extent_is_that_of_the_prompt_and_not_of_the_request() -> None:
    """Others take it over whatever batch they are handed."""
    short, long = values([10, 20], [True, True]), values([1000, 2000], [True, True])
    assert short == long == [0.5, -0.5]


def test_the_extent_is_worked_out_once_for_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    from reward_server.checks import length_group

    calls = 0
    lengths_of = length_group.lengths_of

    def counted(*args):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        return lengths_of(*args)

    monkeypatch.setattr(length_group, "lengths_of", counted)
    values(list(range(1, 65)), [True] * 64)
    assert calls == 1


def test_the_detail_says_what_was_compared() -> None:
    assert verdicts([100, 200], [True, True])[1].detail == {
        "length": 200,
        "unit": "tokens",
        "shortest": 100,
        "longest": 200,
    }
