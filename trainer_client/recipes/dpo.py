"""`trainer-client dpo`: right completions against wrong ones of the same prompt, near the model the run began with.

judged completions -> pairs.jsonl -> reference log-probs, once -> optimizer steps on pairs
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch

from trainer_client.config.recipes import DpoCommandConfig, DpoConfig
from trainer_client.data.order import Permuted
from trainer_client.device import open_device
from trainer_client.errors import CheckpointError
from trainer_client.losses.preference import PairSide, PreferenceSums, preference_loss
from trainer_client.model import LanguageModel, open_model
from trainer_client.optim import apply_gradients
from trainer_client.policy import token_log_probs
from trainer_client.progress import Stage
from trainer_client.randomness import seed_everything
from trainer_client.recipes.bar import Throttled
from trainer_client.recipes.course import Course, Plan, finish, held_out, opened
from trainer_client.recipes.ledger import replace_text
from trainer_client.recipes.pairs import write_pairs
from trainer_client.recipes.problems import tell_of_prompts
from trainer_client.recipes.reference import PairTokens, ReferenceLogProbs, compute_reference, pair_batch
from trainer_client.recipes.rows import Row, RowFile

PAIRS, PAIR_COUNT, REFERENCE = "pairs.jsonl", "pairs.json", "reference"
MAY_CHANGE = ("run.", "reward.", "held_out", "dpo.steps", "dpo.micro_batch")
HEADLINE = ("loss", "margin", "accuracy", "chosen_reward", "rejected_reward")


def dpo(config: DpoCommandConfig) -> dict[str, Any]:
    """Learn from the pairs, or go on with it; prints and returns the summary."""
    started = time.perf_counter()
    sources = {"model.path": config.model.path, "pairs.path": config.pairs.path}
    plan = Plan(Stage.DPO, config.dpo.steps, config.seed, config.resume, config.run, config.model, config.dpo.optim)
    with opened(config, plan, MAY_CHANGE, sources) as course:
        with course.interrupts.at_once():
            tokens = PairTokens(config.prompts, course.model)
            tell_of_prompts(config.pairs.path, config.prompts, course.display.notice)
            count = open_pairs(config, course, tokens)
            pairs = _counted(RowFile(course.directory / PAIRS), count)
        reference = _reference(config, course, pairs, tokens)
        lesson = Lesson(course.model, pairs, tokens, reference, config.dpo, config.seed)
        with held_out(config.held_out, config.reward, course) as evaluation:
            course.learn(lesson.step, evaluation)
        return finish(course, HEADLINE, {"pairs": count}, started)


class Lesson:
    """Optimizer steps on pairs."""

    def __init__(
        self,
        model: LanguageModel,
        pairs: RowFile,
        tokens: PairTokens,
        reference: ReferenceLogProbs,
        config: DpoConfig,
        seed: int,
    ) -> None:
        self._model, self._pairs, self._tokens = model, pairs, tokens
        self._reference, self._config = reference, config
        self._order = Permuted(len(pairs), f"{seed}:dpo")

    def step(self, optimizer: torch.optim.Optimizer, step: int, rate: float) -> dict[str, Any]:
        """One optimizer step; returns its metrics. A margin is the reward of chosen minus rejected, in nats * beta."""
        config = self._config
        places = self._order.batch(step, config.batch)
        loss, sums = 0.0, PreferenceSums()
        for start in range(0, len(places), config.micro_batch):
            share, more = self._gradient(places[start : start + config.micro_batch], len(places))
            loss, sums = loss + share, sums.plus(more)
        norm, taken = apply_gradients(optimizer, config.optim, rate)
        return {
            "loss": loss,
            "margin": (sums.chosen_rewards - sums.rejected_rewards) / sums.pairs,
            "accuracy": sums.right / sums.pairs,
            "chosen_reward": sums.chosen_rewards / sums.pairs,
            "rejected_reward": sums.rejected_rewards / sums.pairs,
            "grad_norm": norm,
            "skipped_updates": int(not taken),
        }

    def _gradient(self, places: Sequence[int], total: int) -> tuple[float, PreferenceSums]:
        """Add the gradient of one micro-batch; returns its share of the loss, and its sums."""
        model, half = self._model, len(places)
        batch = pair_batch([self._tokens.ids(self._pairs[place]) for place in places], model.pad_id).to(model.device)
        known = self._reference.rows(places, batch.completion_width).to(model.device)
        log_probs = token_log_probs(model.network, batch, 1.0)
        chosen = PairSide(log_probs[:half], known[:half], batch.action_mask[:half])
        rejected = PairSide(log_probs[half:], known[half:], batch.action_mask[half:])
        parts = preference_loss(chosen, rejected, total, self._config.loss)
        parts.loss.backward()  # type: ignore[no-untyped-call]
        return float(parts.loss.detach()), parts.sums


def open_pairs(config: DpoCommandConfig, course: Course, tokens: PairTokens) -> dict[str, Any]:
    """The count of the run's pairs, which are made when they are not there yet. Raises DataError when none can be."""
    counted, notice = course.directory / PAIR_COUNT, course.display.notice
    if not counted.exists():
        fitting = _fitting(config, tokens, course.model)
        made = write_pairs(config.pairs, config.seed, course.directory / PAIRS, fitting, notice)
        replace_text(counted, json.dumps(asdict(made)) + "\n")
    try:
        count: dict[str, Any] = json.loads(counted.read_text(encoding="utf-8"))
        notice(f"{count['pairs']} pairs of {count['prompts']} prompts")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{counted} cannot be read: {error}; remove it, then --resume makes it again") from error
    return count


def _fitting(config: DpoCommandConfig, tokens: PairTokens, model: LanguageModel) -> Callable[[Row], bool]:
    """Whether the model can tell the two sides apart, and has room for the longer one."""
    room = model.positions
    limit = config.pairs.max_tokens if room is None else min(config.pairs.max_tokens, int(room))

    def fitting(pair: Row) -> bool:
        ids = tokens.ids(pair)
        return ids.longest <= limit and len(ids.rejected) > 0 and ids.chosen != ids.rejected

    return fitting


def _counted(pairs: RowFile, count: dict[str, Any]) -> RowFile:
    """The pairs, when they are all there."""
    if len(pairs) != count["pairs"]:
        raise CheckpointError(
            f"{pairs.path} has {len(pairs)} pairs, {count['pairs']} were written: remove it, {PAIR_COUNT} and "
            f"{REFERENCE}/ beside it, then --resume makes them again"
        )
    return pairs


def _reference(config: DpoCommandConfig, course: Course, pairs: RowFile, tokens: PairTokens) -> ReferenceLogProbs:
    def open_reference() -> LanguageModel:
        seed_everything(config.seed)
        return open_model(config.model, open_device(config.run))

    bar = Throttled("reference log-probs of pairs", len(pairs), course.display.notice)

    def show(done: int) -> None:
        bar.show(done)
        course.interrupts.obey()

    size = config.dpo.micro_batch
    return compute_reference(course.directory / REFERENCE, pairs, tokens, open_reference, size, show)
