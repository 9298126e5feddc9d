"""What one running application holds; made by its lifespan, read by its routes."""

from __future__ import annotations

from dataclasses import dataclass

from reward_server.admission import Admission, AnswerStore
from reward_server.coding import CodeService
from reward_server.drain import Drain
from reward_server.executors.base import ExternalJudge, ProgramRunner, TaskPool
from reward_server.profiles import Profiles
from reward_server.scoring import Scorer
from reward_server.settings import Settings


@dataclass(frozen=True)
class State:
    settings: Settings
    profiles: Profiles
    scorer: Scorer
    code: CodeService
    pool: TaskPool
    programs: ProgramRunner
    judge: ExternalJudge | None
    admission: Admission
    answers: AnswerStore
    drain: Drain

    def unready(self) -> str | None:
        """Why no new requests should be sent here; None where they are served."""
        if self.drain.begun:
            return "draining"
        return self.pool.outage() or self.programs.outage()
