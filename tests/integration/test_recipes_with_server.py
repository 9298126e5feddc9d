"""eval, sample, sft and dpo with the real reward server: whole, killed by SIGKILL and gone on with, interrupted."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

from tests.server_process import running_server
from tests.trainer_command import Command, without_times
from tests.waiting import wait_until
from trainer_client.run_dir import alone_in

TASK = "addition = { terms = 2, max_number = 20, train_problems = 300, held_out_problems = 40 }"
SFT = """
seed = 3
[run]
checkpoint_every = 20
[model.fresh]
hidden = 32
intermediate = 64
[problems]
split = "train"
TASK
[sft]
steps = 140
batch = 32
optim = { lr = 1e-2, warmup_steps = 5, decay = "cosine" }
""".replace("TASK", TASK)
SAMPLE = """
seed = 5
samples = 4
keep_all = true
[keep]
components = { format = 1.0 }
[problems]
split = "train"
TASK
[sampler]
max_new_tokens = 24
batch_rows = 16
""".replace("TASK", TASK)
EVAL = """
samples = 4
ks = [1, 4]
[problems]
TASK
[sampler]
max_new_tokens = 24
batch_rows = 4
""".replace("TASK", TASK)
DPO = """
[run]
checkpoint_every = 5
[dpo]
steps = 40
batch = 8
micro_batch = 8
loss = { label_smoothing = 0.1 }
optim = { lr = 5e-4, warmup_steps = 5 }
"""


def asked(name: str, config: str, student: Command, run: Path, *options: str) -> Command:
    """A command that begins with the student's model."""
    return Command(name, config, run, "--model.path", str(student.run / "model"), *options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recipes")


@pytest.fixture(scope="module")
def student(folder: Path) -> Command:
    """A model that knows the format and some sums."""
    command = Command("sft", SFT, folder / "student")
    command()
    return command


@pytest.fixture(scope="module")
def sampled(folder: Path, student: Command, server_url: str) -> Command:
    command = asked("sample", SAMPLE, student, folder / "sampled", "--reward.url", server_url)
    command()
    return command


def test_killed_and_resumed_fine_tuning_equals_an_uninterrupted_one(folder: Path, student: Command) -> None:
    killed = Command("sft", SFT, folder / "killed-student")
    killed.stop_when(lambda: killed.step() >= 50)
    told = killed("--resume")
    assert "going on after step" in told
    assert without_times(killed.rows("metrics.jsonl")) == without_times(student.rows("metrics.jsonl"))
    assert len(student.rows("metrics.jsonl")) == 140
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (killed.run, student.run)]
    assert weights[0] == weights[1]
    summary = student.value("summary.json")
    assert summary["metrics"]["loss"]["last"] < 0.3 * summary["metrics"]["loss"]["first"]


def test_every_row_is_kept_for_a_reason_and_tells_where_it_comes_from(sampled: Command) -> None:
    kept, judged, summary = sampled.rows("samples.jsonl"), sampled.rows("judged.jsonl"), sampled.value("summary.json")
    assert len(judged) == summary["drawn"] == 300 * 4
    assert len(kept) == summary["kept"] == sum(row["dropped"] is None for row in judged)
    assert summary["kept"] + sum(summary["dropped"].values()) == summary["drawn"]
    assert 20 < len(kept) < len(judged)
    for row in kept:
        assert row["components"] == {"math": 1.0, "format": 1.0}
        assert eval(row["prompt"].rstrip("=")) == int(row["ground_truth"])
        assert f"<answer>{row['ground_truth']}</answer>" in row["completion"]
    assert len({(row["prompt"], row["completion"]) for row in kept}) == len(kept)
    provenance = kept[0]["provenance"]
    assert provenance["profile"] == "r1-zero-math"
    assert provenance["profile_hash"].startswith("sha256:")
    assert provenance["server_version"]
    assert (provenance["seed"], provenance["temperature"]) == (5, 1.0)
    assert provenance["model_hash"].startswith("sha256:")


def test_killed_and_interrupted_sampling_loses_nothing_and_repeats_nothing(
    folder: Path, student: Command, sampled: Command, server_url: str
) -> None:
    stopped = asked("sample", SAMPLE, student, folder / "stopped", "--reward.url", server_url)
    stopped.stop_when(lambda: stopped.position() >= 20)
    killed_at = stopped.position()
    assert 20 <= killed_at < 300
    refused = stopped("--resume", "--samples", "8", expected=1)
    assert "samples: 4 -> 8" in refused
    assert stopped.stop_when(lambda: stopped.position() >= killed_at + 60, signal.SIGINT, "--resume") == 130
    summary = stopped.value("summary.json")
    assert not summary["complete"]
    assert killed_at < summary["position"] == stopped.position() < 300
    with alone_in(stopped.run):
        assert "another process works in" in stopped("--resume", expected=1)
    assert len(stopped.rows("judged.jsonl")) == summary["drawn"] == 4 * summary["position"]
    stopped("--resume")
    for name in ("samples.jsonl", "judged.jsonl"):
        assert without_times(stopped.rows(name)) == without_times(sampled.rows(name))
    assert "--resume" in stopped(expected=1)


def test_killed_evaluation_gives_the_same_results(folder: Path, student: Command, server_url: str) -> None:
    whole, killed = (
        asked("eval", EVAL, student, folder / name, "--reward.url", server_url) for name in ("whole", "killed")
    )
    told = whole()
    assert "pass@4" in told
    killed.stop_when(lambda: killed.position() >= 5)
    assert 5 <= killed.position() < 40
    killed("--resume")
    assert killed.rows("answers.jsonl") == whole.rows("answers.jsonl")
    results = whole.value("results.json")
    assert results == killed.value("results.json")
    assert results["complete"]
    assert (results["problems"], results["judged"], results["unscored"]) == (40, 160, 0)
    rates = whole.rows("problems.jsonl")
    assert [set(row) for row in rates] == [{"id", "pass_rate", "samples"}] * 40
    assert results["avg@n"]["value"] == pytest.approx(sum(row["pass_rate"] for row in rates) / 40)
    assert results["pass@k"]["1"]["value"] == pytest.approx(results["avg@n"]["value"])
    solved = sum(row["pass_rate"] > 0 for row in rates)
    assert results["pass@k"]["4"]["value"] == pytest.approx(solved / 40)
    assert 0 < results["maj@k"]["4"]["value"] <= results["pass@k"]["4"]["value"]
    right = [one["answer"] == row["ground_truth"] for row in whole.rows("answers.jsonl") for one in row["samples"]
             if one["right"]]  # fmt: skip
    assert right
    assert all(right)
    recounted = killed("--resume", "--ks", "[2]", "--reward.url", "http://127.0.0.1:9")  # all answers are on disk
    assert "pass@2" in recounted


def test_greedy_evaluation_is_plain_accuracy(folder: Path, student: Command, server_url: str) -> None:
    greedy = asked("eval", EVAL, student, folder / "greedy", "--reward.url", server_url)
    greedy("--greedy", "--samples", "1", "--ks", "[1]", "--sampler.batch_rows", "64")
    results = greedy.value("results.json")
    assert results["interval"] == "Wilson"
    assert results["pass@k"]["1"]["value"] == results["right"] / 40
    assert results["temperature"] is None


def test_kept_samples_teach_a_student(folder: Path, sampled: Command, server_url: str) -> None:
    """Distillation: the samples file is the data as it is, and the student is evaluated by the server."""
    config = f"""
    [model.fresh]
    hidden = 32
    intermediate = 64
    [problems]
    path = "{sampled.run / "samples.jsonl"}"
    [sft]
    steps = 60
    batch = 32
    optim = {{ lr = 1e-2, warmup_steps = 5 }}
    [held_out]
    max_new_tokens = 24
    problems = {{ {TASK} }}
    """
    student = Command("sft", config, folder / "distilled", "--reward.url", server_url)
    assert "held-out accuracy" in student()
    summary = student.value("summary.json")
    assert summary["demonstrations"] == len(sampled.rows("samples.jsonl"))
    assert summary["accuracy_before"] == 0.0
    assert summary["metrics"]["loss"]["last"] < 0.5 * summary["metrics"]["loss"]["first"]


def test_killed_preference_learning_equals_an_uninterrupted_one(
    folder: Path, student: Command, sampled: Command
) -> None:
    judged = ("--pairs.path", str(sampled.run / "judged.jsonl"))
    whole, killed = (asked("dpo", DPO, student, folder / name, *judged) for name in ("dpo", "killed-dpo"))
    whole()
    killed.stop_when(lambda: killed.step() >= 13)
    assert "going on after step" in killed("--resume")
    metrics = without_times(whole.rows("metrics.jsonl"))
    assert without_times(killed.rows("metrics.jsonl")) == metrics
    assert [row["step"] for row in metrics] == list(range(1, 41))
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (killed.run, whole.run)]
    assert weights[0] == weights[1]
    assert abs(metrics[0]["margin"]) < 1e-6  # the cached log-probs are those of the model it begins with
    summary = whole.value("summary.json")
    assert summary["metrics"]["margin"]["last"] > 0.1
    assert summary["metrics"]["accuracy"]["last"] > 0.6
    assert summary["pairs"]["pairs"] == len(whole.rows("pairs.jsonl"))
    for pair in whole.rows("pairs.jsonl"):
        assert pair["chosen_reward"] > pair["rejected_reward"]


def test_student_that_does_not_know_a_character_learns_nothing_of_it(folder: Path, sampled: Command) -> None:
    """Distillation into a model with another tokenizer."""
    config = f"""
    [model.fresh]
    hidden = 16
    intermediate = 32
    alphabet = "01234567+=-;. "
    [problems]
    path = "{sampled.run / "samples.jsonl"}"
    [sft]
    steps = 2
    """
    kept = sampled.rows("samples.jsonl")
    unread = sum(bool(set("89") & set(row["prompt"] + row["completion"])) for row in kept)
    student = Command("sft", config, folder / "other-alphabet")
    assert f"{unread} of {len(kept)} demonstrations are left out" in student()
    assert student.value("summary.json")["unknown"] == unread
    assert 0 < unread < len(kept)
    blind = Command("sft", config.replace("01234567", "a"), folder / "blind")
    assert f"none of {len(kept)} demonstrations fits the model" in blind(expected=1)


def test_rules_that_change_before_a_resume_end_the_run_and_nothing_is_mixed(
    folder: Path, student: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server asks for a key, too: without it the run does not begin, and is told how to name it."""
    monkeypatch.setenv("KEY_OF_THE_TEST", "nobody knows")
    keyed = ("--reward.profile", "mine", "--reward.api_key_env", "KEY_OF_THE_TEST")
    run = asked("sample", SAMPLE, student, folder / "rules", *keyed)
    for weight, resume in ((1.0, False), (0.5, True)):
        with running_server(folder / "log", **server_with_profile(folder, weight)) as (url, _):
            if not resume:
                told = asked("sample", SAMPLE, student, folder / "no-key", "--reward.url", url)(expected=1)
                assert "unauthorized (HTTP 401)" in told
                assert "reward.api_key_env" in told
            more = ("--resume", "--problems.limit", "20") if resume else ("--problems.limit", "8")
            told = run("--reward.url", url, *more, expected=int(resume))
    assert "two sets of rules do not belong in one file" in told
    assert len(run.rows("judged.jsonl")) == 8 * 4
    rules = run.value("progress.json")["state"]["profile_hash"]
    assert {row["provenance"]["profile_hash"] for row in run.rows("judged.jsonl")} == {rules}


def server_with_profile(folder: Path, weight: float) -> dict[str, str]:
    """The environment of a server that asks for a key and has the profile `mine`."""
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    (profiles / "mine.toml").write_text(f"""
    description = "a right answer in the right form"
    checks = [{{ check = "math" }}, {{ check = "format", weight = {weight} }}]
    """)
    return {"REWARD_SERVER_PROFILES_DIR": str(profiles), "REWARD_SERVER_API_KEY": "nobody knows"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_a_server_is_waited_for_ends_at_once(
    folder: Path, student: Command, number: signal.Signals
) -> None:
    alone = asked("sample", SAMPLE, student, folder / f"waiting-{number}", "--reward.url", "http://127.0.0.1:9")
    before = signal.getsignal(number)

    def send() -> None:
        wait_until(lambda: signal.getsignal(number) != before)
        time.sleep(1.0)
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    sender = threading.Thread(target=send)
    sender.start()
    started = time.monotonic()
    assert "go on later with --resume" in alone("--reward.max_wait_seconds", "100", expected=130)
    assert time.monotonic() - started < 60
    sender.join()
    assert not alone.value("summary.json")["complete"]


def test_server_that_is_not_there_gives_no_rewards(folder: Path, student: Command) -> None:
    alone = asked("sample", SAMPLE, student, folder / "alone", "--reward.url", "http://127.0.0.1:9")
    told = alone("--reward.max_wait_seconds", "0.2", expected=1)
    assert "gives no score" in told
    assert alone.rows("samples.jsonl") == alone.rows("judged.jsonl") == []
