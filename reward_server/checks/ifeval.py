"""`ifeval`: does the response keep the instructions of its prompt that can be verified?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_server.checks.base import CheckInput, GoldView, HeavyCheck, Params, Verdict
from reward_server.completion import after_thinking, answer_tag, with_prefill
from reward_server.ground_truth.constraints import constraints_of
from reward_server.instructions.instruction import Instruction
from reward_server.instructions.judge import LOOSE_READINGS, Outcome, outcomes
from reward_server.instructions.registry import instructions_of
from reward_server.language.identify import load
from reward_server.wire import GoldKind

_IN_PLACE_CHARS = 100_000  # of all readings together; a hostile one takes up to a microsecond


class IFEvalParams(Params):
    mode: Literal["strict", "loose"] = Field(
        default="strict",
        description="loose: an instruction is also followed where it is without the first line, the last line or both, "
        "or without asterisks",
    )
    scoring: Literal["all", "fraction"] = Field(
        default="all", description="all: 1 when every instruction is followed, else 0; fraction: the share followed"
    )
    part: Literal["auto", "all", "answer"] = Field(
        default="auto",
        description="what is judged of the text behind the thinking; all: all of it; answer: the inside of <answer>; "
        "auto: the inside where there is nothing around it, else all",
    )
    min_words: int = Field(
        default=1,
        ge=0,
        le=100_000,
        description="a response with fewer words gets 0, for it would keep `no commas` by saying nothing",
    )


class IFEval(HeavyCheck):
    name: ClassVar[str] = "ifeval"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = (
        "1 when the response follows the verifiable instructions of its prompt, or the share of them"
    )
    source: ClassVar[str] = (
        "IFEval (arXiv:2311.07911), its 25 instruction types; corrects google-research/instruction_following_eval/"
        "instructions.py"
    )
    ground_truth: ClassVar[str] = (
        "instruction ids with their arguments: a row of IFEval, Tülu 3 or RLVR-IFeval, as an object, JSON or a "
        "Python literal"
    )
    params: ClassVar[type[Params]] = IFEvalParams
    detail: ClassVar[Mapping[str, str]] = {
        "instructions": "for each its id, whether it was followed (null: cannot be said here) and, if not, why",
        "followed": "how many were followed",
        "total": "how many there are",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "ifeval", "params": {"scoring": "fraction"}}],
        "items": [
            {
                "completion": "<think>No commas, then.</think>Rain falls on *old* roofs. P.S. Bring a coat!",
                "ground_truth": {
                    "instruction_id_list": ["punctuation:no_comma", "detectable_content:postscript"],
                    "kwargs": [{}, {"postscript_marker": "P.S."}],
                },
            },
            {
                "completion": "Rain，again、and again.",
                "ground_truth": {
                    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
                    "kwargs": [{}, {"num_words": 3, "relation": "at least"}],
                },
            },
            {
                "completion": "<think>Saying nothing keeps every rule.</think>",
                "ground_truth": {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]},
            },
        ],
    }

    def prepare(self, params: IFEvalParams) -> None:
        load()

    def judge_in_place(self, item: CheckInput, params: IFEvalParams) -> Verdict | None:
        readings = LOOSE_READINGS if params.mode == "loose" else 1
        return self.judge(item, params) if len(item.completion) * readings <= _IN_PLACE_CHARS else None

    def judge(self, item: CheckInput, params: IFEvalParams) -> Verdict:
        instructions = _instructions(item)
        text = _judged_part(item, params.part)
        found = None
        if text is not None:
            found = outcomes(text, instructions, loose=params.mode == "loose", min_words=params.min_words)
        if found is None:
            nothing = [
                Outcome(one.id, False, f"the response has fewer than {params.min_words} words") for one in instructions
            ]
            return Verdict(0.0, _detail(nothing), ("no_answer",), gold_kind=GoldKind.CONSTRAINTS)
        unknown = next((one.reason for one in found if one.followed is None), None)
        if unknown is not None:
            return Verdict(None, _detail(found), reason=unknown, gold_kind=GoldKind.CONSTRAINTS)
        share = sum(one.followed is True for one in found) / len(found)
        value = share if params.scoring == "fraction" else float(share == 1.0)
        return Verdict(value, _detail(found), gold_kind=GoldKind.CONSTRAINTS)

    def read_gold(self, item: CheckInput, params: IFEvalParams) -> GoldView:
        return GoldView(GoldKind.CONSTRAINTS, ", ".join(one.id for one in _instructions(item)))


def _instructions(item: CheckInput) -> list[Instruction]:
    return instructions_of(constraints_of(item.ground_truth), item.prompt)


def _judged_part(item: CheckInput, part: Literal["auto", "all", "answer"]) -> str | None:
    """None where there is no such part. Text around <answer> is seen by whoever asked, so `auto` judges it too."""
    text = after_thinking(with_prefill(item))
    if text is None or part == "all":
        return text
    inside = answer_tag(text)
    if part == "answer" or inside is None:
        return inside if part == "answer" else text
    alone = text.strip() in (f"<answer>{inside}</answer>", f"<answer>{inside}".strip())
    return inside if alone else text


def _detail(found: list[Outcome]) -> dict[str, Any]:
    return {
        "instructions": [{"id": one.id, "followed": one.followed, "reason": one.reason} for one in found],
        "followed": sum(one.followed is True for one in found),
        "total": len(found),
    }
