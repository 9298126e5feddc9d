"""A small real HTTP server that speaks the wire format of the reward server and can be told to misbehave.

    python stand_in_server.py PORT

It scores like the profile r1-zero-math, by string comparison. `POST /faults ["503", "hang:2", ...]` sets what happens
to the next score requests, one each; `POST /limit BYTES` refuses larger bodies; `GET /requests` tells what came. For
tests only.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FORMAT = re.compile(r"<think>[^<]+</think>\s*<answer>([^<]*)</answer>")
LOCK = threading.Lock()
FAULTS: list[str] = []
REQUESTS: list[dict[str, Any]] = []
LIMIT: list[int] = []


def score(index: int, item: dict[str, Any]) -> dict[str, Any]:
    found = FORMAT.fullmatch(item["completion"])
    right = float(found is not None and found.group(1).strip() == str(item["ground_truth"]))
    form = float(found is not None)
    return {
        "index": index,
        "id": item.get("id"),
        "status": "ok",
        "reward": right + 0.2 * form,
        "flags": [] if found else ["no_answer"],
        "error": None,
        "components": {
            "math": {"value": right, "weight": 1.0, "status": "ok", "detail": {}},
            "format": {"value": form, "weight": 0.2, "status": "ok", "detail": {}},
        },
    }


def failed(result: dict[str, Any], status: str, code: str, fault: str, retryable: bool) -> dict[str, Any]:
    components = {
        name: {**component, "value": None, "status": status} for name, component in result["components"].items()
    }
    error = {"code": code, "message": "made to fail", "fault": fault, "retryable": retryable}
    return {**result, "status": status, "reward": None, "error": error, "components": components}


def answer(items: list[dict[str, Any]]) -> dict[str, Any]:
    results = [score(index, item) for index, item in enumerate(items)]
    return {
        "request_id": "r",
        "version": "stand-in",
        "profile": "r1-zero-math",
        "profile_hash": "sha256:0",
        "results": results,
        "summary": {"ok": len(items), "skipped": 0, "error": 0, "mean_reward": None},
    }


def spoil(body: dict[str, Any], fault: str) -> dict[str, Any]:
    """A faulty answer of status 200."""
    results = body["results"]
    if fault == "short":
        results.pop()
    elif fault == "swap":
        results.reverse()
    elif fault == "foreign-id":
        results[0]["id"] = "somebody else"
    elif fault == "nan":
        results[0]["reward"] = float("nan")
    elif fault == "nan-component":
        results[0]["components"]["math"]["value"] = float("nan")
    elif fault == "infinite-step":
        results[0]["step_rewards"] = [{"component": "steps", "start": 0, "end": 1, "value": float("inf")}]
    elif fault == "other-rules":
        body["profile_hash"] = "sha256:1"
    elif fault == "no-results":
        del body["results"]
    elif fault == "item-error":
        results[0] = failed(results[0], "error", "worker_lost", "server", retryable=True)
    elif fault == "item-error-for-good":
        results[0] = failed(results[0], "error", "internal", "server", retryable=False)
    elif fault == "item-skipped":
        results[0] = failed(results[0], "skipped", "gold_invalid", "data", retryable=False)
    return body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def problem(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        body = {"type": "about:blank", "title": "made to fail", "status": status, "detail": "told so", "code": code}
        self.send(status, body, headers)

    def do_GET(self) -> None:
        with LOCK:
            self.send(200, {"/requests": REQUESTS}.get(self.path, {"status": "ready"}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/faults":
            with LOCK:
                FAULTS[:] = body
            self.send(200, {})
            return
        if self.path == "/limit":
            LIMIT[:] = [body]
            self.send(200, {})
            return
        if LIMIT and int(self.headers["Content-Length"]) > LIMIT[0]:
            self.problem(413, "body_too_large")
            return
        with LOCK:
            fault = FAULTS.pop(0) if FAULTS else ""
            REQUESTS.append(
                {
                    "time": time.monotonic(),
                    "key": self.headers.get("Idempotency-Key"),
                    "authorization": self.headers.get("Authorization"),
                    "ids": [item.get("id") for item in body["items"]],
                    "groups": [item.get("group_id") for item in body["items"]],
                    "options": body["options"],
                    "profile": body["profile"],
                    "fault": fault,
                }
            )
        self.misbehave(fault, body["items"])

    def misbehave(self, fault: str, items: list[dict[str, Any]]) -> None:
        kind, _, argument = fault.partition(":")
        if kind == "die":
            os._exit(0)
        elif kind == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif kind == "hang":
            time.sleep(float(argument))
            self.send(200, answer(items))
        elif kind == "trickle":
            self.trickle(float(argument))
        elif kind == "503":
            self.problem(503, "unavailable", {"Retry-After": argument} if argument else None)
        elif kind == "429":
            self.problem(429, "overloaded", {"Retry-After": argument or "0"})
        elif kind in ("504", "520"):
            self.send(int(kind), b"<html>\n<h1>gateway</h1>\n</html>")
        elif kind == "404":
            self.problem(404, "unknown_profile")
        elif kind == "401":
            self.problem(401, "unauthorized")
        elif kind == "garbage":
            self.send(200, b"not json")
        else:
            self.send(200, spoil(answer(items), kind))

    def trickle(self, seconds: float) -> None:
        """A byte now and then, for ever: every single read succeeds."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.05)
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: Any) -> None:
        """Clients that go away are part of the tests."""


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
