import base64
import gzip
import json
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest

from reward_server.__main__ import main
from reward_server.ground_truth.code import parse_code_tests
from reward_server.offline import convert_lcb
from reward_server.offline.convert_lcb import convert, plain_cases

CASES = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]


def packed(value: Any, protocol: int = 4) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value, protocol))).decode()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_text_becomes_that_text(protocol: int) -> None:
    assert plain_cases(packed(json.dumps(CASES), protocol)) == json.dumps(CASES)


def test_plain_cases_stay_as_they_are() -> None:
    assert plain_cases(json.dumps(CASES)) == json.dumps(CASES)


class Harm:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(ValueError, match="expected a pickle of one text"):
            plain_cases(packed(Harm(str(folder)), protocol))
    assert not folder.exists()
    with pytest.raises(pickle.UnpicklingError, match="no use for"):  # the second wall, by itself
        convert_lcb._TextUnpickler(__import__("io").BytesIO(pickle.dumps(Harm(str(folder))))).load()
    assert not folder.exists()


@pytest.mark.parametrize("value", [CASES, {"a": 1}, 7, None, "no JSON", '{"a": 1}'])
def test_only_a_text_with_a_list_is_taken(value: Any) -> None:
    with pytest.raises(ValueError, match=r"expected a pickle of one text|no JSON list"):
        plain_cases(packed(value))


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert_lcb, "MAX_UNPACKED_BYTES", 1 << 20)
    bomb = base64.b64encode(zlib.compress(bytes(64 << 20))).decode()
    with pytest.raises(ValueError, match="at most 1048576 bytes unpacked"):
        plain_cases(bomb)
    monkeypatch.setattr(convert_lcb, "MAX_PACKED_BYTES", 1000)
    with pytest.raises(ValueError, match="at most 1000 characters"):
        plain_cases(bomb)


@pytest.mark.parametrize(
    "text", ["", "?", "AAAA", packed("[]")[:-8], base64.b64encode(zlib.compress(b"\x80")).decode()]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        plain_cases(text)


def test_a_converted_file_can_be_judged_and_the_original_cannot(tmp_path: Path) -> None:
    row = {"question_id": "1", "metadata": "{}", "public_test_cases": json.dumps(CASES)}
    source, out = tmp_path / "test.jsonl", tmp_path / "plain.jsonl.gz"
    original = {**row, "private_test_cases": packed(json.dumps(CASES * 2))}
    source.write_text("".join(json.dumps(line) + "\n" for line in (original, row)))
    assert main(["convert-lcb", str(source), "--out", str(out)]) == 0
    with gzip.open(out) as file:
        converted = [json.loads(line) for line in file]
    assert [len(parse_code_tests(line).tests) for line in converted] == [3, 1]
    with pytest.raises(Exception, match="reward-server convert-lcb"):
        parse_code_tests(original)


def test_a_row_that_cannot_be_converted_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    source, out = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    source.write_text(json.dumps({"private_test_cases": packed(7)}))
    assert main(["convert-lcb", str(source), "--out", str(out)]) == 2
    with pytest.raises(Exception, match="row 1: private_test_cases"):
        convert(source, out)
    with pytest.raises(Exception, match="same file"):
        convert(source, source)
    assert list(tmp_path.iterdir()) == [source]
