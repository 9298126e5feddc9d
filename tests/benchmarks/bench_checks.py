"""Items per second of the checks of `r1-math` without `math`, and microseconds of every check by itself, on one core.

    make bench-checks                    uses ../shared/data (solutions of MATH, completions of GSM8K)

Each item has a `<think>` part of real text and an answer. The batch of 1,000 goes through the scorer of the server, so
what is measured is what a request costs without HTTP. Rounds alternate between the workloads; the best and the median
round are printed as JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from reward_server.checks.base import AnswerCheck, HeavyCheck  # noqa: E402
from reward_server.checks.registry import checks  # noqa: E402
from reward_server.executors.lifecycle import opened  # noqa: E402
from reward_server.profiles import Profile, Profiles, bind  # noqa: E402
from reward_server.scoring import Scorer  # noqa: E402
from reward_server.settings import Settings  # noqa: E402
from reward_server.wire import CheckSpec, ScoreItem  # noqa: E402

DATA = ROOT.parent / "shared" / "data"
ITEMS = 1000
ROUNDS = 7


def math_items() -> list[ScoreItem]:
    """Problems and solutions of MATH as a reasoning model would write them down."""
    rows = [json.loads(line) for line in (DATA / "math" / "test.jsonl").open()][:ITEMS]
    return [
        ScoreItem(
            id=str(n),
            group_id=str(n // 8),
            prompt=row["problem"],
            completion=f"<think>\n{row['solution']}\n</think>\n<answer>\n\\boxed{{{n}}}\n</answer>",
            ground_truth="1",
        )
        for n, row in enumerate(rows)
    ]


def gsm8k_items() -> list[ScoreItem]:
    rows = [json.loads(line) for line in (DATA / "completions" / "tora70b_gsm8k.jsonl").open()][:ITEMS]
    return [
        ScoreItem(
            id=str(n),
            group_id=str(n // 8),
            prompt=row["question"],
            completion=f"<think>\n{row['code'][0]}\n</think>\n<answer>\n\\boxed{{{row['gt']}}}\n</answer>",
            ground_truth=str(row["gt"]),
        )
        for n, row in enumerate(rows)
    ]


def without(profile: Profile, name: str) -> Profile:
    return bind([CheckSpec(check=b.check.name, weight=b.weight, params=b.params.model_dump(mode="json"))
                 for b in profile.checks if b.check.name != name])  # fmt: skip


async def seconds_of(scorer: Scorer, profile: Profile, items: Sequence[ScoreItem]) -> float:
    started = time.perf_counter()
    results = await scorer.score(profile, items, 600)
    took = time.perf_counter() - started
    assert all(result.status == "ok" for result in results), results[0].error
    return took


async def measure_profile() -> None:
    settings = Settings(check_workers=1, sandbox_try_languages=False)
    profile = without(Profiles.load().get("r1-math"), "math")
    workloads = {"MATH solutions": math_items(), "GSM8K completions": gsm8k_items()}
    times: dict[str, list[float]] = {name: [] for name in workloads}
    async with opened(settings) as executors:
        scorer = Scorer(executors, settings)
        for _ in range(ROUNDS):
            for name, items in workloads.items():
                times[name].append(await seconds_of(scorer, profile, items))
    for name, taken in times.items():
        items = workloads[name]
        line = {
            "workload": name,
            "checks": [bound.check.name for bound in profile.checks],
            "items": len(items),
            "mean_characters": round(statistics.mean(len(item.completion) for item in items)),
            "items_per_second": {
                "median": round(len(items) / statistics.median(taken)),
                "best": round(len(items) / min(taken)),
            },
            "load1": round(os.getloadavg()[0], 2),
        }
        print(json.dumps(line), flush=True)


def measure_each() -> None:
    """Microseconds of one verdict on the items of the check's own example, in place."""
    from tests.unit.reward_server.checks.test_every_check import bound_of, inputs_of

    for name, check in sorted(checks().items()):
        if not isinstance(check, AnswerCheck):
            continue
        params, inputs = bound_of(check).params, inputs_of(check)
        judge = check.judge_in_place if isinstance(check, HeavyCheck) else check.judge
        check.prepare(params)
        taken = []
        for _ in range(200):
            started = time.perf_counter()
            for item in inputs:
                judge(item, params)
            taken.append((time.perf_counter() - started) / len(inputs))
        print(json.dumps({"check": name, "microseconds": round(1e6 * statistics.median(taken), 1)}), flush=True)


if __name__ == "__main__":
    asyncio.run(measure_profile())
    measure_each()
