"""Programs for the code routes: run or judged within a deadline. A fault of ours is an answer without a score."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from reward_server.code.engine import CodeJudge, Judgement, internal_judgement, response, submission_of
from reward_server.code.outcome import ended_as
from reward_server.code.submission import sandbox_limits
from reward_server.errors import GroundTruthInvalid, RequestError, RewardServerError, SandboxRefused, UnknownLanguage
from reward_server.executors.base import ProgramRunner, ProgramSession
from reward_server.ground_truth.languages import canonical
from reward_server.programs import Run
from reward_server.rounds import judged
from reward_server.wire import Fault, ItemError
from reward_server.wire_code import (
    CodeJudgeRequest,
    CodeJudgeResponse,
    CodeRunRequest,
    CodeRunResponse,
    CodeVerdict,
    CompileReport,
    LanguageInfo,
    StdinTest,
)
from sandbox.types import Compilation, ExecutionResult, Program

log = logging.getLogger(__name__)


class CodeService:
    """Every answer comes at the latest when the deadline of its request has passed. Cancelling ends its programs."""

    def __init__(self, programs: ProgramRunner) -> None:
        self._programs = programs
        self._judge = CodeJudge()

    async def languages(self) -> list[LanguageInfo]:
        """Those that have passed their trial; waits for it."""
        fields = LanguageInfo.model_fields.keys()
        known = await self._programs.languages()
        return [LanguageInfo(**{name: language[name] for name in fields}) for language in known]

    async def require_languages(self, names: Iterable[str]) -> None:
        """Raises SandboxRefused where no program is run at all, UnknownLanguage for one that is not available here.

        Python needs no trial. While all code workers are gone nothing is known of languages, and nothing refused.
        """
        refusal = self._programs.refusal()
        if refusal is not None:
            raise SandboxRefused(f"this server does not run programs: {refusal}")
        asked = {name: _known_name(name) for name in names}
        known = self._programs.known_languages()
        if known is None:
            if set(asked.values()) == {"python"}:
                return
            known = await self._programs.languages()
        here = [language["name"] for language in known]
        for name, language in asked.items():
            if here and language not in here:
                raise UnknownLanguage(f"language {name[:40]!r} is not available here; these are: {', '.join(here)}")

    async def run(self, request: CodeRunRequest) -> CodeRunResponse:
        """Raises RequestError where the program cannot be started as it is."""
        run = Run(
            Program(
                request.source,
                language=canonical(request.language),
                arguments=tuple(request.arguments),
                stdin=request.stdin.encode("utf-8", "surrogatepass"),
                files={name: text.encode("utf-8", "surrogatepass") for name, text in request.files.items()},
            ),
            sandbox_limits(request.limits),
        )
        try:
            async with asyncio.timeout(request.options.deadline_ms / 1000):
                result = await self._programs.session().run(run)
        except RequestError:
            raise
        except Exception as error:
            return _not_run(request, _item_error(error))
        return _run_response(request, result.program)

    def session(self) -> ProgramSession:
        """For the submissions of one request."""
        return self._programs.session()

    async def judge(self, request: CodeJudgeRequest, session: ProgramSession) -> CodeJudgeResponse:
        """Raises GroundTruthInvalid where the tests can test nothing, RequestError as `run` does."""
        try:
            async with asyncio.timeout(request.options.deadline_ms / 1000), session.submission():
                submission = await asyncio.to_thread(submission_of, request)
                if isinstance(submission, Judgement):
                    return response(submission, request.id)
                step = await asyncio.to_thread(self._judge.plan, submission)
                return response(await judged(self._judge, step, session), request.id)
        except RewardServerError as error:
            if error.status == 422:  # the request's own fault
                raise
            return internal_judgement(len(request.tests), _item_error(error), request.id)
        except Exception as error:
            return internal_judgement(len(request.tests), _item_error(error), request.id)


def languages_of(request: CodeJudgeRequest) -> set[str]:
    """That of the program, and those of the checkers of its tests."""
    checkers = (test.checker for test in request.tests if isinstance(test, StdinTest))
    return {request.language, *(checker.language for checker in checkers if checker is not None)}


def _known_name(name: str) -> str | None:
    try:
        return canonical(name)
    except GroundTruthInvalid:
        return None


def _item_error(error: Exception) -> ItemError:
    if isinstance(error, RewardServerError):
        return ItemError(code=error.code, message=error.detail, fault=Fault.SERVER, retryable=error.retryable)
    if isinstance(error, TimeoutError):
        message = "the deadline of the request passed before there was a verdict; send it again, or allow more time"
        return ItemError(code="deadline_exceeded", message=message, fault=Fault.SERVER, retryable=True)
    log.error("a program could not be judged", exc_info=error)
    message = f"judging failed with {type(error).__name__}; the server's log has the trace"
    return ItemError(code="check_failed", message=message, fault=Fault.SERVER, retryable=False)


def _run_response(request: CodeRunRequest, result: ExecutionResult) -> CodeRunResponse:
    return CodeRunResponse(
        id=request.id,
        verdict=ended_as(result),
        status=result.status.value,
        stdout=result.stdout.decode("utf-8", "replace"),
        stderr=result.stderr.decode("utf-8", "replace"),
        compile=_compile_report(result.compilation),
        isolation=result.isolation,
        error=None,
        cpu_ms=round(1000 * result.cpu_seconds),
        wall_ms=round(1000 * result.wall_seconds),
        memory_kb=result.peak_memory_bytes // 1024,
        exit_code=result.exit_code,
        signal=result.signal,
    )


def _not_run(request: CodeRunRequest, error: ItemError) -> CodeRunResponse:
    nothing: dict[str, Any] = {"stdout": "", "stderr": "", "compile": None, "isolation": ""}
    status = CodeVerdict.INTERNAL_ERROR
    return CodeRunResponse(id=request.id, verdict=status, status=status.value, error=error, **nothing)


def _compile_report(compilation: Compilation | None) -> CompileReport | None:
    if compilation is None:
        return None
    ms = round(1000 * compilation.seconds)
    return CompileReport(ok=compilation.ok, cached=compilation.cached, ms=ms, text=compilation.text)
