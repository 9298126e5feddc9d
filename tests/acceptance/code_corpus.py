"""The shared corpora of programs, judged over HTTP: hostile ones, legitimate ones, references and their mutants."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from reward_server.wire_code import CodeLimits
from tests.acceptance.observer import Seen

SHARED = Path(__file__).resolve().parents[3] / "shared"
HOSTILE = SHARED / "cases" / "sandbox" / "hostile"
LEGITIMATE = SHARED / "cases" / "sandbox" / "legit"
SECRETS = ("CANARY_7F3A", "CANARY_EXPECTED_91")
LANGUAGES = {
    ".py": "python", ".c": "c", ".cpp": "cpp", ".java": "java", ".js": "javascript", ".go": "go", ".rs": "rust",
    ".sh": "bash",
}  # fmt: skip
GROWTH_BYTES = 64 << 20  # what a server may keep after a hostile program: caches, a grown heap
SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class Submission:
    name: str
    body: dict[str, Any]
    expect: tuple[str, ...]


@dataclass
class Findings:
    """What was wrong, by submission; and the verdicts, for the record."""

    wrong: dict[str, list[str]] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def complain(self, name: str, text: str) -> None:
        self.wrong.setdefault(name, []).append(text)


def hostile() -> list[Submission]:
    problems = json.loads((HOSTILE / "_problems.json").read_text())
    index = json.loads((HOSTILE / "_index.json").read_text())
    return [
        Submission(
            entry["file"],
            {
                "language": LANGUAGES[Path(entry["file"]).suffix],
                "source": (HOSTILE / entry["file"]).read_text(),
                "tests": _hostile_tests(entry["mode"], problems[entry["mode"]]),
                "limits": problems["limits"],
            },
            tuple(entry["expect"]),
        )
        for entry in index
    ]


def _hostile_tests(mode: str, problem: dict[str, Any]) -> list[dict[str, Any]]:
    """The problem's tests, and one more that expects the second canary."""
    if mode == "stdin":
        return [{"type": "stdin", **test} for test in [*problem["tests"], {"stdin": "0 0\n", "stdout": SECRETS[1]}]]
    if mode == "function":
        tests = [*problem["tests"], {"args": [0, 0], "expected": SECRETS[1]}]
        return [{"type": "call", "entry": problem["entry"], **test} for test in tests]
    return [{"type": mode, "code": f"{problem['code']}\nassert {SECRETS[1]!r} != add(0, 0)"}]


def legitimate() -> list[Submission]:
    found = []
    for spec_path in sorted(LEGITIMATE.glob("*/tests.json")):
        spec = json.loads(spec_path.read_text())
        kind, _, entry = spec["mode"].partition(":")
        source = next(spec_path.parent.glob("prog.*")).read_text()
        limits = spec["limits"]
        tests = [_legitimate_test(kind, entry, test, limits.get("float_tol", 0.0)) for test in spec["tests"]]
        known = {name: limits[name] for name in limits if name in CodeLimits.model_fields}
        body = {"language": spec["language"], "source": source, "tests": tests, "limits": known}
        found.append(Submission(spec_path.parent.name, body, (spec["expect"],)))
    return found


def _legitimate_test(kind: str, entry: str, test: dict[str, Any], tolerance: float) -> dict[str, Any]:
    if kind == "stdin":
        stdin, stdout = (
            eval(test[f"{name}_expr"]) if f"{name}_expr" in test else test[name]  # the corpus is ours
            for name in ("stdin", "stdout")
        )
        return {"type": "stdin", "stdin": stdin, "stdout": stdout}
    if kind == "function":
        return {"type": "call", "entry": entry, "abs_tol": tolerance, **test}
    return {"type": kind, "code": test.get("assert") or test.get("unittest") or test["code"]}


NORMAL = {
    "source": "a, b = map(int, open(0).read().split()); print(a + b)",
    "tests": [{"type": "stdin", "stdin": "1 2\n", "stdout": "3\n"}],
}


def judge_all(
    url: str, submissions: list[Submission], observe: Callable[[], Seen] | None = None, clients: int = 1
) -> Findings:
    """Judge each and say what was wrong. With `observe` one at a time, looking for leftovers after each."""
    findings = Findings()
    with httpx.Client(base_url=url, timeout=400) as client, ThreadPoolExecutor(clients) as threads:
        available = {language["name"] for language in client.get("/v1/code/languages").json()}
        wanted = []
        for one in submissions:
            fits = one.body.get("language", "python") in available
            (wanted if fits else findings.skipped).append(one if fits else one.name)  # type: ignore[arg-type]
        _answer(client, NORMAL)
        before = observe() if observe else None
        spread = map if observe else threads.map  # what is left behind shows only when nothing else runs
        answers = spread(lambda one: _answer(client, one.body), wanted)
        for one, (answer, seconds, text) in zip(wanted, answers, strict=True):
            _check(findings, one, answer, seconds, text)
            if observe and before:
                _check_leftovers(findings, one.name, before, observe)
                after = _answer(client, NORMAL)[0]
                if after.get("verdict") != "accepted":
                    findings.complain(one.name, f"the next request: {after}")
    return findings


def _answer(client: httpx.Client, body: dict[str, Any]) -> tuple[dict[str, Any], float, str]:
    started = time.monotonic()
    response = client.post("/v1/code/judge", json=body)
    return response.json(), time.monotonic() - started, response.text


def _check(findings: Findings, one: Submission, answer: dict[str, Any], seconds: float, text: str) -> None:
    verdict = str(answer.get("verdict", answer.get("detail", answer)))
    findings.verdicts[one.name] = verdict
    if verdict not in one.expect:
        detail = [(test["verdict"], test["message"], test["stderr_tail"][-200:]) for test in answer.get("tests", [])][
            :2
        ]
        findings.complain(one.name, f"{verdict} instead of {one.expect}: {detail} {answer.get('error')}")
    if answer.get("score") is None or (answer["score"] == 1.0) != (one.expect == ("accepted",)):
        findings.complain(one.name, f"score {answer.get('score')}")
    for secret in SECRETS:
        if secret in text and secret not in one.body["source"]:
            findings.complain(one.name, f"{secret} came out")
    if "CONNECTED" in text or "SENT" in text:
        findings.complain(one.name, "a connection was made")
    limits = one.body.get("limits", {})
    allowed = 2 * limits.get("compile_s", 10) + 5 + (limits.get("wall_s", 5) + 1) * len(one.body["tests"])
    if seconds > allowed:
        findings.complain(one.name, f"it took {seconds:.1f} s")


def _check_leftovers(findings: Findings, name: str, before: Seen, observe: Callable[[], Seen]) -> None:
    """A moment is given for supervisors, which end right after they have answered."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        now = observe()
        left = sorted(now.files - before.files)
        settled = now.processes <= before.processes and now.memory_bytes <= before.memory_bytes + GROWTH_BYTES
        if settled and not left:
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    findings.complain(
        name,
        f"left behind: {now.processes - before.processes} processes, files {left[:5]}, "
        f"{(now.memory_bytes - before.memory_bytes) >> 20} MiB",
    )
