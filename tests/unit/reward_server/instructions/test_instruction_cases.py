"""Golden cases: each of the 25 instructions, followed and not, with cheats and other scripts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reward_server.instructions.registry import INSTRUCTIONS, instructions_of
from reward_server.instructions.text import Response

CASES = [json.loads(line) for line in (Path(__file__).parent / "cases/ifeval.jsonl").read_text("utf-8").splitlines()]
LANGUAGE = "language:response_language"

ENGLISH = "The weather is nice today and we are walking to the park with our friends. Later we will eat in the city. "
GERMAN = "Das Wetter ist heute schön und wir gehen mit unseren Freunden in den Park. Später essen wir in der Stadt. "
CHINESE = "今天天气很好，我们和朋友一起去公园散步。晚上我们在城里吃饭，然后回家。"
KOREAN = "오늘은 날씨가 좋아서 친구들과 공원에서 산책을 합니다. 저녁에는 시내에서 밥을 먹고 집에 갑니다. "
HINDI = "आज मौसम अच्छा है और हम अपने दोस्तों के साथ पार्क में टहल रहे हैं। "
MARATHI = "आज हवामान छान आहे आणि आम्ही आमच्या मित्रांसोबत उद्यानात फिरत आहोत. "
PERSIAN = "امروز هوا خوب است و ما با دوستان خود در پارک قدم می‌زنیم. "


def lacks(name: str, arguments: dict[str, Any], response: str) -> str | None:
    return instructions_of([(name, arguments)], None)[0].lacks(Response(response))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']}: {case['why']}")
def test_golden_cases(case: dict[str, Any]) -> None:
    reason = lacks(case["id"], case["kwargs"], case["response"])
    assert (reason is None) is case["followed"], reason


@pytest.mark.parametrize("name", sorted(set(INSTRUCTIONS) - {LANGUAGE}))
def test_every_instruction_has_golden_cases_of_both_kinds(name: str) -> None:
    kinds = Counter(case["followed"] for case in CASES if case["id"] == name)
    assert min(kinds[True], kinds[False]) >= 4


def test_the_instructions_are_the_25_of_ifeval() -> None:
    assert len(INSTRUCTIONS) == 25
    arguments = {name for kind in INSTRUCTIONS.values() for name in kind.model_fields}
    assert arguments == {
        *("keywords", "keyword", "frequency", "relation", "forbidden_words", "letter", "let_frequency", "let_relation"),
        *("language", "num_sentences", "num_paragraphs", "num_words", "nth_paragraph", "first_word"),
        *("num_placeholders", "postscript_marker", "num_bullets", "num_highlights", "section_spliter", "num_sections"),
        *("prompt_to_repeat", "end_phrase", "capital_frequency", "capital_relation"),
    }


@pytest.mark.parametrize(
    ("language", "response"),
    [
        ("en", ENGLISH),
        ("en", ENGLISH.upper()),
        ("de", GERMAN),
        ("de", GERMAN * 10 + ENGLISH),
        ("zh", CHINESE),
        ("zh-cn", CHINESE),
        ("ko", KOREAN),
        ("ko", f"{KOREAN * 4}\n```\n{ENGLISH * 9}\n```\n"),
        ("hi", HINDI),
        ("mr", MARATHI),
        ("fa", PERSIAN),
        ("fi", "Tänään sää on hyvä ja kävelemme puistossa ystäviemme kanssa."),
        ("pa", "ਅੱਜ ਮੌਸਮ ਚੰਗਾ ਹੈ"),
    ],
    ids=lambda value: value[:12],
)
def test_a_response_is_in_the_language(language: str, response: str) -> None:
    pytest.importorskip("py3langid")
    assert lacks(LANGUAGE, {"language": language}, response) is None


@pytest.mark.parametrize(
    ("language", "response"),
    [
        ("en", GERMAN),
        ("de", ENGLISH),
        ("hi", MARATHI),
        ("ar", PERSIAN),
        ("ja", CHINESE),
        ("en", "12 34 56"),
        ("en", ENGLISH * 6 + GERMAN * 4),
        ("ko", KOREAN * 4 + ENGLISH * 2),
        ("en", f"```\n{ENGLISH}\n```"),
    ],
    ids=lambda value: value[:12],
)
def test_a_response_is_not_in_the_language(language: str, response: str) -> None:
    pytest.importorskip("py3langid")
    assert lacks(LANGUAGE, {"language": language}, response) is not None
