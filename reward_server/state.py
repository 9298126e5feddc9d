"""What one running application holds; made by its lifespan, read by its routes."""

from __future__ import annotations

from dataclasses import dataclass

from reward_server.admission import Admission, AnswerStore
from reward_server.executors.base import ProgramRunner
from reward_server.scoring import Scorer
from reward_server.settings import Settings


@dataclass(frozen=True)
class State:
    settings: Settings
    scorer: Scorer
    sandbox: ProgramRunner
    admission: Admission
    answers: AnswerStore
