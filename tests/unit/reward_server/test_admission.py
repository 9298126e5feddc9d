import pytest

from reward_server.admission import Admission, AnswerStore
from reward_server.errors import IdempotencyConflict, Overloaded, TooManyPrograms


def test_items_over_the_limit_are_refused_before_work_begins() -> None:
    admission = Admission(10, 10)
    with admission.admit(6):
        with pytest.raises(Overloaded, match="6 items"), admission.admit(5):
            pass
        with admission.admit(4):
            assert admission.pending_items == 10
    assert admission.pending_items == 0


def test_a_failing_request_gives_its_place_back() -> None:
    admission = Admission(10, 10)
    with pytest.raises(ZeroDivisionError), admission.admit(10):
        _ = 1 / 0
    assert admission.pending_items == 0


def test_programs_are_counted_apart_from_items() -> None:
    admission = Admission(10, 3)
    with admission.admit(items=9, programs=2), pytest.raises(Overloaded, match="2 programs"):
        admission.admit(programs=2).__enter__()
    with admission.admit(programs=3):
        assert (admission.pending_items, admission.pending_programs) == (0, 3)
    with pytest.raises(TooManyPrograms, match="smaller batches"):
        admission.admit(programs=4).__enter__()


def test_the_oldest_answers_are_forgotten_first() -> None:
    store = AnswerStore(limit_bytes=10)
    for key in "abc":
        store.keep(key, b"body", b"12345")
    assert [store.find(key, b"body") for key in "abc"] == [None, b"12345", b"12345"]
    store.keep("huge", b"body", b"x" * 11)
    assert store.find("huge", b"body") is None
    assert store.find(None, b"body") is None


def test_a_key_belongs_to_one_body() -> None:
    store = AnswerStore(limit_bytes=10)
    store.keep("a", b"body", b"1")
    with pytest.raises(IdempotencyConflict):
        store.find("a", b"other")
