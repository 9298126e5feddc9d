"""Examples to prompts: template, chat template, tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trainer_client.config.data import DataConfig
from trainer_client.data.examples import chosen
from trainer_client.errors import DataError
from trainer_client.types import Example, Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

THINK = "<think>"
HEAD_CHARS = 16  # for each token that a prompt may have: about four times what such a prompt has


class PromptBuilder:
    """Builds prompts. `longest` is the number of tokens of the longest prompt that was found to fit so far."""

    def __init__(self, config: DataConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        if config.chat and not getattr(tokenizer, "chat_template", None):
            raise DataError("data.chat = true, but the tokenizer has no chat template; set data.chat = false")
        self._config = config
        self._tokenizer = tokenizer
        self.longest = 0

    def prompt(self, example: Example) -> Prompt:
        """The example as the policy will see it. Raises DataError where the chat template refuses it.

        Where the text ends with <think>, the demonstration is without what the template wrote for it.
        """
        text = self._chat(example) if self._config.chat else self._templated(example.prompt)
        prefilled = text.rstrip().endswith(THINK)
        if prefilled and example.completion is not None:
            example = replace(example, completion=_continued(text, example.completion))
        return Prompt(example, text, tuple(self._tokens(text)), think_prefilled=prefilled)

    def _tokens(self, text: str) -> list[int]:
        """Tokens of the text; of one whose head is far too long, the head's: 30 MB would take minutes, and 12 GB."""
        limit = self._config.max_prompt_tokens
        head = self._ids(text[: HEAD_CHARS * limit])
        return head if len(text) <= HEAD_CHARS * limit or len(head) > 2 * limit else self._ids(text)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=not self._config.chat)["input_ids"]
        return ids

    def fitting(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples whose prompt has 1..max_prompt_tokens tokens. Raises DataError when none is left."""
        kept = chosen(examples, self._fits)
        if not kept:
            raise DataError(f"no prompt is 1..{self._config.max_prompt_tokens} tokens long; see data.max_prompt_tokens")
        return kept

    def _fits(self, example: Example) -> bool:
        tokens = len(self.prompt(example).token_ids)
        fits = 1 <= tokens <= self._config.max_prompt_tokens
        if fits:
            self.longest = max(self.longest, tokens)
        return fits

    def _templated(self, text: str) -> str:
        return self._config.template.replace("{prompt}", text)

    def _chat(self, example: Example) -> str:
        turns = list(example.turns) or [("user", example.prompt)]
        role, last = turns[-1]
        turns[-1] = role, self._templated(last)
        if self._config.system is not None and turns[0][0] != "system":
            turns.insert(0, ("system", self._config.system))
        messages = [{"role": role, "content": content} for role, content in turns]
        try:
            return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # a template is a program that came with the model
            raise DataError(
                f"the chat template refuses example {example.id}: {type(error).__name__}: {error}"
            ) from error


def _continued(text: str, completion: str) -> str:
    """The demonstration from where a text that ends with <think> leaves off; one that begins there stays whole."""
    begun, told = text[len(text.rstrip()) - len(THINK) :], completion.lstrip()
    if told.startswith(begun):
        return told.removeprefix(begun)
    return told.removeprefix(THINK) if told.startswith(THINK) else completion
