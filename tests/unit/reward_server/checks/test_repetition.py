import json
import random
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from reward_server.checks.base import CheckInput
from reward_server.checks.repetition import RepetitionParams, RepetitionPenalty
from reward_server.text.repetition import repetition

WORDS = ("apple", "river", "stone", "cloud", "metal", "paper", "glass", "night", "storm", "bread", "chair", "plant")


def value(text: str, token_ids: tuple[int, ...] | None = None, **params: Any) -> float:
    item = CheckInput(text, token_ids=token_ids)
    found = RepetitionPenalty().judge(item, RepetitionParams.model_validate(params)).value
    assert found is not None
    return found


def prose(words: int, seed: int = 0) -> str:
    """Words in no order that repeats."""
    chance = random.Random(seed)
    return " ".join(chance.choice(WORDS) + chance.choice("abcdefgh") for _ in range(words))


LOOPS = {
    "a sentence": "Wait, let me check that again. " * 50,
    "a word": "no " * 50,
    "counted": " ".join(f"Wait, {n}." for n in range(50)),
    "lettered": " ".join(f"Wait, {chr(97 + n % 26)}." for n in range(50)),
    "one other word in each": " ".join(f"Wait, let me check the {prose(1, n)} case again." for n in range(50)),
    "changing case": " ".join(("WAIT, LET ME SEE." if n % 2 else "Wait, let me see.") for n in range(50)),
    "changing signs": " ".join(f"Wait{'.,;:!?'[n % 6]} let me see{'.,;:!?'[n % 5]}" for n in range(50)),
    "zero-width spaces": " ".join(f"Wait, let me ch{chr(0x200B) * (n % 7)}eck again." for n in range(50)),
    "accents": " ".join("Wait, let me ch" + chr(0x300 + n) + "eck again." for n in range(50)),
    "Chinese": "我们来重新计算一下这个结果。" * 50,
    "Chinese, counted": "".join(f"等等，第{n}种情况不对。" for n in range(50)),
    "Japanese": "もう一度計算してみましょう。" * 50,
    "Korean": "다시 계산해 보겠습니다. " * 50,
    "Russian": "Подождите, я проверю ещё раз. " * 50,
    "Thai": "ลองคำนวณอีกครั้งหนึ่ง" * 50,
    "Arabic": "دعنا نتحقق مرة أخرى. " * 50,
    "numbers": "1, " * 1000,
    "numbers, and an end": "1, " * 1000 + "so it is 5.",
    "lines": "Let me compute it once more.\nIt is 4.\n" * 50,
    "lines of sums": "12+34=46\n" * 50,
    "brackets": "{[(" * 200,
    "behind a good beginning": prose(600) + " Wait, let me check that again." * 50,
    "before a good end": "Wait, let me check that again. " * 50 + prose(40),
    "long paragraphs": (prose(90) + "\n") * 50,
    "longer than a block": prose(1500) * 50,
}


@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_of_fifty_turns_is_punished(text: str) -> None:
    assert value(text) <= -0.8


def test_chinese_repeated_two_hundred_times_is_punished() -> None:
    """Split at spaces, as elsewhere, it is one word and costs nothing."""
    assert value("我们计算这个数的平方根。" * 200) == -1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4",
        "The answer is 4. The answer is 4.",
        "yes yes yes",
        "\\boxed{" * 3,
        prose(100),
        prose(100) + "\n\n" + prose(100),  # said again once
        ", ".join(map(str, range(2000))),
        "\n".join(f"{a} * {b} = {a * b}" for a in range(2, 30) for b in range(2, 30)),
        "| " + " | ".join(f"{n} | {n * n}" for n in range(200)) + " |",
        "a" * 60,
        "0." + "3" * 60,
        "-" * 80,
    ],
)
def test_what_is_no_loop_costs_nothing(text: str) -> None:
    assert value(text) == 0.0


def trials(count: int) -> str:
    chance = random.Random(0)
    sums = ([chance.randrange(1, 99) for _ in range(3)] for _ in range(count))
    return "\n".join(f"Let me try {a} + {b} - {c} = {a + b - c} (not 24)." for a, b, c in sums)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"Step {n}: add {n} to get {2 * n}." for n in range(1, 11)),
        "\n".join(f"In year {n} he pays {70 + 10 * n}+10=${80 + 10 * n}." for n in range(2, 12)),
        "\n".join(f"Case {n}: if x = {n}, then x^2 = {n * n}, so it is no prime." for n in range(1, 40)),
        "\n".join(f"{n} / {n // 2} = {n / (n // 2):.3f}, so {n} is not divisible by {n // 2}." for n in range(5, 60)),
        "\n".join(f"dp[{n}] = dp[{n - 1}] + dp[{n - 2}] = {round(1.618**n / 2.236)}" for n in range(2, 40)),
        "".join(f"当 n={n} 时，n 的平方是 {n * n}，除以 7 余 {n * n % 7}，不符合条件。" for n in range(1, 15)),
        trials(30),
        trials(200),
    ],
)
def test_work_done_step_by_step_in_the_same_words_costs_nothing(text: str) -> None:
    assert value(text) >= -0.1


def test_a_long_honest_text_costs_nothing_however_long_it_is() -> None:
    """The share of repeated pairs of words grows with the length: over the whole it is above 0.6 here."""
    short, long = prose(300), prose(60_000)
    pairs = list(pairwise(long.split()))
    assert 1 - len(set(pairs)) / len(pairs) > 0.6
    assert value(short) == value(long) == 0.0


def test_a_loop_in_the_middle_costs_the_share_that_it_takes() -> None:
    loop = "Wait, let me check that again. " * 100
    assert -0.6 < value(prose(600) + " " + loop + prose(600, 1)) < -0.15


def test_more_turns_cost_no_less() -> None:
    values = [value(prose(100) + " Wait, let me check that again." * turns) for turns in range(0, 120, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 0.0


def test_real_completions_and_solutions_cost_nothing(shared: Path) -> None:
    def rows(path: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (shared / "data" / path).read_text(encoding="utf-8").splitlines()]

    completions = ["\n".join(row["code"]) for row in rows("completions/tora70b_gsm8k.jsonl")]
    solutions = [row["answer"] for row in rows("gsm8k/test.jsonl")]
    joined = ["\n\n".join(solutions[start : start + 60]) for start in range(0, len(solutions), 60)]
    for texts in (completions, solutions, joined):
        values = [value(text) for text in texts]
        assert sum(found < -0.05 for found in values) <= 0.005 * len(texts)
        assert sum(found < -0.5 for found in values) == 0


def test_token_ids_are_looked_at_where_they_are_given() -> None:
    text, loop, plain = prose(50), (5, 6, 7, 8) * 100, tuple(range(400))
    assert value(text, loop) == -1.0
    assert value(text, plain) == value(text) == 0.0
    assert value("no " * 50, plain) == -1.0  # what the text shows, the ids cannot hide
    detail = RepetitionPenalty().judge(CheckInput(text, token_ids=loop), RepetitionParams()).detail
    assert detail == {"ngrams": 0.0, "loop": 0.0, "lines": 0.0, "tokens": 1.0}
    assert RepetitionPenalty().judge(CheckInput(text), RepetitionParams()).detail["tokens"] is None


def test_code_can_be_left_out() -> None:
    text = prose(50) + "\n```python\n" + "    total = total + table[row]\n" * 60 + "```\n" + prose(20, 1)
    assert value(text) < -0.5
    assert value(text, ignore_code=True) == 0.0
    assert value("no " * 300 + text, ignore_code=True) < -0.5


def test_the_penalty_can_be_chosen_and_is_never_a_reward() -> None:
    assert value("no " * 50, max_penalty=0.25) == -0.25
    assert value("no " * 50, max_penalty=0.0) == 0.0
    for wrong in (-1.0, 2.0):
        with pytest.raises(ValidationError):
            RepetitionParams(max_penalty=wrong)


@pytest.mark.parametrize("blanks", ["\n" * 3000, " \n" * 300, "\t" * 500])
def test_a_text_that_loses_itself_in_blanks_is_punished(blanks: str) -> None:
    assert value("So far so good, and then it goes on." + blanks) == -1.0
    assert value(blanks + "x") == -1.0
    assert value("def f():\n" + " " * 200 + "return 1\n" * 2) == 0.0


def test_a_loop_is_flagged() -> None:
    assert RepetitionPenalty().judge(CheckInput("no " * 50), RepetitionParams()).flags == ("repetitive",)
    assert RepetitionPenalty().judge(CheckInput(prose(50)), RepetitionParams()).flags == ()


def test_a_very_long_completion_is_judged_in_a_worker() -> None:
    check, params = RepetitionPenalty(), RepetitionParams()
    assert check.judge_in_place(CheckInput("no " * 10_000), params) == check.judge(CheckInput("no " * 10_000), params)
    assert check.judge_in_place(CheckInput("no " * 100_000), params) is None
    assert check.judge_in_place(CheckInput("no", token_ids=(1,) * 100_000), params) is None


HOSTILE = {
    "one letter": "a",
    "words": "ab ",
    "Han": "我",
    "lines": "ab cd\n",
    "spaces": " ",
    "signs": "1+",
    "marks": "\u0301",
    "commands": "\\frac",
    "zero-width": "\u200b",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE.keys())
def test_half_a_megabyte_of_anything_is_linear_work(unit: str) -> None:
    text = unit * (500_000 // len(unit))
    started = time.process_time()
    repetition(prose(20) + text + "end", 4)
    assert time.process_time() - started < 5


def test_texts_made_to_keep_the_search_for_a_loop_busy_are_linear_work() -> None:
    chance = random.Random(1)
    tail = "".join(chance.choice("ab") for _ in range(1400))
    steps = "".join(f"{n}x{tail[-n:]}" for n in range(1, 1400))
    a, b = "a", "ab"
    while len(b) < 300_000:  # Fibonacci words: full of repeats of all lengths
        a, b = b, b + a
    for text in (steps, b, "a" * 150_000 + "b" + "a" * 149_999):
        started = time.process_time()
        repetition(text, 4)
        assert time.process_time() - started < 5
