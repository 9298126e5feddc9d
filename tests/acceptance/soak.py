"""Thousands of runs in a row, ordinary and hostile ones mixed, through one server: nothing may grow or be lost.

    make soak-code                 10,000 runs, every tenth hostile

Prints what the server's process tree holds after each tenth of them; fails where something grew or a verdict was wrong.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance import code_corpus
from tests.acceptance.code_corpus import Submission
from tests.acceptance.observer import Seen, observe
from tests.acceptance.servers import bare

CLIENTS = 8
PARTS = 10
HOSTILE_EVERY = 10
GROWTH_BYTES = 48 << 20  # over nine tenths of the runs; a page a run would be 36 MiB
TIGHT = {"cpu_s": 0.3, "wall_s": 1.0, "compile_s": 3.0}
_ADD = "a, b = map(int, open(0).read().split()); print(a + b)"
_C = '#include <stdio.h>\nint main(){long a,b;scanf("%ld %ld",&a,&b);printf("%ld\\n",a+b);}'


def ordinary() -> list[Submission]:
    stdin = {"type": "stdin", "stdin": "1 2\n", "stdout": "3\n"}
    call = {"type": "call", "entry": "add", "args": [1, 2], "expected": 3}
    asserted = {"type": "assert", "code": "assert add(1, 2) == 3"}
    add = "def add(a, b): return a + b"
    right, wrong = ("accepted",), ("wrong_answer",)
    return [
        Submission("script", {"source": _ADD, "tests": [stdin]}, right),
        Submission("wrong script", {"source": _ADD.replace("+", "-"), "tests": [stdin]}, wrong),
        Submission("call", {"source": add, "tests": [call]}, right),
        Submission("assert", {"source": add, "tests": [asserted]}, right),
        Submission("wrong assert", {"source": add.replace("+", "*"), "tests": [asserted]}, wrong),
        Submission("c", {"language": "c", "source": _C, "tests": [stdin]}, right),
        Submission("exception", {"source": "1 / 0", "tests": [stdin]}, ("runtime_error",)),
    ]


def hostile() -> list[Submission]:
    """With tight limits: a sleeper waits as long as it may. What it may then be is wider than the header says."""
    late = "time_limit_exceeded"
    return [
        Submission(
            one.name,
            {**one.body, "stop_on_failure": True, "limits": {**one.body["limits"], **TIGHT}},
            (*one.expect, late),
        )
        for one in code_corpus.hostile()
    ]


class Tally:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.verdicts: Counter[str] = Counter()
        self.wrong: list[str] = []

    def judge(self, client: httpx.Client, one: Submission) -> None:
        try:
            answer: dict[str, Any] = client.post("/v1/code/judge", json=one.body).json()
        except (httpx.HTTPError, ValueError) as error:
            answer = {"verdict": f"lost: {type(error).__name__}"}
        verdict = str(answer.get("verdict", answer.get("code")))
        with self.lock:
            self.verdicts[verdict] += 1
            if verdict not in one.expect:
                self.wrong.append(f"{one.name}: {verdict} {answer.get('error')}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--user", type=int, help="run the server as this user, without any privilege")
    options = parser.parse_args()
    log = Path(tempfile.mkstemp(suffix=".log")[1])
    tally, seen = Tally(), []
    with bare(log, options.user) as server, httpx.Client(base_url=server.url, timeout=120) as client:
        print(json.dumps({"level": server.sandbox().get("level"), "log": str(log)}), flush=True)
        available = {language["name"] for language in client.get("/v1/code/languages").json()}
        work = _mixed(options.runs, available)
        for part in range(PARTS):
            started = time.monotonic()
            with ThreadPoolExecutor(CLIENTS) as threads:
                list(threads.map(lambda one: tally.judge(client, one), itertools.islice(work, options.runs // PARTS)))
            time.sleep(1)  # supervisors end a moment after they have answered
            seen.append(observe(server.pid, server.folder))
            _show(part, seen[-1], time.monotonic() - started)
    print(json.dumps({"verdicts": dict(tally.verdicts), "wrong": tally.wrong[:50]}), flush=True)
    grown = _growth(seen)
    print(json.dumps({"grown": grown}))
    return 1 if grown or tally.wrong else 0


def _mixed(runs: int, available: set[str]) -> Any:
    chosen = random.Random(7)
    good, bad = ordinary(), hostile()
    fitting = [[one for one in some if one.body.get("language", "python") in available] for some in (good, bad)]
    return iter([chosen.choice(fitting[number % HOSTILE_EVERY == 0]) for number in range(runs)])


def _show(part: int, seen: Seen, seconds: float) -> None:
    figures = {
        "processes": seen.processes,
        "descriptors": seen.descriptors,
        "memory_mb": round(seen.memory_bytes / 2**20, 1),
        "files": len(seen.files),
    }
    print(json.dumps({"part": part + 1, **figures, "seconds": round(seconds, 1)}), flush=True)


def _growth(seen: list[Seen]) -> list[str]:
    """From the first tenth, after which caches are warm, to the last."""
    first, last = seen[0], seen[-1]
    grown = [f"file {name}" for name in sorted(last.files - first.files)]
    for name in ("processes", "descriptors"):
        if getattr(last, name) > getattr(first, name):
            grown.append(f"{name}: {getattr(first, name)} to {getattr(last, name)}")
    if last.memory_bytes > first.memory_bytes + GROWTH_BYTES:
        grown.append(f"memory: {first.memory_bytes >> 20} to {last.memory_bytes >> 20} MiB")
    return grown


if __name__ == "__main__":
    sys.exit(main())
