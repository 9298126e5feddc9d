"""Programs run by code workers, each a process without keys and without a way out, reached over an internal network.

Workers are looked at every few seconds, by every address of every name, so that they may come, go and be scaled. A run
goes to the least loaded one. Runs are pure: one whose worker died is run again on another. A worker that failed gets no
runs until it has answered a look again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from reward_server.errors import ConfigError, InvalidProgram, SandboxUnavailable
from reward_server.executors.link import LinkLost, LinkRefused
from reward_server.executors.turns import Turns
from reward_server.executors.worker_client import Address, CodeWorker, WorkerBusy
from reward_server.programs import Run, RunResult
from reward_server.settings import Settings

log = logging.getLogger(__name__)

ATTEMPTS: Final = 4
BUSY_PAUSE_SECONDS: Final = 0.5
TRIAL_PAUSE_SECONDS: Final = 0.25
GONE_LOOKS: Final = 5  # a worker whose address is no longer known is forgotten after so many failed looks


class RemotePrograms:
    def __init__(self, settings: Settings, turns: Turns) -> None:
        self._settings = settings
        self._turns = turns
        self._names = [_host_and_port(url) for url in settings.code_workers]
        self._workers: dict[Address, CodeWorker] = {}
        self._unresolved: dict[str, str] = {}  # name → why
        self._changed = asyncio.Event()  # a worker came back
        self._look_now = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, settings: Settings, turns: Turns) -> RemotePrograms:
        """Looks once; workers that are not there yet are found later. Raises ConfigError."""
        programs = cls(settings, turns)
        await programs._look()
        programs._looking = asyncio.create_task(programs._look_forever())
        return programs

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        for worker in self._workers.values():
            worker.close()

    def refusal(self) -> str | None:
        """Only where every worker says that it will never run programs."""
        refusals = [worker.refusal for worker in self._workers.values()]
        if self._up() or not refusals or not all(refusals):
            return None
        return "; ".join(sorted({str(text) for text in refusals}))

    def outage(self) -> str | None:
        if self._up():
            return None
        reasons = [f"{worker.name}: {worker.fault}" for worker in self._workers.values()]
        reasons += [f"{name}: {why}" for name, why in self._unresolved.items()]
        return f"no code worker can be used ({'; '.join(reasons)})"

    def known_languages(self) -> list[dict[str, Any]] | None:
        """Those of any worker, as the first that has it describes it."""
        found: dict[str, dict[str, Any]] = {}
        for worker in self._up():
            if worker.languages is None:
                return None
            for language in worker.languages:
                found.setdefault(language["name"], language)
        return [found[name] for name in sorted(found)]

    async def languages(self) -> list[dict[str, Any]]:
        while (known := self.known_languages()) is None:
            self._look_now.set()
            await asyncio.sleep(TRIAL_PAUSE_SECONDS)
        return known

    def report(self) -> dict[str, Any]:
        up = self._up()
        weakest = min(up, key=lambda worker: worker.level.rank) if up else None
        return {
            **(weakest.sandbox if weakest else {"level": "none", "reason": self.outage()}),
            "available": bool(up),
            "workers": [worker.described() for worker in self._workers.values()],
        }

    async def execute(self, run: Run) -> RunResult:
        """Raises SandboxUnavailable when no worker is left, InvalidProgram for what none can run."""
        failed: list[CodeWorker] = []
        why = ""
        for _ in range(ATTEMPTS):
            worker = await self._choose(run, failed)
            try:
                return await worker.execute(run)
            except WorkerBusy as error:
                why = f"{worker.name}: {error}"
                if worker in failed:
                    await asyncio.sleep(BUSY_PAUSE_SECONDS)
            except LinkLost as error:
                why = f"{worker.name}: {error}"
                log.warning("a code worker was lost (%s); the program is run again", why)
                self._lost(worker, error)
            failed.append(worker)
        raise SandboxUnavailable(f"the program could not be run, tried {ATTEMPTS} times; at last {why}")

    async def _choose(self, run: Run, failed: Sequence[CodeWorker]) -> CodeWorker:
        until = time.monotonic() + self._settings.worker_wait_seconds
        while not (up := self._up()):
            self._changed.clear()
            self._look_now.set()
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + until - time.monotonic()):
                    await self._changed.wait()
            except TimeoutError:
                raise SandboxUnavailable(self.outage() or "no code worker was there in time") from None
        able = [worker for worker in up if worker.speaks(run.program.language)]
        if not able:
            known = ", ".join(language["name"] for language in self.known_languages() or [])
            raise InvalidProgram(f"expected a language of {known}, got {run.program.language!r}")
        fresh = [worker for worker in able if worker not in failed]
        return min(fresh or able, key=lambda worker: worker.load)

    def _up(self) -> list[CodeWorker]:
        return [worker for worker in self._workers.values() if worker.fault is None]

    def _lost(self, worker: CodeWorker, error: LinkLost) -> None:
        worker.fault = str(error)
        if not isinstance(error, LinkRefused):
            worker.close()  # its other runs go elsewhere at once
        self._count_slots()
        self._look_now.set()

    async def _look_forever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.worker_probe_seconds):
                    await self._look_now.wait()
            self._look_now.clear()
            try:
                await self._look()
            except Exception:
                log.exception("the code workers could not be looked at; trying again")
            await asyncio.sleep(self._settings.worker_probe_seconds / 10)

    async def _look(self) -> None:
        addresses = await self._resolve()
        for address in addresses - self._workers.keys():
            self._workers[address] = CodeWorker(address, self._settings)
        await asyncio.gather(*(worker.look() for worker in self._workers.values()))
        for address, worker in list(self._workers.items()):
            if address not in addresses and worker.failed_looks >= GONE_LOOKS:
                self._workers.pop(address).close()
        self._count_slots()
        if self._up():
            self._changed.set()

    async def _resolve(self) -> set[Address]:
        """Every address of every name. A name that cannot be resolved now keeps the workers it had."""
        loop = asyncio.get_running_loop()
        addresses: set[Address] = set()
        for host, port in self._names:
            try:
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                self._unresolved.pop(host, None)
            except OSError as error:
                self._unresolved[host] = error.strerror or str(error)
                continue
            addresses.update((str(address[0]), port) for *_, address in found)
        return addresses

    def _count_slots(self) -> None:
        """Without any worker the number stays: what waits is to be told, and not to wait for ever."""
        slots = sum(worker.slots for worker in self._up())
        if slots:
            self._turns.resize(slots)


def _host_and_port(url: str) -> Address:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "http" or not parts.hostname or port is None or parts.path not in ("", "/"):
        raise ConfigError(f"REWARD_SERVER_CODE_WORKERS: expected http://HOST:PORT, got {url!r}")
    return parts.hostname, port
