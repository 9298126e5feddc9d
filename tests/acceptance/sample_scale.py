"""Rejection sampling at scale, with SIGKILLs: `python -m tests.acceptance.sample_scale`, or `make acceptance-sample`.

The real `trainer-client sample` draws more than 200,000 completions of a tiny model, judged by a real server, is killed
at random moments and gone on with. No row may be lost or twice, each must be kept or left out by the rules and say
where it comes from, Parquet must hold what JSONL holds, and `sft` and `dpo` must read the file: all at constant memory.
It ends with an error at the first broken promise.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet

from tests.server_process import running_server
from tests.trainer_command import Command
from trainer_client.recipes.filtering import normalised
from trainer_client.recipes.rows import read_rows

PROBLEMS, SMALL_PROBLEMS, SAMPLES, PER_PROMPT = 9400, 400, 24, 4
KILLS = 4
TASK = f"addition = {{ terms = 2, max_number = 99, train_problems = {PROBLEMS}, held_out_problems = 40 }}"
STUDENT = f"""
seed = 3
[model.fresh]
hidden = 48
intermediate = 128
[problems]
split = "train"
{TASK}
[sft]
steps = 700
batch = 64
optim = {{ lr = 1e-2, warmup_steps = 10, decay = "cosine" }}
"""
SAMPLE = f"""
seed = 5
samples = {SAMPLES}
keep_all = true
[problems]
split = "train"
{TASK}
[keep]
components = {{ format = 1.0 }}
per_prompt = {PER_PROMPT}
[sampler]
max_new_tokens = 24
"""
SFT = """
[sft]
steps = 5
batch = 32
"""
DPO = """
[dpo]
steps = 5
[pairs]
per_prompt = 1
"""
PROVENANCE = {"model", "model_hash", "seed", "temperature", "max_new_tokens", "template", "chat", "system", "profile",
              "profile_hash", "server_version", "time"}  # fmt: skip
SLACK_BYTES = 64 << 20  # what the allocator and the libraries may add in a longer run
BYTES_A_ROW = 48  # where a row begins, and a hash, in several arrays


@dataclass(slots=True)
class Watched:
    """Resident bytes of one process over its life, with how far the run was."""

    status: int = 0
    seconds: float = 0.0
    told: str = ""
    memory: list[tuple[int, int]] = field(default_factory=list)

    def peak(self) -> int:
        """The most resident bytes that were seen."""
        return max(size for _, size in self.memory)

    def within(self, start: float, stop: float) -> int:
        """The most resident bytes in a part of the process's problems, 0..1."""
        first, last = self.memory[0][0], self.memory[-1][0]
        low, high = first + start * (last - first), first + stop * (last - first)
        return max(size for place, size in self.memory if low <= place <= high)


def watch(command: Command, process: subprocess.Popen[str], enough: Callable[[], bool] = lambda: False) -> Watched:
    """Look at the process until it ends; kill it when `enough` says so."""
    seen, started = Watched(), time.monotonic()
    reader = threading.Thread(target=lambda: setattr(seen, "told", process.stdout.read()))  # type: ignore[union-attr]
    reader.start()
    while process.poll() is None:
        size = _resident_bytes(process.pid)
        if size:
            seen.memory.append((command.position(), size))
        if enough():
            process.send_signal(signal.SIGKILL)
        time.sleep(0.05)
    reader.join()
    seen.status, seen.seconds = process.wait(), time.monotonic() - started
    return seen


def _resident_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS")), 0)


def drawn_in_pieces(command: Command, problems: int, seed: int) -> list[Watched]:
    """The run, killed KILLS times at random moments of its first half, then left alone."""
    moments = random.Random(seed)
    seen: list[Watched] = []
    for number in range(KILLS):
        place = moments.randrange(number * problems // (2 * KILLS), (number + 1) * problems // (2 * KILLS))
        delay = moments.random() * 0.5
        reached: list[float] = []

        def enough(place: int = place, delay: float = delay, reached: list[float] = reached) -> bool:
            if command.position() >= place and not reached:
                reached.append(time.monotonic())
            return bool(reached) and time.monotonic() - reached[0] >= delay

        seen.append(watch(command, command.start(*(["--resume"] if number else [])), enough))
        print(f"killed by SIGKILL at problem {command.position()} of {problems}", flush=True)
        assert seen[-1].status == -signal.SIGKILL, seen[-1].told
    seen.append(watch(command, command.start("--resume")))
    assert seen[-1].status == 0, seen[-1].told
    return seen


def check_rows(run: Path, problems: int) -> int:
    """Every promise about the rows, as a stream; returns how many were kept."""
    kept = (row for _, row in read_rows(run / "samples.jsonl"))
    judged = (row for _, row in read_rows(run / "judged.jsonl"))
    seen: set[str] = set()
    count = 0
    for prompt, group in groupby(judged, key=lambda row: str(row["prompt"])):
        rows = list(group)
        assert prompt not in seen, f"{prompt} comes twice"
        seen.add(prompt)
        assert [row["sample_index"] for row in rows] == list(range(SAMPLES))
        good = [row for row in rows if row["dropped"] is None]
        for row in good:
            _check_good(row)
            assert next(kept) == {key: value for key, value in row.items() if key != "dropped"}
        texts = {normalised(row["completion"]) for row in rows if _is_good(row)}
        assert len(good) == len({normalised(row["completion"]) for row in good}) == min(len(texts), PER_PROMPT)
        count += len(good)
    assert len(seen) == problems
    assert next(kept, None) is None
    return count


def _is_good(row: dict[str, Any]) -> bool:
    return row["reward"] is not None and row["reward"] >= 1.0 and row["components"]["format"] == 1.0 and (
        not row["truncated"] and not row["flags"]
    )  # fmt: skip


def _check_good(row: dict[str, Any]) -> None:
    assert _is_good(row), row
    assert sum(map(int, row["prompt"].rstrip("=").split("+"))) == int(row["ground_truth"])
    assert f"<answer>{row['ground_truth']}</answer>" in row["completion"], row
    assert row["provenance"].keys() == PROVENANCE
    assert all(row["provenance"][name] is not None for name in PROVENANCE - {"system"}), row


def check_parquet(run: Path, kept: int) -> None:
    """The table holds what the lines hold."""
    table = pyarrow.parquet.ParquetFile(run / "samples.parquet")
    assert table.metadata.num_rows == kept
    cells = (row for batch in table.iter_batches(1000) for row in batch.to_pylist())
    for (_, line), cell in zip(read_rows(run / "samples.jsonl"), cells, strict=True):
        for name in ("components", "flags", "provenance"):
            cell[name] = json.loads(cell[name])
        assert line == cell


def timeless(run: Path, name: str) -> Iterator[str]:
    """The rows without the time in their provenance."""
    for _, row in read_rows(run / name):
        row["provenance"].pop("time")
        yield json.dumps(row, sort_keys=True)


def equal_files(one: Path, other: Path, name: str) -> bool:
    """Whether both runs hold the same rows in the same order."""
    pairs = zip(timeless(one, name), timeless(other, name), strict=True)
    return all(left == right for left, right in pairs)


def small_runs(folder: Path, model: str, url: str, seed: int) -> Path:
    """An uninterrupted run and one in pieces: the same rows."""
    options = ("--model.path", model, "--reward.url", url, "--problems.limit", str(SMALL_PROBLEMS))
    whole = Command("sample", SAMPLE, folder / "small-whole", *options)
    assert watch(whole, whole.start()).status == 0
    pieces = Command("sample", SAMPLE, folder / "small-pieces", *options)
    drawn_in_pieces(pieces, SMALL_PROBLEMS, seed)
    for name in ("samples.jsonl", "judged.jsonl"):
        assert equal_files(whole.run, pieces.run, name), f"{name} differs from that of an uninterrupted run"
    print(f"{SMALL_PROBLEMS * SAMPLES} rows: killed {KILLS} times and uninterrupted are the same", flush=True)
    return whole.run


def large_run(folder: Path, model: str, url: str, seed: int) -> Path:
    """All problems, in pieces; prints speed and memory."""
    command = Command("sample", SAMPLE, folder / "large", "--model.path", model, "--reward.url", url)
    seen = drawn_in_pieces(command, PROBLEMS, seed)
    size = sum(path.stat().st_size for path in command.run.glob("*.jsonl"))
    kept = check_rows(command.run, PROBLEMS)
    check_parquet(command.run, kept)
    summary = command.value("summary.json")
    assert (summary["complete"], summary["drawn"], summary["kept"]) == (True, PROBLEMS * SAMPLES, kept)
    last = seen[-1]
    early, late = last.within(0.2, 0.4), last.within(0.8, 1.0)
    rows, seconds = PROBLEMS * SAMPLES, sum(one.seconds for one in seen)
    print(f"{rows} rows judged, {kept} kept, {size >> 20} MiB of JSONL, {KILLS} SIGKILLs: none lost, none twice")
    print(f"{rows / summary['seconds']:.0f} rows/s while drawing; {seconds:.0f} s in all, with {KILLS + 1} starts")
    print(f"sample, resident: {early >> 20} MiB in the last process at first, {late >> 20} MiB at its end "
          f"with Parquet, peak of all {max(one.peak() for one in seen) >> 20} MiB", flush=True)  # fmt: skip
    assert late <= early + SLACK_BYTES
    return command.run


def readers(folder: Path, model: str, small: Path, large: Path) -> None:
    """`sft` and `dpo` on the small and on the large file."""
    for name, config, option in (("sft", SFT, "--problems.path"), ("dpo", DPO, "--pairs.path")):
        peaks = []
        for source in (small, large):
            command = Command(name, config, folder / f"{name}-{source.name}", "--model.path", model)
            seen = watch(command, command.start(option, str(source / "judged.jsonl")))
            assert seen.status == 0, seen.told
            peaks.append(seen.peak())
            rows = sum(1 for _ in (source / "judged.jsonl").open("rb"))
            print(f"{name}, {rows} rows: peak {seen.peak() >> 20} MiB resident, {seen.seconds:.0f} s", flush=True)
        assert peaks[1] <= peaks[0] + SLACK_BYTES + BYTES_A_ROW * PROBLEMS * SAMPLES


def main() -> None:
    """Do all of it in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the moments of the kills")
    seed = parser.parse_args().seed
    print(f"--seed {seed}")
    with tempfile.TemporaryDirectory(prefix="sample-scale-") as name:
        folder = Path(name)
        with running_server(folder / "server.log") as (url, _):
            student = Command("sft", STUDENT, folder / "student")
            assert watch(student, student.start()).status == 0
            model = str(student.run / "model")
            small = small_runs(folder, model, url, seed)
            large = large_run(folder, model, url, seed)
        readers(folder, model, small, large)


if __name__ == "__main__":
    main()
