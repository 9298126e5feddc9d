"""A small endpoint that speaks as vLLM does to those who ask a judge, and misbehaves on demand."""

from __future__ import annotations

import json
import re
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_GRADE = re.compile(r"GRADE (-?[0-9.]+)")


@dataclass(frozen=True)
class Act:
    """What is done instead of answering right. `body` None: the right answer; `sent_bytes`: then it hangs up."""

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    wait_seconds: float = 0.0
    sent_bytes: int | None = None


@dataclass(frozen=True)
class Asked:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class JudgeStandIn:
    """Gives the grade that stands in a text as `GRADE 7`. `acts` come first, one a request, then `always`."""

    def __init__(self) -> None:
        self.acts: deque[Act] = deque()
        self.always = Act()
        self.asked: list[Asked] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.left = 0  # clients that hung up while they were kept waiting
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, asked: Asked) -> Act:
        with self._lock:
            self.asked.append(asked)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            return self.acts.popleft() if self.acts else self.always

    def done(self, *, left: bool) -> None:
        with self._lock:
            self.in_flight -= 1
            self.left += left

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def running_judge() -> Iterator[JudgeStandIn]:
    judge = JudgeStandIn()
    thread = threading.Thread(target=judge.serve)
    thread.start()
    try:
        yield judge
    finally:
        judge.close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up whenever they like."""


def _handler_of(judge: JudgeStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            act = judge.take(asked)
            left = _has_left(self.connection, act.wait_seconds)
            judge.done(left=left)
            if left:
                self.close_connection = True
                return
            content = right_answer(asked) if act.body is None else act.body
            with suppress(OSError):
                self._answer(act, content)

        def _answer(self, act: Act, content: bytes) -> None:
            self.send_response(act.status)
            for name, value in {"Content-Type": "application/json", **act.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: act.sent_bytes])
            if act.sent_bytes is not None:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def _has_left(connection: socket.socket, seconds: float) -> bool:
    """Wait so long, or until the client hangs up."""
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        if select.select([connection], [], [], left)[0]:
            return connection.recv(1, socket.MSG_PEEK) == b""
    return False


def right_answer(asked: Asked) -> bytes:
    grade = float(_GRADE.findall(asked.body["messages"][-1]["content"])[-1])
    if asked.path == "/pooling":
        return pooling([grade])
    return chat(json.dumps({"reason": "as it says", "score": grade}))


def chat(content: Any, finish_reason: str = "stop") -> bytes:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion", "model": "stand-in", "choices": [choice], "usage": {}}).encode()


def pooling(data: Any) -> bytes:
    result = {"index": 0, "object": "pooling", "data": data}
    return json.dumps({"object": "list", "model": "stand-in", "data": [result], "usage": {}}).encode()
