"""`trainer-client eval`: problems answered k times each, judged by the reward server, counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from trainer_client.config.recipes import EvalCommandConfig
from trainer_client.device import open_device
from trainer_client.interrupts import Interrupts
from trainer_client.metrics import is_right
from trainer_client.model import open_model
from trainer_client.preflight import check_server
from trainer_client.randomness import seed_everything
from trainer_client.recipes.bar import Bar
from trainer_client.recipes.drawing import REACHING, Drawing, Portion, same_rules
from trainer_client.recipes.ledger import Ledger, json_lines, replace_text
from trainer_client.recipes.problems import open_problems, prompt_value, tell_shared_ids
from trainer_client.recipes.rows import Row, read_rows
from trainer_client.recipes.run import begun, model_identity
from trainer_client.recipes.scorecard import Scorecard, pass_rate, results_table
from trainer_client.rewards import RewardScorer
from trainer_client.types import Example, Judged, RolloutScore, ScoredGroup

ANSWERS, PROBLEMS, PROGRESS, RESULTS = "answers.jsonl", "problems.jsonl", "progress.json", "results.json"
START: Row = {"position": 0, "too_long": 0, "profile_hash": None, "judges": []}


def evaluate_command(config: EvalCommandConfig) -> Row:
    """Answer, judge and count as the configuration says, or go on with it; prints and returns the results.

    `answers.jsonl` has a line for each problem with all its answers, `problems.jsonl` its pass rate.
    """
    sources = {"model.path": config.model.path, "problems.path": config.problems.path}
    console = Console(highlight=False)
    with begun(config, (*REACHING, "problems.limit", "ks", "confidence"), sources) as directory:
        results = _evaluated(config, directory, console)
    source = config.problems.path or "built-in task"
    console.print(f"{source}: {directory / RESULTS}", soft_wrap=True, markup=False)
    console.print(results_table(results))
    return results


def _evaluated(config: EvalCommandConfig, directory: Path, console: Console) -> Row:
    """Answer until all problems are done; what is there is counted however it ends."""
    problems = open_problems(config.problems, print)
    tell_shared_ids(problems, print)
    total = len(problems)
    with Ledger(directory / PROGRESS, [directory / ANSWERS, directory / PROBLEMS]) as ledger:
        position = (START | ledger.state)["position"]
        with Bar("eval", total, position, console) as bar, Interrupts(bar.notice) as interrupts:
            try:
                if position < total:
                    _answer(config, problems, ledger, bar, interrupts)
            finally:
                results = _count(config, directory, START | ledger.state, total)
            interrupts.obey()
    return results


def _answer(
    config: EvalCommandConfig, problems: Sequence[Example], ledger: Ledger, bar: Bar, interrupts: Interrupts
) -> None:
    seed_everything(config.seed)
    with RewardScorer(config.reward, bar.notice) as scorer:
        with interrupts.at_once():
            check_server(scorer, config.reward, problems, [config.accuracy_component])
            model = open_model(config.model, open_device(config.run))
        settings = (config.problems, config.sampler, config.reward)
        amount = (config.seed, config.samples, config.greedy)
        drawing = Drawing(model, problems, *settings, scorer, interrupts, *amount)
        state = START | ledger.state
        answers, rates = ledger.paths
        right = judged = 0
        for portion in drawing.portions(state["position"]):
            rows = [answer_row(group, config.accuracy_component) for group in portion.groups]
            state = _advanced(state, portion)
            ledger.commit({answers: json_lines(rows), rates: json_lines([pass_rate(row) for row in rows])}, state)
            judged += sum(one["right"] is not None for row in rows for one in row["samples"])
            right += sum(one["right"] is True for row in rows for one in row["samples"])
            bar.show(state["position"], f"{right} of {judged} judged answers right")


def _advanced(state: Row, portion: Portion) -> Row:
    rules = same_rules(state["profile_hash"], portion.judge)
    judges = list(state["judges"])
    if portion.judge is not None and asdict(portion.judge) not in judges:
        judges.append(asdict(portion.judge))
    too_long = state["too_long"] + portion.too_long
    return {"position": portion.position, "too_long": too_long, "profile_hash": rules, "judges": judges}


def answer_row(group: ScoredGroup, component: str) -> Row:
    """One line of `answers.jsonl`: a problem with its answers; `right` is None for one that was not judged."""
    example = group.group.prompt.example
    samples = [
        {
            "completion": rollout.text,
            "right": is_right(score, component) if score.judged is Judged.SCORED else None,
            "answer": read_answer(score, component),
            "reward": score.reward,
            "components": score.components,
            "flags": list(score.flags),
            "judged": score.judged.value,
            "reason": score.reason,
            "truncated": rollout.truncated,
            "tokens": len(rollout.token_ids),
        }
        for rollout, score in zip(group.group.rollouts, group.scores, strict=True)
    ]
    return {"id": example.id, "prompt": prompt_value(example), "ground_truth": example.ground_truth, "samples": samples}


def read_answer(score: RolloutScore, component: str) -> str | None:
    """What the server read as the answer, normalised where it could: what a majority is counted by. None: no answer."""
    detail = score.details.get(component, {})
    answer = detail.get("normalised_answer")
    if answer is None:
        answer = detail.get("answer")
    return None if answer is None else str(answer)


def _count(config: EvalCommandConfig, directory: Path, state: Row, total: int) -> Row:
    """Count what is on disk, a problem at a time, and write results.json."""
    card = Scorecard(config.ks)
    for _, row in read_rows(directory / ANSWERS):
        card.add(row["samples"])
    about = {
        "complete": state["position"] >= total,
        "greedy": config.greedy,
        "samples": config.samples,
        "temperature": None if config.greedy else config.sampler.temperature,
        "too_long": state["too_long"],
        **model_identity(config.model, config.seed),
        "judges": state["judges"],
    }
    results = about | card.results(config.confidence)
    replace_text(directory / RESULTS, json.dumps(results, indent=2) + "\n")
    return results
