"""The self-test says what the host gives, and a sandbox below its floor does not open."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

import pytest

from sandbox import Level, Sandbox, SandboxConfig, SandboxError, SandboxFloorError, interpreter, preflight

pytestmark = pytest.mark.sandbox


def test_self_test_tries_every_canary(sandbox: Sandbox) -> None:
    report = sandbox.report
    assert report is not None
    assert set(report.tests.values()) == {"pass"}, report.tests
    assert {
        "read_outside", "write_outside", "read_parent", "signal_parent", "tcp", "unix_socket", "abstract_socket",
        "environment", "fork_past_limit", "outlive", "memory", "descriptors", "standard_library",
    } <= set(report.tests)  # fmt: skip
    assert (report.landlock_abi > 0, report.seccomp) == (True, True)


@pytest.mark.parametrize(
    ("damage", "canary"),
    [
        (lambda facts: {**facts, "landlock_abi": 0}, "landlock"),
        (lambda facts: {**facts, "seccomp": False}, "seccomp"),
    ],
)
def test_sandbox_below_its_floor_does_not_open(
    monkeypatch: pytest.MonkeyPatch, damage: Callable[[dict[str, object]], dict[str, object]], canary: str
) -> None:
    examine = preflight.examine
    monkeypatch.setattr(preflight, "examine", lambda run, facts, own: examine(run, damage(facts), own))
    with pytest.raises(SandboxFloorError, match=f"Failed: {canary} .*Needed: a kernel"):
        Sandbox(SandboxConfig(slots=1)).open()
    with Sandbox(SandboxConfig(slots=1, allow_unsafe=True)) as unsafe:
        assert unsafe.report is not None
        assert unsafe.report.level is Level.NONE


def test_program_that_gets_out_fails_the_self_test(sandbox: Sandbox) -> None:
    """With no walls at all every attack succeeds: so the canaries do notice."""
    import subprocess
    import sys

    from sandbox import ExecutionResult, Limits, Program, RunStatus

    def bare(program: Program, limits: Limits) -> ExecutionResult:
        command = [sys.executable, "-c", program.source]
        environment = {**os.environ, "REWARD_SECRET": "x"}
        done = subprocess.run(command, capture_output=True, env=environment, timeout=100, check=False)
        return ExecutionResult(RunStatus.EXITED, done.returncode, None, done.stdout, done.stderr, b"", 0, 0, 0, "none")

    attacks = preflight._attacks(bare)
    failed = {name for name, text in attacks.items() if text != "pass"}
    assert {"read_outside", "write_outside", "read_system", "signal_parent", "tcp", "udp", "unix_socket"} <= failed
    assert {"abstract_socket", "environment"} <= failed


def test_floor_of_own_uids_needs_root(sandbox: Sandbox) -> None:
    config = SandboxConfig(slots=1, floor=Level.UID, namespaces=False)
    if os.geteuid() == 0:
        with Sandbox(config) as opened:
            assert opened.report is not None
            assert opened.report.level is Level.UID
    else:
        with pytest.raises(SandboxFloorError, match="CAP_SETUID"):
            Sandbox(config).open()


def test_namespaces_that_are_required_and_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    examine = preflight.examine

    def without(run: preflight.Run, facts: dict[str, object], own_uids: bool) -> preflight.Report:
        return examine(run, {**facts, "namespaces": False}, own_uids)

    monkeypatch.setattr(preflight, "examine", without)
    with pytest.raises(SandboxFloorError, match=r"floor is namespaces.*CAP_SYS_ADMIN, or user namespaces"):
        Sandbox(SandboxConfig(slots=1, namespaces=True)).open()


def test_file_system_or_network_that_is_shared_fails_the_self_test(sandbox: Sandbox) -> None:
    """Claimed namespaces that are not there are found out: the canaries look for themselves."""
    with Sandbox(SandboxConfig(slots=1, namespaces=False)) as shared:
        claimed = {**shared._slots[0].facts, "namespaces": True}
        report = preflight.examine(shared._run_on_first_slot, claimed, os.geteuid() == 0)
    failed = {name for name, text in report.tests.items() if text != "pass"}
    assert (report.level, failed) == (Level.NONE, {"stat_outside", "network"})


def test_interpreter_that_cannot_be_used_is_named() -> None:
    with pytest.raises(SandboxFloorError, match="/nowhere/python: it does not start"):
        interpreter.choose("/nowhere/python", other_uids=False)
    with pytest.raises(SandboxError):
        Sandbox(SandboxConfig(slots=1, python="/bin/true")).open()


@pytest.mark.parametrize("wrong", [{"slots": 0}, {"poll_seconds": 5.0}, {"base_uid": 0}])
def test_configuration_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(SandboxConfig(), **wrong)  # type: ignore[arg-type]
