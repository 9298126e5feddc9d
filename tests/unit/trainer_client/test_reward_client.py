"""The reward client against a real server that misbehaves."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from reward_server.wire import ScoreItem, ScoreResult
from tests.unit.trainer_client.stand_in import StandIn
from trainer_client.config import RewardConfig
from trainer_client.errors import RewardRejected
from trainer_client.reward_client import Answer, Patience, RewardClient, Unanswered

RIGHT = "<think>1+1=2</think><answer>2</answer>"


def items(count: int) -> list[ScoreItem]:
    return [ScoreItem(id=f"i{n}", completion=RIGHT if n % 2 else "no", ground_truth="2") for n in range(count)]


def config(url: str, **changes: object) -> RewardConfig:
    values = {"url": url, "backoff_seconds": 0.02, "max_backoff_seconds": 0.1, "max_wait_seconds": 5.0}
    return RewardConfig.model_validate({**values, "deadline_ms": 500, "timeout_seconds": 1.0, **changes})


def score(
    setting: RewardConfig, count: int = 4, notice: Callable[[str], None] = lambda _: None, api_key: str | None = None
) -> list[Answer]:
    return ask(setting, items(count), notice, api_key)


def ask(
    setting: RewardConfig,
    asked: list[ScoreItem],
    notice: Callable[[str], None] = lambda _: None,
    api_key: str | None = None,
) -> list[Answer]:
    async def scored() -> list[Answer]:
        async with RewardClient(setting, api_key=api_key, notice=notice) as client:
            return await client.score(asked, Patience(setting.max_wait_seconds))

    return asyncio.run(scored())


def rewards(answers: list[Answer]) -> list[float | None]:
    return [answer.reward if isinstance(answer, ScoreResult) else None for answer in answers]


def test_answers_come_in_order_over_several_requests(stand_in: StandIn) -> None:
    answers = score(config(stand_in.url, batch_items=3, concurrency=2), 8)
    assert rewards(answers) == [0.0, 1.2] * 4
    assert [answer.id for answer in answers if isinstance(answer, ScoreResult)] == [f"i{n}" for n in range(8)]
    requests = stand_in.requests()
    assert sorted(len(request["ids"]) for request in requests) == [2, 3, 3]
    assert {request["profile"] for request in requests} == {"r1-zero-math"}
    assert {request["options"]["deadline_ms"] for request in requests} == {500}


def test_a_group_is_never_cut_in_two(stand_in: StandIn) -> None:
    asked = [ScoreItem(id=f"i{n}", group_id=f"g{n // 4}", completion="no", ground_truth="2") for n in range(20)]
    answers = ask(config(stand_in.url, batch_items=10, concurrency=1), asked)
    assert [answer.id for answer in answers if isinstance(answer, ScoreResult)] == [item.id for item in asked]
    assert [len(request["ids"]) for request in stand_in.requests()] == [8, 8, 4]
    ask(config(stand_in.url, batch_items=3, concurrency=1), asked)
    assert [len(request["ids"]) for request in stand_in.requests()[3:]] == [4] * 5


def test_an_item_is_tried_again_in_the_company_of_its_group_only(stand_in: StandIn) -> None:
    asked = [ScoreItem(id=f"i{n}", group_id=f"g{n // 2}", completion=RIGHT, ground_truth="2") for n in range(4)]
    stand_in.faults("item-error")
    assert rewards(ask(config(stand_in.url), asked)) == [1.2] * 4
    assert [request["ids"] for request in stand_in.requests()] == [["i0", "i1", "i2", "i3"], ["i0", "i1"]]


def test_key_is_sent_as_bearer_token(stand_in: StandIn) -> None:
    score(config(stand_in.url), api_key="secret")
    score(config(stand_in.url))
    assert [request["authorization"] for request in stand_in.requests()] == ["Bearer secret", None]


@pytest.mark.parametrize("fault", ["503", "429:0", "504", "520", "drop", "hang:3"])
def test_transient_faults_are_retried_with_the_same_idempotency_key(stand_in: StandIn, fault: str) -> None:
    stand_in.faults(fault, fault)
    assert rewards(score(config(stand_in.url))) == [0.0, 1.2, 0.0, 1.2]
    requests = stand_in.requests()
    assert [request["fault"] for request in requests] == [fault, fault, ""]
    assert len({request["key"] for request in requests}) == 1


def test_slow_bytes_do_not_outlast_the_time_limit(stand_in: StandIn) -> None:
    stand_in.faults("trickle:20")
    started = time.monotonic()
    assert rewards(score(config(stand_in.url))) == [0.0, 1.2, 0.0, 1.2]
    assert time.monotonic() - started < 15


def test_retry_after_is_honoured(stand_in: StandIn) -> None:
    stand_in.faults("503:1")
    score(config(stand_in.url))
    first, second = (request["time"] for request in stand_in.requests())
    assert second - first >= 0.99


def test_failed_items_alone_are_asked_again(stand_in: StandIn) -> None:
    stand_in.faults("item-error")
    assert rewards(score(config(stand_in.url))) == [0.0, 1.2, 0.0, 1.2]
    requests = stand_in.requests()
    assert [request["ids"] for request in requests] == [["i0", "i1", "i2", "i3"], ["i0"]]


def test_item_that_fails_for_good_is_unanswered_and_its_neighbours_are_not(stand_in: StandIn) -> None:
    stand_in.faults("item-error-for-good")
    answers = score(config(stand_in.url))
    assert rewards(answers) == [None, 1.2, 0.0, 1.2]
    assert answers[0] == Unanswered("internal: made to fail")
    assert len(stand_in.requests()) == 1


def test_item_retries_are_limited_and_never_replay_a_stored_failure(stand_in: StandIn) -> None:
    stand_in.faults(*["item-error"] * 10)
    answers = score(config(stand_in.url, max_item_retries=2), 1)
    assert answers == [Unanswered("worker_lost: made to fail")]
    requests = stand_in.requests()
    assert len(requests) == 3
    assert len({request["key"] for request in requests}) == 3


@pytest.mark.parametrize(
    "fault", ["short", "swap", "foreign-id", "nan", "nan-component", "infinite-step", "no-results", "garbage"]
)
def test_answer_that_does_not_fit_is_retried_then_unanswered(stand_in: StandIn, fault: str) -> None:
    stand_in.faults(fault)
    assert rewards(score(config(stand_in.url))) == [0.0, 1.2, 0.0, 1.2]
    stand_in.faults(*[fault] * 10)
    answers = score(config(stand_in.url, max_item_retries=1))
    assert all(isinstance(answer, Unanswered) for answer in answers)


@pytest.mark.parametrize(("fault", "code"), [("404", "unknown_profile"), ("401", "unauthorized")])
def test_refusal_is_raised_at_once_with_its_code(stand_in: StandIn, fault: str, code: str) -> None:
    stand_in.faults(fault)
    with pytest.raises(RewardRejected) as raised:
        score(config(stand_in.url))
    assert (raised.value.code, raised.value.status) == (code, int(fault))
    assert "told so" in str(raised.value)
    assert len(stand_in.requests()) == 1


def test_dead_server_costs_its_patience_once_whatever_the_number_of_requests(stand_in: StandIn) -> None:
    stand_in.kill()
    started = time.monotonic()
    answers = score(config(stand_in.url, batch_items=1, concurrency=2, max_wait_seconds=1.5), 40)
    assert time.monotonic() - started < 15  # each for itself, two at a time, they wait for 30 s
    assert len(answers) == 40
    assert all(isinstance(answer, Unanswered) and "Connect" in answer.reason for answer in answers)


def test_restarted_server_is_waited_for_and_told_of_once(stand_in: StandIn) -> None:
    stand_in.kill()
    notices: list[str] = []
    revival = threading.Timer(1.0, stand_in.start)
    revival.start()
    answers = score(config(stand_in.url, batch_items=1, max_wait_seconds=20), 8, notices.append)
    revival.join()
    assert rewards(answers) == [0.0, 1.2] * 4
    assert len(notices) == 2
    assert "does not answer" in notices[0]
    assert "answers again" in notices[1]


def test_single_hiccup_is_not_worth_a_notice(stand_in: StandIn) -> None:
    stand_in.faults("503")
    notices: list[str] = []
    score(config(stand_in.url), notice=notices.append)
    assert notices == []


def grouped(sizes: list[int], *long: int) -> list[ScoreItem]:
    """Items of groups of these sizes; those at the places `long` are longer than the server of these tests takes."""
    names = [f"g{group}" for group, size in enumerate(sizes) for _ in range(size)]
    return [
        ScoreItem(
            id=f"i{n}", group_id=name, completion=RIGHT, ground_truth="2", prompt="x" * (2000 if n in long else 1)
        )
        for n, name in enumerate(names)
    ]


def test_request_that_is_too_large_is_split_between_groups(stand_in: StandIn) -> None:
    stand_in.limit(900)
    notices: list[str] = []
    assert rewards(ask(config(stand_in.url, concurrency=1), grouped([2, 2, 2, 2]), notices.append)) == [1.2] * 8
    assert [request["groups"] for request in stand_in.requests()] == [
        ["g0", "g0", "g1", "g1"],
        ["g2", "g2", "g3", "g3"],
    ]
    assert len(notices) == 1
    assert "REWARD_SERVER_MAX_BODY_BYTES" in notices[0]


def test_group_that_is_too_large_is_split_without_its_name(stand_in: StandIn) -> None:
    stand_in.limit(700)
    notices: list[str] = []
    assert rewards(ask(config(stand_in.url, concurrency=1), grouped([2, 6]), notices.append)) == [1.2] * 8
    asked = [request["groups"] for request in stand_in.requests()]
    assert sorted(asked, key=str) == [["g0", "g0"], [None] * 3, [None] * 3]
    assert "rules that compare its completions take no part" in notices[0]


def test_item_that_is_too_large_alone_has_no_score_and_its_neighbours_have(stand_in: StandIn) -> None:
    stand_in.limit(900)
    answers = ask(config(stand_in.url), grouped([2, 2], 3))
    assert rewards(answers) == [1.2, 1.2, 1.2, None]
    assert isinstance(answers[3], Unanswered)
    assert "alone has 2" in answers[3].reason
    assert "raise REWARD_SERVER_MAX_BODY_BYTES" in answers[3].reason


def test_group_of_more_items_than_a_server_takes_is_not_compared_in_parts(stand_in: StandIn) -> None:
    assert rewards(ask(config(stand_in.url), grouped([1025]))) == [1.2] * 1025
    assert all(name is None for request in stand_in.requests() for name in request["groups"])


def test_page_of_a_proxy_is_told_on_one_line(stand_in: StandIn) -> None:
    stand_in.faults("504", "504")
    notices: list[str] = []
    score(config(stand_in.url), notice=notices.append)
    assert "(http_504: <html> <h1>gateway</h1> </html>)" in notices[0]
