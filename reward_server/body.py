"""From the bytes of a request to a validated value, with every refusal named."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from reward_server import lenient_json
from reward_server.errors import BodyTooLarge, InvalidJson, InvalidRequest, UnsupportedMediaType
from reward_server.misfits import misfit
from reward_server.wire import ScoreRequest

SHOWN_ERRORS = 10

M = TypeVar("M", bound=BaseModel)


NDJSON = "application/x-ndjson"


def media_type_of(request: Request) -> str:
    return request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()


async def read_body(request: Request, limit_bytes: int, expected: str = "application/json") -> bytes:
    """The whole body. Raises before more than the limit is held, whatever Content-Length said."""
    media_type = media_type_of(request)
    if media_type != expected:
        raise UnsupportedMediaType(f"expected Content-Type {expected}, got {media_type[:80]!r}")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise BodyTooLarge(f"the body has {declared} bytes, at most {limit_bytes} are read: send smaller batches")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit_bytes:
            raise BodyTooLarge(f"the body has more than the {limit_bytes} bytes that are read: send smaller batches")
        chunks.append(chunk)
    return b"".join(chunks)


def parse_score_request(body: bytes) -> ScoreRequest:
    """Raises InvalidJson or InvalidRequest. An item that does not fit becomes an InvalidItem among the others."""
    return parse_request(ScoreRequest, body)


def parse_request(model: type[M], body: bytes) -> M:
    """Raises InvalidJson or InvalidRequest."""
    try:
        return model.model_validate(parse_json(body))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=False)
        shown = [
            {"loc": list(e["loc"]), "msg": e["msg"].removeprefix("Value error, "), "type": e["type"]}
            for e in errors[:SHOWN_ERRORS]
        ]
        raise InvalidRequest(misfit(error, "body")[:1000], errors=shown) from error


def parse_json(body: bytes) -> Any:
    """Raises InvalidJson."""
    try:
        return lenient_json.loads(body)
    except ValueError as error:
        raise InvalidJson(f"expected JSON in UTF-8: {error}") from error
