"""One code worker as a server sees it: what it said of itself when last looked at, and the runs it has."""

from __future__ import annotations

from typing import Any, Final

from reward_server.errors import InvalidProgram, SandboxUnavailable
from reward_server.executors.link import Answer, Link, LinkLost, LinkRefused, LinkSlow
from reward_server.program_frames import pack_run, unpack_result
from reward_server.programs import Run, RunResult
from reward_server.settings import Settings
from sandbox.config import Level

Address = tuple[str, int]

RUN_PATH: Final = "/internal/run"
STATUS_PATH: Final = "/internal/status"

_LOOK_SECONDS: Final = 10.0  # a host under full load answers late
_MARGIN_SECONDS: Final = 60.0  # beyond a run's own limits: then the worker is taken for stuck


class WorkerBusy(Exception):
    """It lives but takes no run now: it is full, or about to end."""


class CodeWorker:
    def __init__(self, address: Address, settings: Settings) -> None:
        self.name = f"{address[0]}:{address[1]}"
        self.fault: str | None = "not looked at yet"  # why it gets no runs
        self.refusal: str | None = None  # why it never will run programs, in its own words
        self.failed_looks = 0
        self.slots = 0
        self.level = Level.NONE
        self.languages: list[dict[str, Any]] | None = []  # None: they are being tried
        self.sandbox: dict[str, Any] = {}
        self._settings = settings
        self._in_flight = 0
        key = settings.worker_key
        self._link = Link(*address, None if key is None else key.get_secret_value())

    @property
    def load(self) -> float:
        return self._in_flight / max(1, self.slots)

    def speaks(self, language: str) -> bool:
        return self.languages is None or any(one["name"] == language for one in self.languages)

    def described(self) -> dict[str, Any]:
        return {
            "address": self.name,
            "ready": self.fault is None,
            "reason": self.fault,
            "level": self.level.value,
            "slots": self.slots,
            "in_flight": self._in_flight,
        }

    async def look(self) -> None:
        """Ask how it is. `fault` is None afterwards exactly when it can be given runs."""
        try:
            answer = await self._link.call("GET", STATUS_PATH, b"", _LOOK_SECONDS)
            self.fault = self._take(answer)
        except LinkSlow:
            if self.fault is None and self.failed_looks == 0:
                self.failed_looks = 1
                return  # one late answer is no reason to run everything again
            self._gone("it does not answer")
        except LinkRefused as error:
            self.fault = str(error)  # a run whose worker has died breaks off by itself
        except LinkLost as error:
            self._gone(str(error))
        self.failed_looks = 0 if self.fault is None else self.failed_looks + 1

    def _gone(self, why: str) -> None:
        self.fault = why
        self._link.close()  # what it still had is run elsewhere

    def _take(self, answer: Answer) -> str | None:
        """Note what it said of itself; why it cannot be used, or None."""
        said = answer.json()
        if answer.status == 401:
            return "it asks for another REWARD_SERVER_WORKER_KEY"
        self.refusal = said.get("refusal")
        if answer.status != 200:
            return str(said.get("reason") or f"status {answer.status}")
        try:
            self.slots, self.languages, self.sandbox = said["slots"], said["languages"], said["sandbox"]
            self.level = Level(self.sandbox["level"])
        except (KeyError, ValueError) as error:
            return f"its status has no {error}: is it of this version?"
        floor = self._settings.sandbox_floor
        if self.level.rank < floor.rank and not self._settings.sandbox_allow_unsafe:
            self.refusal = f"isolation level {self.level.value} is below this server's floor {floor.value}"
            return self.refusal
        return None

    async def execute(self, run: Run) -> RunResult:
        """Raises LinkLost, WorkerBusy, InvalidProgram, SandboxUnavailable. Cancelling ends the run over there."""
        limits = run.limits
        seconds = 2 * limits.wall_seconds + 2 * limits.compile_seconds + _MARGIN_SECONDS
        self._in_flight += 1
        try:
            answer = await self._link.call("POST", RUN_PATH, pack_run(run), seconds)
        finally:
            self._in_flight -= 1
        if answer.status != 200:
            raise _fault(answer)
        try:
            return unpack_result(answer.body)
        except ValueError as error:
            raise LinkLost(f"it does not speak this version's language: {error}") from error

    def close(self) -> None:
        self._link.close()


def _fault(answer: Answer) -> Exception:
    said = answer.json()
    detail = str(said.get("detail") or f"status {answer.status}")
    if answer.status == 422:
        return InvalidProgram(detail)
    if answer.status in (429, 503):
        return WorkerBusy(detail)
    if answer.status == 500:
        return SandboxUnavailable(f"the program could not be run: {detail}")
    return LinkLost(f"status {answer.status}: {detail}")
