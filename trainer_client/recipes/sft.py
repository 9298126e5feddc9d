"""`trainer-client sft`: likelihood of demonstrations, written by a person, a teacher or rejection sampling."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch

from trainer_client.config.recipes import ProblemsConfig, SftCommandConfig
from trainer_client.data import PromptBuilder
from trainer_client.data.examples import Chosen
from trainer_client.data.order import Permuted
from trainer_client.errors import DataError
from trainer_client.model import LanguageModel
from trainer_client.progress import Stage
from trainer_client.recipes.bar import Notice, watched
from trainer_client.recipes.course import Plan, finish, held_out, opened
from trainer_client.recipes.problems import (
    fits,
    open_problems,
    prompt_builder,
    tell_of_prompts,
    tell_of_rejected,
)
from trainer_client.sft import demonstration_ids, sft_step
from trainer_client.types import Example, Prompt

MAY_CHANGE = ("run.", "reward.", "held_out", "sft.steps", "sft.micro_batch")


def sft(config: SftCommandConfig) -> dict[str, Any]:
    """Learn from the demonstrations, or go on with it; prints and returns the summary."""
    started = time.perf_counter()
    sources = {"model.path": config.model.path, "problems.path": config.problems.path}
    plan = Plan(Stage.SFT, config.sft.steps, config.seed, config.resume, config.run, config.model, config.sft.optim)
    with opened(config, plan, MAY_CHANGE, sources) as course:
        with course.interrupts.at_once():
            demonstrations = Demonstrations(config.problems, course.model, course.display.notice)
        order = Permuted(len(demonstrations), f"{config.seed}:sft")

        def take_step(optimizer: torch.optim.Optimizer, step: int, rate: float) -> dict[str, Any]:
            prompts = demonstrations.prompts(order.batch(step, config.sft.batch))
            return sft_step(course.model, optimizer, prompts, config.sft, rate).metrics()

        with held_out(config.held_out, config.reward, course) as evaluation:
            course.learn(take_step, evaluation)
        about = {
            "demonstrations": len(demonstrations),
            "left_out": demonstrations.left_out,
            "unknown": demonstrations.unknown,
        }
        return finish(course, ["loss"], about, started)


class Demonstrations:
    """The problems whose prompt, and whose prompt with completion, fit the model; `left_out` counts the others.

    Of those `unknown` hold characters that the tokenizer does not know: the model would learn the unknown token.
    """

    def __init__(self, config: ProblemsConfig, model: LanguageModel, notice: Notice) -> None:
        self._builder: PromptBuilder = prompt_builder(config, model.tokenizer)
        self._model, self._limit = model, config.max_prompt_tokens
        self._unread = frozenset({model.tokenizer.unk_token_id}) - {None, *model.eos_ids}  # GPT-2's ends texts, too
        tell_of_rejected(config.path, notice)
        tell_of_prompts(config.path, config, notice)
        examples = open_problems(config, notice, demonstrated=True)
        numbered = watched(enumerate(examples), "looking at demonstrations", len(examples), notice)
        self.unknown = 0
        self._examples = Chosen(examples, (place for place, example in numbered if self._fits(example)))
        self.left_out = len(examples) - len(self._examples)
        if not self._examples:
            raise DataError(f"none of {len(examples)} demonstrations fits the model: {self._told()}")
        if self.left_out:
            notice(f"{self.left_out} of {len(examples)} demonstrations are left out: {self._told()}")

    def __len__(self) -> int:
        return len(self._examples)

    def prompts(self, places: Sequence[int]) -> list[Prompt]:
        """The prompts, with their demonstrations, at these places."""
        return [self._builder.prompt(self._examples[place]) for place in places]

    def _fits(self, example: Example) -> bool:
        prompt = self._builder.prompt(example)
        completion = demonstration_ids(self._model, prompt)
        if self._unread.intersection((*prompt.token_ids, *completion[:-1])):
            self.unknown += 1
            return False
        room = self._model.positions
        return fits(prompt, self._limit) and (room is None or len(prompt.token_ids) + len(completion) <= room)

    def _told(self) -> str:
        too_long = f"{self.left_out - self.unknown} are too long (problems.max_prompt_tokens, or the model's positions)"
        return f"{too_long}, {self.unknown} hold characters that its tokenizer does not know"
