"""A run and its result as bytes, between a server and its code workers: a JSON header and the byte strings after it.

Nothing here can carry an expected value: a run holds programs and their inputs. Bytes that do not fit raise ValueError.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from reward_server.programs import Run, RunResult
from sandbox import frames
from sandbox.types import Compilation, ExecutionResult, Limits, Mode, Program, RunStatus

_LENGTH: Final = struct.Struct("<I")
_OUTPUTS: Final = ("stdout", "stderr", "channel")


def pack_run(run: Run) -> bytes:
    programs = [run.program] if run.tester is None else [run.program, run.tester]
    header = {
        "programs": [_described(program) for program in programs],
        "limits": asdict(run.limits),
        "compile_only": run.compile_only,
    }
    blobs = [blob for program in programs for blob in _blobs(program)]
    return frames.pack(header, blobs)


def unpack_run(data: bytes) -> Run:
    header, blobs = _unpack(data)
    try:
        left = iter(blobs)
        programs = [_program(described, left) for described in header["programs"]]
        limits = Limits(**header["limits"])
        return Run(programs[0], limits, programs[1] if len(programs) > 1 else None, header["compile_only"])
    except (KeyError, TypeError, IndexError, StopIteration) as error:
        raise ValueError(f"expected a run, got a frame without {error}") from error


def pack_result(result: RunResult) -> bytes:
    sides = [result.program] if result.tester is None else [result.program, result.tester]
    headers = [{name: value for name, value in asdict(side).items() if name not in _OUTPUTS} for side in sides]
    return frames.pack({"sides": headers}, [getattr(side, name) for side in sides for name in _OUTPUTS])


def unpack_result(data: bytes) -> RunResult:
    header, blobs = _unpack(data)
    try:
        left = iter(blobs)
        return RunResult(*(_result(side, left) for side in header["sides"]))
    except (KeyError, TypeError, StopIteration, RuntimeError) as error:
        raise ValueError(f"expected a result, got a frame without {error}") from error


def _described(program: Program) -> dict[str, Any]:
    return {
        "mode": program.mode,
        "language": program.language,
        "arguments": program.arguments,
        "files": list(program.files),
    }


def _blobs(program: Program) -> Iterator[bytes]:
    yield program.source.encode("utf-8", "surrogatepass")
    yield program.stdin
    yield program.channel
    yield from program.files.values()


def _program(described: dict[str, Any], blobs: Iterator[bytes]) -> Program:
    return Program(
        source=next(blobs).decode("utf-8", "surrogatepass"),
        mode=Mode(described["mode"]),
        language=described["language"],
        arguments=tuple(described["arguments"]),
        stdin=next(blobs),
        channel=next(blobs),
        files={name: next(blobs) for name in described["files"]},
    )


def _result(side: dict[str, Any], blobs: Iterator[bytes]) -> ExecutionResult:
    compilation = side.pop("compilation")
    return ExecutionResult(
        status=RunStatus(side.pop("status")),
        stdout=next(blobs),
        stderr=next(blobs),
        channel=next(blobs),
        compilation=None if compilation is None else Compilation(**compilation),
        **side,
    )


def _unpack(data: bytes) -> tuple[dict[str, Any], Sequence[bytes]]:
    try:
        (length,) = _LENGTH.unpack_from(data)
        at = _LENGTH.size + length
        header = json.loads(data[_LENGTH.size : at])
        blobs = []
        for size in header["sizes"]:
            blobs.append(data[at : at + size])
            at += size
    except (struct.error, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"expected a frame, got {len(data)} bytes that are none") from error
    if at != len(data):
        raise ValueError(f"expected a frame of {at} bytes, got {len(data)}")
    return header, blobs
