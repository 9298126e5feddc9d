"""Time and error of the check `language`, printed as figures; nothing here passes or fails.

    python tests/benchmarks/bench_language.py     needs ../shared/prototypes/language/data.py and the extra `lang`

Texts are joined from its sentences, formulas and code among them. Times are the best of many calls on one core. The
error is the mean absolute one of chains of twelve sentences in two languages, against the share of words in the
sentences without notation, which are counted here in another way than the check does.
"""

from __future__ import annotations

import os
import random
import re
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from reward_server.checks.base import CheckInput  # noqa: E402
from reward_server.checks.language import Language, LanguageParams  # noqa: E402
from reward_server.language.clean import clean  # noqa: E402
from reward_server.language.consistency import proportion  # noqa: E402
from reward_server.language.identify import identify, load  # noqa: E402

SOURCE = ROOT.parent / "shared" / "prototypes" / "language" / "data.py"
PAIRS = "zh-en en-zh ja-en ko-en fr-en de-en es-en ru-en ar-en vi-en es-pt zh-ja en-fr"
SHARES = (1.0, 0.9, 0.75, 0.5, 0.25, 0.0)
SEEDS = 10
WORDS = re.compile(r"[\u4e00-\u9fff]|[\u3040-\u30ff]+|[^\W\d_\u3040-\u30ff\u4e00-\u9fff]+(?:['’-][^\W\d_]+)*")
HOSTILE = [
    "\\(",
    "\\begin{align}",
    "$5 ",
    "$a ",
    "`a",
    "```",
    "\\a{",
    "<",
    "a=",
    "a + ",
    "http://",
    "foo bar baz qux\n",
]
HOSTILE += ["я a ", "яa", "好。あ。", "$好$", "a\u0301\u0327", "\u200b", "A ", "a.\n", "é"]


def sentences() -> dict[str, list[tuple[str, str]]]:
    """For each language its sentences with notation and without."""
    spec = spec_from_file_location("sentences", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    table: dict[str, list[tuple[str, str]]] = {}
    for code, text, plain in module.build():
        table.setdefault(code, []).append((text, plain))
    return table


def best_microseconds(call: Callable[[], Any], times: int = 60) -> float:
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return 1e6 * best


def speed(table: dict[str, list[tuple[str, str]]]) -> None:
    def text(languages: str, chars: int) -> str:
        lines = [line for pair in zip(*(table[code] for code in languages.split()), strict=True) for line, _ in pair]
        return ("\n".join(lines) * 9)[:chars]

    prompt = "小明有3个苹果，又买了5个，一共有几个苹果？"
    check, params = Language(), LanguageParams()
    print("| text | characters | by script, µs | identified, µs |\n|---|---|---|---|")
    for languages, chars in (
        ("zh en", 6000),
        ("fr en", 6000),
        ("ja en", 6000),
        ("en", 1500),
        ("zh", 1500),
        ("ru", 1500),
    ):
        sample = text(languages, chars)
        plain = best_microseconds(lambda sample=sample: proportion(sample, "zh"))
        told = best_microseconds(lambda sample=sample: proportion(sample, "fr", identified=True))
        print(f"| {languages} | {len(sample)} | {plain:.0f} | {told:.0f} |")
    for language in ("en", "zh"):
        item = CheckInput(completion=f"<think>{text(language, 1500)}</think>8", prompt=prompt)
        took = best_microseconds(lambda item=item: check.judge(item, params))
        print(f"| the check, target from the prompt: {language} | 1500 | {took:.0f} | |")


def error(table: dict[str, list[tuple[str, str]]]) -> None:
    def units(plain: str) -> float:
        found = WORDS.findall(plain)
        kana = [max(1.0, len(word) / 3) for word in found if "\u3040" <= word[0] <= "\u30ff"]
        han = sum("\u4e00" <= word[0] <= "\u9fff" for word in found)
        return sum(kana) + 0.6 * han + (len(found) - han - len(kana))

    errors: dict[str, list[float]] = {pair: [] for pair in PAIRS.split()}
    for seed in range(SEEDS):
        chance = random.Random(seed)
        for pair, found in errors.items():
            target, other = pair.split("-")
            for share in SHARES:
                codes = [target] * round(12 * share) + [other] * (12 - round(12 * share))
                chain = [(code, *chance.choice(table[code])) for code in codes]
                chance.shuffle(chain)
                counts = [(code, units(plain)) for code, _, plain in chain]
                truth = sum(count for code, count in counts if code == target) / sum(count for _, count in counts)
                text = chance.choice(" \n").join(text for _, text, _ in chain)
                found.append(abs((proportion(text, target, identified=True).share or 0.0) - truth))
    every = [value for found in errors.values() for value in found]
    print(f"\nmean absolute error over {len(every)} chains {statistics.mean(every):.4f}, largest {max(every):.3f}")
    print(", ".join(f"{pair} {statistics.mean(found):.4f}" for pair, found in errors.items()))
    right = [identify(plain) == code for code, rows in table.items() for _, plain in rows]
    print(f"single sentences identified: {sum(right)} of {len(right)}")


def hostile() -> None:
    def seconds(call: Callable[[str], Any], unit: str, chars: int) -> float:
        return best_microseconds(lambda: call(unit * (chars // len(unit))), times=2) / 1e6

    print(
        "\n| hostile | cleaned 200 k, s | cleaned 1 M, s | counted 200 k, s | counted 1 M, s |\n|---|---|---|---|---|"
    )
    for unit in HOSTILE:
        cleaned = [seconds(clean, unit, chars) for chars in (200_000, 1_000_000)]
        told = [seconds(lambda text: proportion(text, "fr", identified=True), unit, n) for n in (200_000, 1_000_000)]
        print(f"| {unit!r} | " + " | ".join(f"{value:.3f}" for value in (*cleaned, *told)) + " |")


if __name__ == "__main__":
    load()
    table = sentences()
    print(f"load {os.getloadavg()[0]:.1f}")
    speed(table)
    error(table)
    hostile()
