"""A part of a submission's judgement: one run, and what its result says of one test or of several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from reward_server.code.outcome import Outcome
from reward_server.code.submission import Submission
from reward_server.programs import Run, RunResult


@dataclass(frozen=True)
class Reading:
    """Outcomes by the place of their test; `parts` must be found out in another round, if urgent before the rest."""

    outcomes: Mapping[int, Outcome] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    urgent: bool = False


class Part(Protocol):
    def run(self, submission: Submission) -> Run: ...

    def read(self, result: RunResult, submission: Submission) -> Reading:
        """Raises GroundTruthInvalid where the result shows that the test is broken, whatever the program is."""
        ...
