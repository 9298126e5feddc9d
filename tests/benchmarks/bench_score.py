"""Requests and items per second of a running reward server, for batches of 256 real GSM8K completions.

    make bench-score                     uses ../shared/data/completions/tora70b_gsm8k.jsonl

Starts a server of its own on a free port, sends the same work over 1 and over 4 connections, and prints one JSON line
for each. Every answer is compared with the first one for the same batch.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.server_process import running_server  # noqa: E402

SOURCE = ROOT.parent / "shared" / "data" / "completions" / "tora70b_gsm8k.jsonl"
BATCH = 256
ROUNDS = 20


def batches() -> list[dict[str, object]]:
    rows = [json.loads(line) for line in SOURCE.open()]
    items = [{"id": str(r["idx"]), "completion": r["code"][0], "ground_truth": r["gt"]} for r in rows]
    whole = range(0, len(items) - BATCH + 1, BATCH)
    return [{"profile": "gsm8k", "items": items[start : start + BATCH]} for start in whole]


def measure(url: str, connections: int) -> dict[str, object]:
    work = [batches()[n % 5] for n in range(ROUNDS)]
    with httpx.Client(base_url=url, timeout=60) as client, ThreadPoolExecutor(connections) as threads:

        def send(body: dict[str, object]) -> tuple[float, float]:
            started = time.perf_counter()
            summary = client.post("/v1/score", json=body).raise_for_status().json()["summary"]
            assert summary["ok"] == BATCH, summary
            return time.perf_counter() - started, summary["mean_reward"]

        started = time.perf_counter()
        answers = list(threads.map(send, work))
        seconds = time.perf_counter() - started
    assert all(answers[n][1] == answers[n % 5][1] for n in range(ROUNDS)), "the same batch got different rewards"
    latencies = sorted(latency for latency, _ in answers)
    return {
        "connections": connections,
        "requests_per_second": round(ROUNDS / seconds, 2),
        "items_per_second": round(ROUNDS * BATCH / seconds),
        "p50_ms": round(1e3 * statistics.median(latencies), 1),
        "max_ms": round(1e3 * latencies[-1], 1),
        "load1": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "log") as (server, _):
        measure(server, 1)  # warm-up: imports and parsed golds
        for count in (1, 4):
            print(json.dumps({"bench": "score", "batch": BATCH, **measure(server, count)}), flush=True)
