"""`make demo`: a reward server of its own, a small model made on the spot, and RL on a small verifiable task.

Starts the server on a free port, runs `trainer-client train configs/addition.toml` against it, stops the server, and
leaves with the trainer's last words: accuracy before and after, the run, the picture. Options go to the trainer.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "configs" / "addition.toml"
READY_SECONDS = 60


def main() -> int:
    started = time.monotonic()
    run = Path("runs") / time.strftime("demo-%Y%m%d-%H%M%S")
    with reward_server(ROOT / "runs" / "demo-server.log") as url:
        print(f"reward server: {url}, log in runs/demo-server.log", flush=True)
        command = [sys.executable, "-m", "trainer_client", "train", str(CONFIG), "--reward.url", url]
        trainer = subprocess.run([*command, "--run.dir", str(run), *sys.argv[1:]], cwd=ROOT)  # noqa: S603
    print(f"reward server stopped; {time.monotonic() - started:.0f} s in all")
    return trainer.returncode


@contextmanager
def reward_server(log: Path) -> Iterator[str]:
    """The URL of a server that is ready, ended on leaving."""
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as stderr:
        command = [sys.executable, "-m", "reward_server", "serve", "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)  # noqa: S603
    try:
        yield _ready_url(server, log)
    finally:
        server.terminate()
        server.wait(timeout=30)


def _ready_url(server: subprocess.Popen[str], log: Path) -> str:
    line = server.stdout.readline() if server.stdout else ""
    url = line.rpartition(" ")[2].strip()
    deadline = time.monotonic() + READY_SECONDS
    while url and time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == httpx.codes.OK:
                return url
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit(f"the reward server did not start within {READY_SECONDS} s; see {log}")


if __name__ == "__main__":
    sys.exit(main())
