"""`reasoning_gym`: every data set of the reasoning-gym package, by its own verifier or a safer rule for it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_server.checks.base import CheckInput, GoldView, HeavyCheck, Params, Verdict
from reward_server.completion import with_prefill
from reward_server.puzzles.answers import final_answer, shown
from reward_server.puzzles.gym import FLOOR, PACKAGE, GymScore, data_set, gym_row, gym_score, is_read, reference
from reward_server.puzzles.gym_rules import RULES
from reward_server.wire import GoldKind


class ReasoningGymParams(Params):
    partial: Literal["none", "package"] = Field(
        default="none",
        description="none: right or wrong; package: the package's own partial credit where it gives some, without what "
        "it pays for any answer; it pays for references hidden in long answers, too",
    )


class ReasoningGym(HeavyCheck):
    name: ClassVar[str] = "reasoning_gym"
    description: ClassVar[str] = "1 when the answer is right by the verifier of its reasoning-gym data set, else 0"
    source: ClassVar[str] = "Reasoning Gym (arXiv:2505.24760), https://github.com/open-thought/reasoning-gym"
    ground_truth: ClassVar[str] = (
        "the whole row {question, answer, metadata: {source_dataset, …}}, as JSON text too, or wrapped"
    )
    start_seconds: ClassVar[float] = 10.0  # the package takes 2 s to import, on a starved machine several times that
    params: ClassVar[type[Params]] = ReasoningGymParams
    detail: ClassVar[Mapping[str, str]] = {
        "dataset": "the data set of the row",
        "failed": "no_answer, several_answers, too_long, wrong, crashed (the verifier, over this answer), unsafe (it "
        "would have run the answer as code, and was stopped); null where it is right",
        "answer": "the answer as it stands in the completion, its first 200 characters",
        "package_score": "what the package itself pays; null where a rule of our own judges",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "reasoning_gym"}],
        "items": [
            {
                "completion": f"<answer>{answer}</answer>",
                "ground_truth": {"answer": "8", "metadata": {"source_dataset": "gcd", "numbers": [16, 24]}},
            }
            for answer in ("8", "1 2 3 4 5 6 7 8 9")
        ],
    }

    def unavailable(self, params: ReasoningGymParams) -> str | None:
        return None if find_spec(PACKAGE) is not None else "it needs reasoning-gym: pip install 'assay[puzzles]'"

    def judge(self, item: CheckInput, params: ReasoningGymParams) -> Verdict:
        row = gym_row(item.ground_truth)
        name = data_set(row)
        answer = final_answer(with_prefill(item), whole_text=True)
        if answer.text is None or answer.several:
            failed = "no_answer" if answer.text is None else "several_answers"
            return _verdict(name, GymScore(0.0, failed), answer.text, params)
        return _verdict(name, gym_score(answer.text, row), answer.text, params)

    def read_gold(self, item: CheckInput, params: ReasoningGymParams) -> GoldView:
        row = gym_row(item.ground_truth)
        answer = reference(row)
        text = f"{data_set(row)}: {shown(answer) or 'no reference, judged by its metadata'}"
        return GoldView(GoldKind.PUZZLE, text, None if answer is None else f"<answer>{answer}</answer>")


def _verdict(name: str, judged: GymScore, text: str | None, params: ReasoningGymParams) -> Verdict:
    value = 1.0 if judged.failed is None else 0.0
    if judged.failed == "wrong" and params.partial == "package" and FLOOR < judged.score < 1:
        value = judged.score
    flags: tuple[str, ...] = () if judged.failed in (None, "wrong") else (f"verifier_{judged.failed}",)
    if judged.failed in ("no_answer", "several_answers"):
        flags = (judged.failed,)
    if not is_read(name):
        flags += ("verifier_not_read",)
    score = None if name in RULES or text is None else judged.score
    detail = {"dataset": name, "failed": judged.failed, "answer": shown(text), "package_score": score}
    return Verdict(value, detail, flags, gold_kind=GoldKind.PUZZLE)
