"""Programs per second and latency of the sandbox: hello world from 1 to 32 callers at a time.

    make bench-sandbox

Runs in the level that this host gives and prints it with every line. Every result is checked.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from sandbox import Limits, Program, Sandbox

RUNS = 400
HELLO = Program("print('hello')")


def measure(sandbox: Sandbox, callers: int) -> dict[str, object]:
    def one(_: int) -> float:
        started = time.perf_counter()
        result = sandbox.run(HELLO, Limits())
        assert result.stdout == b"hello\n", result
        return 1e3 * (time.perf_counter() - started)

    with ThreadPoolExecutor(callers) as threads:
        started = time.perf_counter()
        latencies = sorted(threads.map(one, range(RUNS)))
        seconds = time.perf_counter() - started
    return {
        "callers": callers,
        "runs_per_second": round(RUNS / seconds, 1),
        "p50_ms": round(statistics.median(latencies), 1),
        "p95_ms": round(latencies[int(0.95 * RUNS)], 1),
        "load1": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    started = time.perf_counter()
    with Sandbox() as sandbox:
        level = sandbox.report.level.value if sandbox.report else "none"
        print(json.dumps({"bench": "sandbox", "level": level, "open_seconds": round(time.perf_counter() - started, 2)}))
        for callers in (1, 2, 8, 32):
            print(json.dumps({"bench": "sandbox", "level": level, **measure(sandbox, callers)}), flush=True)
