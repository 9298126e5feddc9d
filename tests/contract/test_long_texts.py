"""Completions of a megabyte: judged as short ones are, and nobody else waits for them."""

from __future__ import annotations

import threading
import time

import httpx

LONG = "<think>" + "Two and two make four. " * 40_000 + "</think><answer>4</answer>"
CHECKS = [{"check": "format"}, {"check": "exact"}]


def test_long_texts_get_the_values_of_short_ones_and_others_are_served_meanwhile(server_url: str) -> None:
    items = [{"id": str(n), "completion": LONG + "!" * (n % 2), "ground_truth": "4"} for n in range(24)]
    answers: list[httpx.Response] = []
    body = {"checks": CHECKS, "items": items}
    sending = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{server_url}/v1/score", json=body, timeout=90))
    )
    sending.start()
    slowest = 0.0
    while sending.is_alive():
        started = time.monotonic()
        assert httpx.get(f"{server_url}/healthz", timeout=30).is_success
        slowest = max(slowest, time.monotonic() - started)
        time.sleep(0.02)
    sending.join()
    values = [{k: c["value"] for k, c in r["components"].items()} for r in answers[0].json()["results"]]
    assert values == [{"format": float(n % 2 == 0), "exact": 1.0} for n in range(24)]
    assert slowest < 5
