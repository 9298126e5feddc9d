"""What can go wrong in the trainer. A leaf.

TrainerError
├── ConfigError                 the configuration is impossible, or a key is unknown
├── DataError                   a data file or a model directory cannot be used
├── CheckpointError             no usable checkpoint, or the run directory is already taken
├── AlarmRaised                 the monitor ended the run
├── RankLost                    another process of the run ended, or does not answer
└── RewardError                 the reward server
    ├── RewardUnavailable       transient: no connection, overload, time-out, a body that is no answer
    ├── RewardRejected          permanent: the request itself is refused; trying again cannot help
    └── RewardsMissing          too many rollouts stayed unscored; the run stops
"""

from __future__ import annotations


class TrainerError(Exception):
    """Root of every error the trainer raises on purpose."""


class ConfigError(TrainerError):
    """The configuration cannot be used; the message names the key."""


class DataError(TrainerError):
    """A data file or a model directory cannot be used."""


class CheckpointError(TrainerError):
    """There is no usable checkpoint, or the run directory is taken."""


class AlarmRaised(TrainerError):
    """A metric left its bounds, and the configuration says that this ends the run; the message says how to go on."""


class RankLost(TrainerError):
    """Another of the processes that share the run ended, or does not answer."""


class RewardError(TrainerError):
    """Something about the reward server."""


class RewardUnavailable(RewardError):
    """A transient fault: the same request may succeed later.

    `retry_after_seconds` is the server's own wish, None when it named none. `replay` is true when the server never
    finished the request, so the same idempotency key has to be sent again.
    """

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, replay: bool = True) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.replay = replay


class RewardRejected(RewardError):
    """A permanent fault: the server refuses this request. Carries the problem's code and detail."""

    def __init__(self, *, status: int, code: str, detail: str) -> None:
        super().__init__(f"the reward server refused the request: {code} (HTTP {status}): {detail}")
        self.status = status
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[object, ...]:
        return _rejected, (self.status, self.code, self.detail)


class RewardsMissing(RewardError):
    """Too many rollouts stayed unscored, or one did where none may."""


def _rejected(status: int, code: str, detail: str) -> RewardRejected:
    return RewardRejected(status=status, code=code, detail=detail)
