"""How a command begins and goes on: alone in its directory, with the settings, model and problems of before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainer_client.config import RewardConfig
from trainer_client.config.recipes import SampleConfig
from trainer_client.errors import CheckpointError, ConfigError, DataError, RewardUnavailable
from trainer_client.fingerprint import BLOCK_BYTES, BLOCKS, fingerprint
from trainer_client.preflight import check_server
from trainer_client.recipes.bar import watched
from trainer_client.recipes.run import begun
from trainer_client.run_dir import alone_in
from trainer_client.types import Example, Judged, RolloutScore


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    path.write_text('{"prompt": "1+1=", "ground_truth": "2"}\n')
    return path


def begin(problems: Path, resume: bool = False, **settings: Any) -> None:
    values = {"run": {"dir": problems.parent / "run"}, "model": {"fresh": {}}, "problems": {"path": problems}}
    config = SampleConfig.model_validate(values | {"resume": resume} | settings)
    with begun(config, ("reward.url",), {"problems.path": config.problems.path}):
        pass


def test_run_goes_on_with_its_settings_alone(problems: Path) -> None:
    begin(problems)
    with pytest.raises(CheckpointError, match=r"already holds a run: go on with --resume"):
        begin(problems)
    begin(problems, resume=True)
    begin(problems, resume=True, reward={"url": "http://elsewhere:1"})
    with pytest.raises(ConfigError, match=r"seed: 0 -> 1\. Take them back, or start a new run"):
        begin(problems, resume=True, seed=1)
    begin(problems, resume=True)


def test_other_problems_under_the_same_name_are_refused(problems: Path) -> None:
    begin(problems)
    problems.write_text(problems.read_text().replace("2", "3"))
    with pytest.raises(ConfigError, match=r"problems\.path is not what it was then: put it back"):
        begin(problems, resume=True)


def test_missing_problems_begin_no_run(problems: Path) -> None:
    problems.unlink()
    with pytest.raises(DataError, match=r"problems\.jsonl: No such file"):
        begin(problems)
    problems.write_text("{}")
    begin(problems)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"config": 3}', b"\xff"])
def test_damaged_settings_do_not_let_every_setting_change(problems: Path, content: bytes) -> None:
    begin(problems)
    (problems.parent / "run" / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read .*restore it from a copy"):
        begin(problems, resume=True, seed=1)


def test_second_process_is_kept_out_until_the_first_has_ended(tmp_path: Path) -> None:
    hold = (
        "import sys, time; from pathlib import Path; from trainer_client.run_dir import alone_in\n"
        "with alone_in(Path(sys.argv[1])): print('in', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with pytest.raises(CheckpointError, match="another process works in"), alone_in(tmp_path):
            pass
        other.kill()
    with alone_in(tmp_path):
        pass


def test_directory_that_cannot_be_is_told(problems: Path) -> None:
    with pytest.raises(CheckpointError, match=r"run cannot be made: .*choose another --run\.dir"):
        begin(problems, run={"dir": problems / "run"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directory_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CheckpointError, match="cannot be written: Permission denied"), alone_in(tmp_path):
        pass


def test_fingerprint_is_of_names_sizes_and_content(tmp_path: Path) -> None:
    seen = set()
    for name, content in (("a", b"1"), ("a", b"2"), ("a", b"22"), ("b", b"22")):
        folder = tmp_path / f"{len(seen)}"
        folder.mkdir()
        (folder / name).write_bytes(content)
        seen.add(fingerprint(folder))
    assert len(seen) == 4
    assert fingerprint(tmp_path / "3" / "b") != fingerprint(tmp_path / "1" / "a")


def test_fingerprint_of_large_files_sees_weights_that_were_trained(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    size = 2 * BLOCKS * BLOCK_BYTES
    weights.write_bytes(bytes(size))
    before = fingerprint(weights)
    assert before == fingerprint(weights)
    changed = bytearray(size)
    changed[::1000] = bytes([1]) * len(changed[::1000])
    weights.write_bytes(changed)
    assert fingerprint(weights) != before


class Scorer:
    """Judges as told: one score after the other, the last one again and again."""

    def __init__(self, *scores: RolloutScore) -> None:
        self._scores = list(scores)
        self.asked: list[str] = []

    def judge(self, example: Example, completion: str) -> RolloutScore:
        self.asked.append(example.id)
        return self._scores.pop(0) if len(self._scores) > 1 else self._scores[0]


PROBLEMS = [Example(id=str(number), prompt="1+1=", ground_truth="") for number in range(20)]
UNFIT = RolloutScore(Judged.SKIPPED, None, {"math": None}, reason="gold_invalid: it is empty")
FINE = RolloutScore(Judged.SCORED, 0.0, {"math": 0.0})


def test_problems_that_cannot_be_judged_do_not_stop_a_run_before_it_began() -> None:
    scorer: Any = Scorer(UNFIT, UNFIT, FINE)
    check_server(scorer, RewardConfig(), PROBLEMS, ["math"])
    assert scorer.asked == ["0", "1", "2"]
    with pytest.raises(ConfigError, match=r"has no component format; it has \['math'\]"):
        check_server(scorer, RewardConfig(), PROBLEMS, ["math", "format"])


@pytest.mark.parametrize(("count", "tried"), [(20, 8), (3, 3)])
def test_profile_that_judges_none_of_the_first_problems_is_told(count: int, tried: int) -> None:
    scorer: Any = Scorer(UNFIT)
    with pytest.raises(DataError, match=rf"none of the first {tried} problems, of the last it says: gold_invalid"):
        check_server(scorer, RewardConfig(), PROBLEMS[:count], ["math"])
    assert len(scorer.asked) == tried


def test_server_without_a_score_is_told() -> None:
    scorer: Any = Scorer(RolloutScore(Judged.UNSCORED, None, reason="ConnectError: refused"))
    with pytest.raises(RewardUnavailable, match=r"gives no score: ConnectError: refused"):
        check_server(scorer, RewardConfig(), PROBLEMS, [])


def test_long_work_is_told_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 6.0, 6.0, 7.0, 12.0, 12.0, 13.0])
    monkeypatch.setattr("trainer_client.recipes.bar.time.monotonic", lambda: next(now))
    told: list[str] = []
    assert list(watched(range(5), "counting", 5, told.append)) == list(range(5))
    assert told == ["counting 1/5", "counting 3/5"]
