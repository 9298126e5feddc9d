"""Settings → application → uvicorn, in one process or in several that share the listening socket."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from uvicorn.supervisors import Multiprocess

from reward_server.drain import Drain
from reward_server.errors import ConfigError
from reward_server.executors.worker import end_with_parent
from reward_server.settings import Settings
from reward_server.telemetry import configure_logging

KEEP_ALIVE_SECONDS = 75  # longer than clients keep a connection unused, so that it is they who close it


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are answered first. Raises ConfigError."""
    settings.refuse_open_door()
    if settings.role == "server":
        _require_profiles(settings)
    configure_logging()
    listening = _listen(settings)
    drain = Drain()
    factory = _code_worker if settings.role == "code-worker" else _reward_server
    config = uvicorn.Config(
        partial(_application, factory, settings.share_of_a_worker(), drain),
        factory=True,
        interface="asgi3",
        workers=settings.workers,
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.drain_seconds),
    )
    print(f"reward-server listens on http://{settings.host}:{listening.getsockname()[1]}", flush=True)
    signal.signal(signal.SIGTERM, _end)
    if settings.workers == 1:
        DrainingServer(config, drain, settings.drain_notice_seconds).run(sockets=[listening])
    else:
        Multiprocess(config, sockets=[listening]).run()


def _require_profiles(settings: Settings) -> None:
    """What is wrong with them is said once, and not by each process."""
    from reward_server.profiles import Profiles  # loads all checks, which a code worker does without

    Profiles.load(settings.profiles_dir)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Uvicorn raises the signal again when it has stopped. To die of it would leave temporary folders behind."""
    raise SystemExit(0)


class DrainingServer(uvicorn.Server):
    """On the first signal it says that it is not ready, goes on for the time of the notice, and then drains."""

    def __init__(self, config: uvicorn.Config, drain: Drain, notice_seconds: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._notice_seconds = notice_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        first, self._drain.begun = not self._drain.begun, True
        if first and self._notice_seconds > 0 and sig == signal.SIGTERM and self.started:
            asyncio.get_running_loop().call_later(self._notice_seconds, super().handle_exit, sig, frame)
        else:
            super().handle_exit(sig, frame)


# The two applications are imported where they are made: a code worker is small because it never loads the other.


def _reward_server(settings: Settings, drain: Drain) -> Any:
    from reward_server.app import create_app

    return create_app(settings, drain)


def _code_worker(settings: Settings, drain: Drain) -> Any:
    from reward_server.code_worker import CodeWorkerApp

    return CodeWorkerApp(settings, drain)


def _application(factory: Callable[[Settings, Drain], Any], settings: Settings, drain: Drain) -> Any:
    """Called in each of the processes that answer requests."""
    if multiprocessing.parent_process() is not None:
        end_with_parent(signal.SIGTERM)
        configure_logging()
    return factory(settings, drain)


def _listen(settings: Settings) -> socket.socket:
    """Bound before anything heavy starts, so that a taken port is said at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise ConfigError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    listening.set_inheritable(False)
    return listening
