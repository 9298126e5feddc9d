"""One line a request, as JSON on standard error. Never a completion, a ground truth or a key."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from types import TracebackType

from reward_server.wire import ScoreResponse
from reward_server.wire_code import CodeJudgeResponse, CodeRunResponse

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

log = logging.getLogger("reward_server.requests")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = _frames(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _frames(exc_info: ExcInfo) -> list[str]:
    """The frames and the type, without the message: messages can quote what a policy wrote."""
    kind, _, trace = exc_info
    return [*traceback.format_tb(trace), kind.__name__ if kind else ""]


def configure_logging(level: int = logging.INFO) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def log_scored(response: ScoreResponse, seconds: float) -> None:
    summary = response.summary
    fields = {
        "request_id": response.request_id,
        "profile": response.profile,
        "items": len(response.results),
        "ok": summary.ok,
        "skipped": summary.skipped,
        "error": summary.error,
        "mean_reward": summary.mean_reward,
        "ms": round(seconds * 1000, 1),
    }
    log.info("scored", extra={"fields": fields})


def log_code(
    what: str, request_id: str, language: str, response: CodeRunResponse | CodeJudgeResponse, seconds: float
) -> None:
    fields = {
        "request_id": request_id,
        "language": language,
        "verdict": response.verdict,
        "error": response.error.code if response.error else None,
        "ms": round(seconds * 1000, 1),
    }
    log.info(what, extra={"fields": fields})
