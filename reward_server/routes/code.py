"""Programs: run, judged by tests, and in which languages."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from reward_server import openapi, telemetry
from reward_server.body import NDJSON, media_type_of, parse_request
from reward_server.coding import languages_of
from reward_server.routes.code_lines import judged_lines
from reward_server.routes.shared import Answer, answered_once, state_of, unless_client_leaves
from reward_server.wire_code import (
    CODE_JUDGE_PATH,
    CODE_LANGUAGES_PATH,
    CODE_RUN_PATH,
    CodeJudgeRequest,
    CodeJudgeResponse,
    CodeRunRequest,
    CodeRunResponse,
    LanguageInfo,
)

routes = APIRouter()


@routes.post(
    CODE_RUN_PATH, response_model=CodeRunResponse, openapi_extra=openapi.CODE_RUN, responses=openapi.CODE_PROBLEMS
)
async def run(request: Request) -> Response:
    """Run one program. Nothing is judged; 200 whatever the program did, or when it could not be run by our fault."""

    async def answer(body: bytes) -> Answer:
        state, asked, started = state_of(request), parse_request(CodeRunRequest, body), time.perf_counter()
        await state.code.require_languages([asked.language])
        with state.admission.admit(programs=1):
            response = await unless_client_leaves(request, state.code.run(asked))
        telemetry.log_code("ran", request.state.request_id, asked.language, response, time.perf_counter() - started)
        return response.model_dump_json().encode(), response.error is None

    return await answered_once(request, answer)


@routes.post(
    CODE_JUDGE_PATH, response_model=CodeJudgeResponse, openapi_extra=openapi.CODE_JUDGE, responses=openapi.CODE_PROBLEMS
)
async def judge(request: Request) -> Response:
    """Judge one submission by its tests. `score` is null exactly when the fault is ours; then see `error`.

    With Content-Type application/x-ndjson: up to 1,024 submissions, one a line; answers come as lines, as they are
    ready, each with the `index` of its submission.
    """
    if media_type_of(request) == NDJSON:
        return await judged_lines(request)

    async def answer(body: bytes) -> Answer:
        state, asked, started = state_of(request), parse_request(CodeJudgeRequest, body), time.perf_counter()
        await state.code.require_languages(languages_of(asked))
        with state.admission.admit(programs=1):
            response = await unless_client_leaves(request, state.code.judge(asked, state.code.session()))
        telemetry.log_code("judged", request.state.request_id, asked.language, response, time.perf_counter() - started)
        return response.model_dump_json().encode(), response.error is None

    return await answered_once(request, answer)


@routes.get(CODE_LANGUAGES_PATH)
async def languages(request: Request) -> list[LanguageInfo]:
    """The languages that can be judged here now. Their tool chains have passed a trial."""
    return await state_of(request).code.languages()
