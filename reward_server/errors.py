"""The faults of a request or of the server. What a policy wrote badly is a score, never one of these.

RewardServerError
├── RequestError            the caller must change something
│   ├── InvalidJson · InvalidRequest · BodyTooLarge · UnsupportedMediaType
│   ├── UnknownProfile · UnknownCheck · CheckUnavailable · InvalidParams
│   ├── UnknownLanguage · InvalidProgram · TooManyPrograms
│   └── Unauthorized · IdempotencyConflict
├── Unavailable             try again
│   ├── Overloaded · SandboxUnavailable
│   ├── SandboxRefused      not here, however often it is sent: below the isolation floor
│   ├── JudgeUnavailable · JudgeRefused · JudgeUnreadable     (the external judge; errors of one item)
│   └── TaskTimedOut · WorkerLost · TaskOutOfMemory     (executors; scoring turns them into item results)
├── GroundTruthInvalid      the reference of one item cannot be judged: the item is skipped
└── ConfigError             the server cannot start like this
"""

from __future__ import annotations

from typing import Any


class RewardServerError(Exception):
    """Root of all faults raised by this package."""

    status = 500
    code = "internal_error"
    title = "The server failed"
    retryable = False

    def __init__(self, detail: str, *, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors

    def __reduce__(self) -> tuple[Any, ...]:  # they cross process borders
        return _rebuild, (type(self), self.detail, self.errors)


def _rebuild(kind: type[RewardServerError], detail: str, errors: list[dict[str, Any]] | None) -> RewardServerError:
    return kind(detail, errors=errors)


class RequestError(RewardServerError):
    status, code, title = 400, "bad_request", "The request cannot be served"


class InvalidJson(RequestError):
    status, code, title = 400, "invalid_json", "The body is not JSON"


class InvalidRequest(RequestError):
    status, code, title = 422, "invalid_request", "The body does not fit the schema"


class BodyTooLarge(RequestError):
    status, code, title = 413, "body_too_large", "The body is too large"


class UnsupportedMediaType(RequestError):
    status, code, title = 415, "unsupported_media_type", "The body must be application/json"


class UnknownProfile(RequestError):
    status, code, title = 404, "unknown_profile", "There is no such profile"


class UnknownCheck(RequestError):
    status, code, title = 422, "unknown_check", "There is no such check"


class NoSuchCheck(UnknownCheck):  # where the check itself was asked for
    status = 404


class CheckUnavailable(RequestError):
    status, code, title = 422, "check_unavailable", "The check cannot be used on this server"


class InvalidParams(RequestError):
    status, code, title = 422, "invalid_params", "The parameters do not fit the check"


class UnknownLanguage(RequestError):
    status, code, title = 422, "unknown_language", "This language is not available here"


class InvalidProgram(RequestError):
    status, code, title = 422, "invalid_program", "The program cannot be started as it is"


class TooManyPrograms(RequestError):
    status, code, title = 422, "too_many_programs", "More programs than this server ever takes at a time"


class Unauthorized(RequestError):
    status, code, title = 401, "unauthorized", "A valid API key is needed"


class IdempotencyConflict(RequestError):
    status, code, title = 409, "idempotency_conflict", "This Idempotency-Key was used with another body"


class Unavailable(RewardServerError):
    status, code, title, retryable = 503, "unavailable", "The server cannot do this now", True


class Overloaded(Unavailable):
    status, code, title = 429, "overloaded", "Too many items are waiting"
    retry_after_seconds = 1


class TaskTimedOut(Unavailable):
    code, title = "task_timed_out", "A check took too long"


class TaskOutOfMemory(Unavailable):
    code, title = "task_out_of_memory", "A check needed too much memory"


class SandboxUnavailable(Unavailable):
    code, title = "sandbox_unavailable", "Programs cannot be run here now"


class SandboxRefused(Unavailable):
    code, title, retryable = "sandbox_refused", "Programs are not run here", False


class JudgeUnavailable(Unavailable):
    code, title = "judge_unavailable", "The external judge cannot be reached now"


class JudgeRefused(Unavailable):
    code, title, retryable = "judge_refused", "The external judge refused the question", False


class JudgeUnreadable(Unavailable):
    code, title, retryable = "judge_unreadable", "The external judge did not answer in the form it was asked for", False


class WorkerLost(Unavailable):
    code, title = "worker_lost", "The worker process died"


class GroundTruthInvalid(RewardServerError):
    status, code, title = 422, "gold_invalid", "The ground truth cannot be judged"


class ConfigError(RewardServerError):
    code, title = "config", "The server is not configured right"
