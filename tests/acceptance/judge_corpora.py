"""The corpora of programs through a real server, with what each leaves behind; prints what was wrong.

make acceptance-code            at every level that this machine gives
.venv/bin/python -m tests.acceptance.judge_corpora --user 65534 --base --only hostile
.venv/bin/python -m tests.acceptance.judge_corpora --url http://127.0.0.1:8080 --pid 4711
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from tests.acceptance import code_corpus, references
from tests.acceptance.observer import observe
from tests.acceptance.servers import Server, bare

BASE = {"REWARD_SERVER_SANDBOX_NAMESPACES": "false", "REWARD_SERVER_SANDBOX_CGROUP": "false"}


def main() -> int:
    options = _parser().parse_args()
    log = Path(tempfile.mkstemp(suffix=".log")[1])
    given = Server(options.url, options.pid) if options.url else None
    weaker = BASE if options.base else {}
    with nullcontext(given) if given else bare(log, options.user, **weaker) as server:
        report = server.sandbox()
        print(json.dumps({"level": report.get("level"), "url": server.url, "log": str(log)}), flush=True)
        wrong = 0
        for name in options.only or ("hostile", "legitimate", "references", "mutants"):
            started = time.monotonic()
            findings = _run(name, server)
            wrong += len(findings.wrong)
            seconds = round(time.monotonic() - started, 1)
            counts = {"judged": len(findings.verdicts), "skipped": findings.skipped, "seconds": seconds}
            print(json.dumps({"corpus": name, **counts, "wrong": findings.wrong}, indent=1), flush=True)
    return 1 if wrong else 0


def _run(name: str, server: Server) -> code_corpus.Findings:
    if name == "hostile":
        return code_corpus.judge_all(server.url, code_corpus.hostile(), lambda: observe(server.pid, server.folder))
    if name == "legitimate":
        return code_corpus.judge_all(server.url, code_corpus.legitimate(), lambda: observe(server.pid, server.folder))
    submissions = references.references() if name == "references" else references.mutants(seed=1, per_program=2)
    return code_corpus.judge_all(server.url, submissions, clients=4)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", type=int, help="run the server as this user, without any privilege")
    parser.add_argument("--base", action="store_true", help="without namespaces and control groups")
    parser.add_argument("--url", help="of a server that runs already; --pid is the root of its process tree")
    parser.add_argument("--pid", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=("hostile", "legitimate", "references", "mutants"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
