"""`language`: how much of the reasoning is in the language it should be in?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from reward_server.checks.base import AnswerCheck, CheckInput, Params, Verdict
from reward_server.language.consistency import Consistency, needs_identification, proportion
from reward_server.language.identify import available, load
from reward_server.language.prompt import language_of_prompt
from reward_server.language.scripts import SCRIPT_OF, code_of

MIXED_BELOW = 0.8  # share of the target from which on no flag is raised
_MISSING = "telling languages of one script apart needs the extra `lang`: pip install 'assay[lang]'"


class LanguageParams(Params):
    target: str = Field(
        default="auto",
        max_length=16,
        description="a code such as `zh`; `item`: the item's target_language; `prompt`: the language of the prompt; "
        "auto: the item's target_language where it has one, else the prompt's",
    )
    scope: Literal["think", "answer", "all"] = Field(
        default="think",
        description="the text that counts; think: what stands before the last </think>, all of it where there is none",
    )
    min_units: float = Field(
        default=10.0, ge=1.0, le=10_000.0, description="words; of a text with fewer nothing is said"
    )
    mode: Literal["proportion", "threshold"] = Field(
        default="proportion", description="the share itself, or 1 from `threshold` on and else 0"
    )
    threshold: float = Field(default=0.9, gt=0.0, le=1.0, description="share of the target, for mode `threshold`")
    tolerance: float = Field(
        default=0.0,
        ge=0.0,
        le=0.9,
        description="share of words in other languages that costs nothing; the rest counts from there down to 0",
    )
    identify: bool | None = Field(
        default=None,
        description="whether languages of one script are told apart, which needs the extra `lang`; null: only where "
        "the target is given as a code and is not the main language of its script (en, ru, ar, hi are)",
    )
    none_value: float | None = Field(
        default=None,
        ge=0.0,
        le=1.0,
        description="of a completion with too little to count; null: the check does not apply to it, so that in a "
        "product or as a gate saying nothing would pay",
    )
    allow_terms: tuple[str, ...] = Field(
        default=(), max_length=100, description="words and phrases that are not counted, in any case of letters"
    )

    @field_validator("target")
    @classmethod
    def _known(cls, target: str) -> str:
        if target in ("auto", "item", "prompt"):
            return target
        code = code_of(target)
        if code is None:
            raise ValueError(f"expected auto, item, prompt or an ISO 639-1 code such as zh, got {target!r}")
        return code

    @field_validator("allow_terms")
    @classmethod
    def _not_blank(cls, terms: tuple[str, ...]) -> tuple[str, ...]:
        if not all(term.strip() and len(term) <= 100 for term in terms):
            raise ValueError("expected terms of 1 to 100 characters")
        return terms

    @model_validator(mode="after")
    def _tolerance_is_for_proportions(self) -> Self:
        if self.tolerance and self.mode == "threshold":
            raise ValueError("tolerance is for mode `proportion`; lower the threshold instead")
        return self


class Language(AnswerCheck):
    name: ClassVar[str] = "language"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = "the proportion of words of the reasoning that are in the target language"
    source: ClassVar[str] = "DeepSeek-R1 (arXiv:2501.12948) section 2.3.2, language consistency reward"
    params: ClassVar[type[Params]] = LanguageParams
    detail: ClassVar[Mapping[str, str]] = {
        "target": "code of the target; the name of a script where its languages are not told apart",
        "method": "script: words are counted by script; identify: languages of one script are told apart",
        "units": "words counted; a Chinese character is 0.6, writing without spaces goes by length",
        "target_units": "those of the target",
        "share": "target_units / units",
        "foreign": "words by language, or by script, that is not the target; mixed: Latin and Cyrillic in one word",
        "removed_fraction": "share of the characters that were left out as formulas, code, addresses, identifiers",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "language"}],
        "items": [
            {
                "prompt": "小明有3个苹果，又买了5个，一共有几个苹果？",
                "completion": "<think>小明原来有3个苹果，又买了5个，所以一共有 $3+5=8$ 个苹果。</think>8",
            },
            {
                "prompt": "小明有3个苹果，又买了5个，一共有几个苹果？",
                "completion": "<think>小明原来有3个苹果。So we add five more apples and get eight in total.</think>8",
            },
            {
                "target_language": "en",
                "completion": "<think>She buys five more apples, 所以一共 has eight apples, which is it.</think>8",
            },
            {"prompt": "How many apples does she have now?", "completion": "<think>Eight.</think>8"},
        ],
    }

    def unavailable(self, params: LanguageParams) -> str | None:
        needed = params.identify or (params.identify is None and needs_identification(params.target))
        return _MISSING if needed and not available() else None

    def prepare(self, params: LanguageParams) -> None:
        given = params.target in ("auto", "item")  # then the next item may ask for French
        if params.identify or (params.identify is None and (given or needs_identification(params.target))):
            load()

    def judge(self, item: CheckInput, params: LanguageParams) -> Verdict:
        target, identified, why = _target(item, params)
        if target is None:
            return _nothing_said(why)
        text = _text(item.completion, params.scope)
        if text is None:
            verdict = _nothing_said("the thinking is not closed: there is no answer", target, identified)
            return replace(verdict, value=params.none_value)
        counted = proportion(text, target, identified=identified, allowed=_pattern(params.allow_terms))
        detail = _detail(target, identified, counted)
        flags = _flags(counted, params)
        if counted.share is None or counted.units < params.min_units:
            return Verdict(
                params.none_value, detail, flags, f"{counted.units:.1f} words, fewer than {params.min_units:g}"
            )
        return Verdict(_value(counted.share, params), detail, flags)


def _target(item: CheckInput, params: LanguageParams) -> tuple[str | None, bool, str]:
    """The target, whether languages of its script are told apart, and why there is none."""
    if params.target in ("auto", "item") and item.target_language is not None:
        code = code_of(item.target_language)
        if code is None:
            return None, False, f"the target_language {item.target_language!r} is not known"
        return _with_method(code, params)
    if params.target == "item":
        return None, False, "the item has no target_language"
    if params.target in ("auto", "prompt"):
        if item.prompt is None:
            return None, False, "the item has no target_language and no prompt to take it from"
        language = language_of_prompt(item.prompt, identified=bool(params.identify))
        return language, bool(params.identify) and language in SCRIPT_OF, "the prompt has fewer than three words"
    return _with_method(params.target, params)


def _with_method(code: str, params: LanguageParams) -> tuple[str | None, bool, str]:
    identified = needs_identification(code) if params.identify is None else params.identify
    if identified and not available():
        return None, True, _MISSING
    return code, identified, ""


def _text(completion: str, scope: str) -> str | None:
    """The part of the completion that counts. What stands before a <think> is reasoning too."""
    if scope == "all":
        return completion
    before, closed, behind = completion.rpartition("</think>")
    if scope == "think":
        return before if closed else completion
    return None if "<think>" in behind else behind


@lru_cache(maxsize=64)
def _pattern(terms: tuple[str, ...]) -> re.Pattern[str] | None:
    """Latin letters must not go on at either side of a term; Chinese knows no such borders."""
    if not terms:
        return None
    longest_first = sorted(map(re.escape, terms), key=len, reverse=True)
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(longest_first)})(?![A-Za-z])", re.IGNORECASE)


def _value(share: float, params: LanguageParams) -> float:
    if params.mode == "threshold":
        return float(share >= params.threshold)
    return min(1.0, share / (1.0 - params.tolerance))


def _flags(counted: Consistency, params: LanguageParams) -> tuple[str, ...]:
    flags = ["mostly_removed"] if counted.mostly_removed else []
    if counted.share is not None and counted.units >= params.min_units and counted.share < MIXED_BELOW:
        flags.append("language_mixed")
    return tuple(flags)


def _detail(target: str, identified: bool, counted: Consistency) -> dict[str, Any]:
    return {
        "target": target,
        "method": "identify" if identified else "script",
        "units": round(counted.units, 2),
        "target_units": round(counted.target_units, 2),
        "share": None if counted.share is None else round(counted.share, 4),
        "foreign": {code: round(units, 2) for code, units in counted.languages.items() if code != target},
        "removed_fraction": round(counted.removed_fraction, 4),
    }


def _nothing_said(why: str, target: str | None = None, identified: bool = False) -> Verdict:
    method = None if target is None else "identify" if identified else "script"
    detail = dict.fromkeys(Language.detail) | {"target": target, "method": method}
    return Verdict(None, detail, reason=why)
