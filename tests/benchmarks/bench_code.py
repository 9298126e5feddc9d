"""Programs per second over HTTP: hello world for 1 to 64 clients, and problems with ten tests; every answer is checked.

    make bench-sandbox
    .venv/bin/python -m tests.benchmarks.bench_code [--url URL] [--level base uid best] [--seconds 10] [--workers N]

Without --url a server is started for each level (`base`: as an ordinary user, which takes root): embedded, or with
--workers N code workers of one slot each in front of it. The load comes from one process with connections kept open and
as little work of its own as it can, on the same machine. `c++`: one client, a source with bits/stdc++.h and ten tests,
each time another source (cold), then each of them again (cached); the precompiled header is there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.observer import proportional_bytes, tree
from tests.acceptance.servers import ORDINARY_USER, bare
from tests.server_process import running_server

Check = Callable[[dict[str, Any], int], bool]
Body = Callable[[int], dict[str, Any]]


def hello(n: int) -> dict[str, Any]:
    return {"id": str(n), "source": f"print('hello', {n})"}


def said_hello(answer: dict[str, Any], n: int) -> bool:
    return answer["id"] == str(n) and answer["verdict"] == "accepted" and answer["stdout"] == f"hello {n}\n"


def ten_tests(n: int) -> dict[str, Any]:
    """Every fourth program is wrong in the last test."""
    source = f"a, b = map(int, input().split())\nprint(a + b if a < 9 or {n % 4} else -1)"
    tests = [{"type": "stdin", "stdin": f"{a} {n}\n", "stdout": f"{a + n}\n"} for a in range(10)]
    return {"id": str(n), "source": source, "tests": tests}


def judged_right(answer: dict[str, Any], n: int) -> bool:
    wanted = ("accepted", 10) if n % 4 else ("wrong_answer", 9)
    return answer["id"] == str(n) and (answer["verdict"], answer["passed"]) == wanted


def c_plus_plus(n: int) -> dict[str, Any]:
    source = (
        "#include <bits/stdc++.h>\nusing namespace std;\nint main(){int n;cin>>n;vector<int> v(n);map<int,int> seen;"
        f"for(auto&x:v){{cin>>x;seen[x]++;}}sort(v.begin(),v.end());cout<<v[0]<<' '<<seen.size()+{n}<<endl;}}"
    )
    tests = [
        {"type": "stdin", "stdin": f"3\n{a} 7 {a + 1}\n", "stdout": f"{min(a, 7)} {len({a, 7, a + 1}) + n}\n"}
        for a in range(10)
    ]
    return {"id": str(n), "language": "cpp", "source": source, "tests": tests, "limits": {"compile_s": 30}}


WORKLOADS: dict[str, tuple[str, Body, Check]] = {
    "hello": ("/v1/code/run", hello, said_hello),
    "ten tests": ("/v1/code/judge", ten_tests, judged_right),
}


class Client:
    """One connection that is kept open."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port

    async def __aenter__(self) -> Client:
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        content = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in answer.lower().split("\r\n") if line.startswith("content-length:"))
        text = await self._reader.readexactly(length)
        if " 200 " not in answer.splitlines()[0]:
            raise RuntimeError(f"{answer.splitlines()[0]}: {text[:300]!r}")
        return dict(json.loads(text))


async def load(url: str, workload: str, clients: int, seconds: float) -> dict[str, Any]:
    path, body, right = WORKLOADS[workload]
    host, _, port = url.removeprefix("http://").partition(":")
    numbers = iter(range(10**9))
    latencies: list[float] = []
    wrong: list[dict[str, Any]] = []
    ends_at = time.perf_counter() + seconds

    async def one_client() -> None:
        async with Client(host, int(port)) as client:
            while time.perf_counter() < ends_at:
                n = next(numbers)
                started = time.perf_counter()
                answer = await client.post(path, body(n))
                latencies.append(1e3 * (time.perf_counter() - started))
                if not right(answer, n):
                    wrong.append(answer)

    started = time.perf_counter()
    await asyncio.gather(*(one_client() for _ in range(clients)))
    elapsed = time.perf_counter() - started
    latencies.sort()
    if wrong:
        raise SystemExit(f"{len(wrong)} of {len(latencies)} answers are wrong, the first: {wrong[0]}")
    return {
        "bench": "code",
        "workload": workload,
        "clients": clients,
        "requests": len(latencies),
        "per_second": round(len(latencies) / elapsed, 1),
        "p50_ms": round(statistics.median(latencies), 1),
        "p95_ms": round(latencies[int(0.95 * len(latencies))], 1),
        "p99_ms": round(latencies[int(0.99 * len(latencies))], 1),
        "load1": round(os.getloadavg()[0], 2),
    }


async def compile_twice(url: str, programs: int) -> list[dict[str, Any]]:
    """Milliseconds of a submission that has to be compiled, and of the same once more."""
    host, _, port = url.removeprefix("http://").partition(":")
    measured = []
    first = time.time_ns() % 10**9  # no run finds what an earlier one has compiled
    async with Client(host, int(port)) as client:
        await client.post("/v1/code/judge", c_plus_plus(first - 1))
        for workload in ("c++ cold", "c++ cached"):
            latencies = []
            for n in range(first, first + programs):
                started = time.perf_counter()
                answer = await client.post("/v1/code/judge", c_plus_plus(n))
                latencies.append(1e3 * (time.perf_counter() - started))
                if (answer["verdict"], answer["compile"]["cached"]) != ("accepted", workload == "c++ cached"):
                    raise SystemExit(f"{workload}: {answer}")
            figures = {"median_ms": round(statistics.median(latencies), 1), "max_ms": round(max(latencies), 1)}
            measured.append({"bench": "code", "workload": workload, "clients": 1, "requests": programs, **figures})
    return measured


def idle_worker() -> dict[str, Any]:
    """Memory of a code worker with two warm slots, languages not yet tried and tried."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"REWARD_SERVER_SANDBOX_SLOTS": "2", "REWARD_SERVER_SANDBOX_TRY_LANGUAGES": "false"}
        with running_server(Path(folder) / "worker", "--role", "code-worker", **environment) as (_, process):
            pids = tree(process.pid)
            mebibytes = sum(map(proportional_bytes, pids)) / 2**20
    return {"bench": "idle code worker", "slots": 2, "processes": len(pids), "pss_mb": round(mebibytes, 1)}


@contextmanager
def at_level(level: str) -> Iterator[str]:
    """An embedded server: `best` as this user, `uid` as root without namespaces, `base` without any privilege."""
    weaker = {"REWARD_SERVER_SANDBOX_NAMESPACES": "false", "REWARD_SERVER_SANDBOX_CGROUP": "false"}
    user = ORDINARY_USER if level == "base" else None
    environment = {} if level == "best" else weaker
    with tempfile.TemporaryDirectory() as folder, bare(Path(folder) / "server", user, **environment) as server:
        yield server.url


@contextmanager
def servers(workers: int) -> Iterator[str]:
    """The URL of a server of our own, with so many code workers of one slot each; 0: embedded."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = []
        for n in range(workers):
            # Each has users of its own for its programs: they share one kernel.
            slots = {"REWARD_SERVER_SANDBOX_SLOTS": "1", "REWARD_SERVER_SANDBOX_BASE_UID": str(60_000 + 10 * n)}
            running = running_server(folder / f"worker-{n}", "--role", "code-worker", **slots)
            urls.append(stack.enter_context(running)[0])
        environment = {"REWARD_SERVER_CODE_WORKERS": ",".join(urls)} if urls else {}
        yield stack.enter_context(running_server(folder / "server", **environment))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a server that runs already")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 64])
    parser.add_argument("--level", choices=("base", "uid", "best"), nargs="+", default=["best"])
    parser.add_argument("--workload", choices=[*WORKLOADS, "c++", "idle"], action="append")
    arguments = parser.parse_args()
    workloads = arguments.workload or [*WORKLOADS, "c++", "idle"]
    for level in arguments.level:
        _measure(arguments, level, workloads)
    if "idle" in workloads:
        print(json.dumps(idle_worker()), flush=True)


def _measure(arguments: argparse.Namespace, level: str, workloads: list[str]) -> None:
    with ExitStack() as stack:
        own = servers(arguments.workers) if arguments.workers else at_level(level)
        url = arguments.url or stack.enter_context(own)
        sandbox = httpx.get(f"{url}/readyz", timeout=30).raise_for_status().json()["sandbox"]
        place = {"level": sandbox["level"], "slots": sandbox["slots"], "workers": len(sandbox.get("workers", []))}
        for workload in (name for name in workloads if name in WORKLOADS):
            for clients in arguments.clients:
                measured = asyncio.run(load(url, workload, clients, arguments.seconds))
                print(json.dumps({**measured, **place}), flush=True)
        if "c++" in workloads:
            for measured in asyncio.run(compile_twice(url, programs=5)):
                print(json.dumps({**measured, **place}), flush=True)


if __name__ == "__main__":
    main()
