"""The check `language`: target, scope, values, neutral verdicts, and ways to earn it without doing what it asks."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from reward_server.checks import language as module
from reward_server.checks.base import CheckInput, Verdict
from reward_server.checks.language import Language, LanguageParams
from reward_server.language.identify import available

CHINESE = "所以我们把两个数相加，然后再看一遍结果，以便确认没有问题。"
ENGLISH = "So we add the two numbers and then we look at the result once more."
FRENCH = "On calcule la somme de ces deux nombres et puis on regarde encore une fois le résultat."
QUESTION = "小明有3个苹果，又买了5个，一共有几个苹果？"
needs_model = pytest.mark.skipif(not available(), reason="needs the extra `lang`")


def judge(completion: str, item: dict[str, Any] | None = None, **params: Any) -> Verdict:
    """Against the target English unless the item or the parameters say otherwise."""
    if item is None and "target" not in params:
        params["target"] = "en"
    return Language().judge(CheckInput(completion=completion, **(item or {})), LanguageParams(**params))


@pytest.fixture
def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available", lambda: False)


def test_the_value_is_the_share_of_target_words() -> None:
    assert judge(ENGLISH).value == 1.0
    assert judge(CHINESE).value == 0.0
    both = judge(ENGLISH + CHINESE)  # 15 words beside 26 characters
    assert both.value == pytest.approx(15 / (15 + 0.6 * 26))
    assert both.detail["share"] == round(both.value, 4)
    assert both.detail["foreign"] == {"zh": 15.6}


@pytest.mark.parametrize(
    ("item", "params", "target"),
    [
        ({"prompt": QUESTION}, {}, "zh"),
        ({"prompt": ENGLISH}, {}, "latin"),
        ({"prompt": QUESTION, "target_language": "en"}, {}, "en"),
        ({"prompt": QUESTION, "target_language": "en"}, {"target": "prompt"}, "zh"),
        ({"prompt": QUESTION, "target_language": "en-GB"}, {"target": "item"}, "en"),
        ({"prompt": QUESTION, "target_language": "en"}, {"target": "ja"}, "ja"),
        ({}, {"target": "zh-Hans"}, "zh"),
    ],
)
def test_target_comes_from_the_parameter_the_item_or_the_prompt(
    item: dict[str, Any], params: dict[str, Any], target: str
) -> None:
    assert judge(ENGLISH, item, **params).detail["target"] == target


@pytest.mark.parametrize(
    ("item", "params", "reason"),
    [
        ({}, {}, "no target_language and no prompt"),
        ({"prompt": "x?"}, {}, "fewer than three words"),
        ({"prompt": QUESTION}, {"target": "item"}, "no target_language"),
        ({"target_language": "tlh"}, {}, "'tlh' is not known"),
        ({"target_language": ""}, {}, "'' is not known"),
        ({"target_language": "en"}, {"scope": "answer"}, "not closed"),
        ({"target_language": "en"}, {"min_units": 100}, "fewer than 100"),
    ],
)
def test_where_nothing_can_be_said_the_verdict_is_neutral_with_a_reason(
    item: dict[str, Any], params: dict[str, Any], reason: str
) -> None:
    verdict = judge("<think>" + ENGLISH, item, **params)
    assert verdict.value is None
    assert verdict.reason is not None
    assert reason in verdict.reason


@pytest.mark.parametrize("completion", ["", "<think></think>42", f"<think>Eight.</think>{CHINESE}", "$x$" * 99])
def test_too_little_thinking_is_neutral_neither_0_nor_1(completion: str) -> None:
    verdict = judge(completion)
    assert verdict.value is None
    assert verdict.detail["units"] < 10


def test_saying_too_little_can_be_given_a_value_and_so_cannot_pay_in_a_product() -> None:
    assert judge("<think>Eight.</think>8", none_value=0.0).value == 0.0
    assert judge("<think>Eight", scope="answer", none_value=0.0).value == 0.0
    assert judge(f"<think>{ENGLISH}</think>8", none_value=0.0).value == 1.0
    unknown = Language().judge(CheckInput("<think>Eight.</think>8"), LanguageParams(none_value=0.0))
    assert unknown.value is None  # no target: the caller's doing


@pytest.mark.parametrize(
    ("completion", "scope", "value"),
    [
        (f"<think>{ENGLISH}</think>{CHINESE}", "think", 1.0),
        (f"<think>{ENGLISH}</think>{CHINESE}", "answer", 0.0),
        (f"{ENGLISH}</think>{CHINESE}", "think", 1.0),  # the template wrote <think>
        (f"<think>{ENGLISH}", "think", 1.0),
        (f"<think>{ENGLISH}</think><think>{CHINESE}</think>", "answer", None),
        (ENGLISH, "think", 1.0),
        (ENGLISH, "answer", 1.0),
        (ENGLISH, "all", 1.0),
    ],
)
def test_scope_names_the_part_that_counts(completion: str, scope: str, value: float | None) -> None:
    assert judge(completion, scope=scope).value == value


@pytest.mark.parametrize(
    "completion",
    [f"{CHINESE}<think>{ENGLISH}</think>8", f"<think>{ENGLISH}</think>{CHINESE}<think>x</think>8"],
)
def test_reasoning_beside_the_think_tags_is_reasoning(completion: str) -> None:
    value = judge(completion).value
    assert value is not None
    assert value < 0.5


@pytest.mark.parametrize(
    ("params", "value"),
    [
        ({"tolerance": 0.6}, 1.0),
        ({"tolerance": 0.2}, 15 / 30.6 / 0.8),
        ({"mode": "threshold"}, 0.0),
        ({"mode": "threshold", "threshold": 0.4}, 1.0),
        ({"allow_terms": ["我们把两个数相加", "然后再看一遍结果", "以便确认没有问题", "所以"]}, 1.0),
        ({"allow_terms": ["add THE two"]}, 12 / 27.6),
        ({"allow_terms": ["add the tw"]}, 15 / 30.6),
    ],
)
def test_tolerance_threshold_and_allowed_terms(params: dict[str, Any], value: float) -> None:
    assert judge(ENGLISH + CHINESE, **params).value == pytest.approx(value)


@pytest.mark.parametrize(
    "params",
    [
        {"target": "klingon"},
        {"target": ""},
        {"tolerance": 1.0},
        {"tolerance": 0.1, "mode": "threshold"},
        {"threshold": 0.0},
        {"min_units": 0},
        {"allow_terms": [" "]},
        {"allow_terms": ["x" * 101]},
    ],
)
def test_impossible_parameters_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LanguageParams(**params)


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        ({}, False),
        ({"target": "zh"}, False),
        ({"target": "en"}, False),
        ({"target": "ru"}, False),
        ({"target": "fr"}, True),
        ({"target": "uk"}, True),
        ({"identify": True}, True),
        ({"target": "fr", "identify": False}, False),
    ],
)
def test_without_the_extra_what_needs_it_is_refused_and_the_rest_is_judged(
    params: dict[str, Any], refused: bool, without_model: None
) -> None:
    reason = Language().unavailable(LanguageParams(**params))
    assert (reason is not None) == refused
    assert reason is None or "assay[lang]" in reason


def test_an_item_that_needs_the_missing_extra_is_neutral(without_model: None) -> None:
    verdict = judge(FRENCH, {"target_language": "fr"})
    assert verdict.value is None
    assert verdict.reason is not None
    assert "assay[lang]" in verdict.reason


@pytest.mark.parametrize("item", [{"prompt": FRENCH}, {"prompt": ENGLISH}, {"target_language": "en"}])
def test_latin_prompts_and_english_are_counted_by_script_whatever_is_installed(item: dict[str, Any]) -> None:
    verdict = judge(ENGLISH + FRENCH, item)
    assert verdict.value == 1.0
    assert verdict.detail["method"] == "script"


@needs_model
@pytest.mark.parametrize(
    ("item", "params"),
    [({"target_language": "fr"}, {}), ({}, {"target": "fr"}), ({"prompt": FRENCH}, {"identify": True})],
)
def test_latin_languages_are_told_apart_where_the_target_needs_it(item: dict[str, Any], params: dict[str, Any]) -> None:
    verdict = judge(FRENCH + " " + ENGLISH, item, **params)
    assert verdict.detail["method"] == "identify"
    assert verdict.detail["foreign"] == {"en": 15.0}
    assert verdict.value == pytest.approx(17 / 32)


@needs_model
def test_a_prompt_that_cannot_be_told_is_judged_by_its_script() -> None:
    verdict = judge(FRENCH, {"prompt": "apples now please"}, identify=True)
    assert (verdict.value, verdict.detail["target"], verdict.detail["method"]) == (1.0, "latin", "script")


@pytest.mark.parametrize(
    ("item", "params"),
    [
        ({}, {}),
        ({"target_language": "tlh"}, {}),
        ({"target_language": "en"}, {}),
        ({"target_language": "zh"}, {}),
        ({"target_language": "en"}, {"scope": "answer"}),
        ({"prompt": QUESTION}, {}),
    ],
)
@pytest.mark.parametrize("completion", ["", "<think>", ENGLISH, CHINESE, "😀" * 20])
def test_detail_has_the_same_keys_always(item: dict[str, Any], params: dict[str, Any], completion: str) -> None:
    assert judge(completion, item, **params).detail.keys() == Language.detail.keys()


def test_a_mixed_text_is_flagged_and_a_single_foreign_word_is_not() -> None:
    assert judge(ENGLISH + CHINESE).flags == ("language_mixed",)
    assert judge(ENGLISH + "结果").flags == ()


# What a policy may try in order to think in another language and be paid for the target.


def test_thoughts_in_formulas_and_comments_are_counted_and_flagged() -> None:
    hidden = judge(CHINESE + "\\[\\text{" + ENGLISH * 10 + "}\\]", target="zh")
    assert "mostly_removed" in hidden.flags
    assert hidden.value is not None
    assert hidden.value < 0.2


@pytest.mark.parametrize(
    "disguise",
    ["`{}`", "``{}``", "${}$", "$${}$$", "\\({}\\)", "\\text{{{}}}", "\\foo{{{}}}", "<x {}>", "\n```\n# {}\n```\n"],
)
def test_chinese_counts_in_formulas_code_and_tags_too(disguise: str) -> None:
    """No notation is written in Chinese, so it needs no guess whether nearly everything is notation."""
    assert judge(ENGLISH + disguise.format(CHINESE)).value == judge(ENGLISH + CHINESE).value


@pytest.mark.parametrize("joint", ["_", "-", "/", "."])
def test_sentences_joined_to_one_long_identifier_are_words(joint: str) -> None:
    joined = joint.join(ENGLISH.lower().rstrip(".").split())
    value = judge(CHINESE + joined, target="zh").value
    assert value is not None
    assert value < 0.6
    assert judge(CHINESE + "".join(ENGLISH.title().split()), target="zh").value == value


def test_words_joined_without_anything_between_them_are_about_as_many() -> None:
    value = judge(CHINESE + "".join(ENGLISH.lower().rstrip(".").split()), target="zh").value
    assert value is not None
    assert value < 0.7
    assert judge(CHINESE + "internationalization", target="zh").value == judge(CHINESE + "words", target="zh").value


@pytest.mark.parametrize("disguise", ["<think {}>", "<!-- {} -->", "~~{}~~", "**{}**", "> {}", "$5 {} $6"])
def test_prose_in_what_only_looks_like_notation_is_prose(disguise: str) -> None:
    assert judge(CHINESE + disguise.format(ENGLISH.rstrip(".")), target="zh").detail["foreign"]["latin"] >= 15


@pytest.mark.parametrize("disguise", ["\u200b", "\u2060", "\u00ad", "\ufe0f"])
def test_invisible_characters_inside_of_words_change_nothing(disguise: str) -> None:
    plain = judge(CHINESE + ENGLISH, target="zh")
    assert judge(CHINESE + disguise.join(ENGLISH), target="zh").value == plain.value


def test_fullwidth_letters_are_latin_letters() -> None:
    fullwidth = "".join(chr(ord(char) + 0xFEE0) if char.isalpha() else char for char in ENGLISH)
    assert judge(CHINESE + fullwidth, target="zh").value == judge(CHINESE + ENGLISH, target="zh").value


def test_cyrillic_look_alikes_do_not_make_english_russian() -> None:
    disguised = ENGLISH.translate(str.maketrans("aeopcxy", "аеорсху"))
    value = judge(disguised, target="ru").value
    assert value is not None
    assert value < 0.2
    assert judge(disguised, target="ru").detail["foreign"]["mixed"] > 5


@needs_model
@pytest.mark.parametrize(
    "transliterated",
    [
        "yinwei zhege sanjiaoxing shi dengyao sanjiaoxing suoyi liangge dijiao xiangdeng",
        "sono kazu ga kisuu naraba nijou mo kisuu ni narimasu",
        "snachala vychislim a zatem podstavim v iskhodnoye uravneniye dlya proverki resheniya",
    ],
)
def test_transliteration_is_not_english_where_languages_are_told_apart(transliterated: str) -> None:
    assert judge(transliterated + ".", target="en", identify=True, min_units=5).value == 0.0


def test_transliteration_counts_as_latin_for_a_chinese_target() -> None:
    assert judge("suoyi women ba liang ge shu xiangjia ranhou zai kan yibian jieguo", target="zh").value == 0.0


def test_one_letter_words_and_emoji_are_no_words_of_any_language() -> None:
    assert judge("x y z e o k 😀 " * 50).value is None


def test_repeated_filler_dilutes_and_is_left_to_the_check_of_repetition() -> None:
    """Known and meant: words are counted as often as they are said. Pair this check with `repetition`."""
    value = judge(CHINESE * 9 + ENGLISH, target="zh").value
    assert value is not None
    assert value > 0.9


def test_preparing_twice_is_quick_and_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []
    monkeypatch.setattr(module, "load", lambda: calls.append(None))
    for params in ({"target": "zh"}, {"target": "prompt"}, {"identify": False}, {"target": "en"}):
        Language().prepare(LanguageParams(**params))
    assert calls == []
    for params in ({"target": "fr"}, {"target": "auto"}, {"target": "zh", "identify": True}):
        Language().prepare(LanguageParams(**params))
    assert len(calls) == 3
