"""Chat templates are honoured, and a thought that the template has begun is known."""

from __future__ import annotations

import pytest

from trainer_client.config import AdditionConfig, DataConfig
from trainer_client.data import Mixture, PromptBuilder
from trainer_client.errors import DataError
from trainer_client.model import LanguageModel
from trainer_client.types import Example

CHAT = (
    "{% for turn in messages %}{{ turn['role'][0] }}:{{ turn['content'] }};{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)
TURNS = (("user", "1+1="), ("assistant", "2"), ("user", "2+2="))


def builder(model: LanguageModel, chat_template: str, **settings: object) -> PromptBuilder:
    model.tokenizer.chat_template = chat_template
    return PromptBuilder(DataConfig.model_validate({"addition": {}, "chat": True} | settings), model.tokenizer)


def test_messages_keep_their_roles_and_the_template_is_around_the_last(tiny_model: LanguageModel) -> None:
    prompts = builder(tiny_model, CHAT, system="sum", template="{prompt} .")
    text = prompts.prompt(Example("0", "1+1=\n\n2\n\n2+2=", "4", turns=TURNS)).text
    assert text == "s:sum;u:1+1=;a:2;u:2+2= .;a:"


def test_a_system_turn_of_the_row_wins(tiny_model: LanguageModel) -> None:
    example = Example("0", "", "4", turns=(("system", "mine"), ("user", "2+2=")))
    assert builder(tiny_model, CHAT, system="sum").prompt(example).text == "s:mine;u:2+2=;a:"


def test_without_chat_the_messages_are_their_text(tiny_model: LanguageModel) -> None:
    prompts = PromptBuilder(DataConfig(addition=AdditionConfig()), tiny_model.tokenizer)
    assert prompts.prompt(Example("0", "1+1=\n\n2", "4", turns=TURNS)).text == "1+1=\n\n2"


@pytest.mark.parametrize(
    ("ending", "prefilled"),
    [("<think>", True), ("<think>\n", True), ("<think>\n\n</think>\n\n", False), ("", False), ("<thinking>", False)],
)
def test_a_thought_begun_by_the_chat_template_is_seen(tiny_model: LanguageModel, ending: str, prefilled: bool) -> None:
    template = CHAT.replace("a:{% endif %}", "a:" + ending + "{% endif %}")
    example = Example("0", "1+1=", "2", "<think>1+1=2</think><answer>2</answer>")
    prompt = builder(tiny_model, template).prompt(example)
    assert prompt.think_prefilled is prefilled
    rest = "1+1=2</think><answer>2</answer>"
    assert prompt.example.completion == (rest if prefilled else "<think>" + rest)


@pytest.mark.parametrize(
    ("ending", "demonstration", "expected"),
    [
        ("<think>", "\n1+1=2</think>", "\n1+1=2</think>"),  # sampled behind the tag: its first token is its own
        ("<think>\n", "<think>\n1+1=2</think>", "1+1=2</think>"),  # the line that the template began
        ("<think>\n", " <think>1+1=2</think>", "1+1=2</think>"),
        ("<think>", "<think>\n1+1=2</think>", "\n1+1=2</think>"),
    ],
)
def test_a_demonstration_goes_on_where_the_template_leaves_off(
    tiny_model: LanguageModel, ending: str, demonstration: str, expected: str
) -> None:
    config = DataConfig(addition=AdditionConfig(), template="{prompt}" + ending)
    prompt = PromptBuilder(config, tiny_model.tokenizer).prompt(Example("0", "1+1=", "2", demonstration))
    assert prompt.example.completion == expected


def test_a_thought_begun_by_the_plain_template_is_seen(tiny_model: LanguageModel) -> None:
    config = DataConfig(addition=AdditionConfig(), template="{prompt}<think>")
    assert PromptBuilder(config, tiny_model.tokenizer).prompt(Example("0", "1+1=", "2")).think_prefilled


def test_a_chat_that_the_template_refuses_is_named(tiny_model: LanguageModel) -> None:
    with pytest.raises(DataError, match="refuses example row-7"):
        builder(tiny_model, "{{ raise_exception('no system here') }}").prompt(Example("row-7", "1+1=", "2"))


def test_fitting_knows_the_longest_and_keeps_the_parts_of_a_mixture(tiny_model: LanguageModel) -> None:
    prompts = PromptBuilder(DataConfig(addition=AdditionConfig(), max_prompt_tokens=5), tiny_model.tokenizer)
    short, long = [Example("0", "1+2=", ""), Example("1", "11+2=", "")], [Example("2", "111+222=", "")]
    fitting = prompts.fitting(Mixture([(short, 1.0), (long, 3.0)]))
    assert isinstance(fitting, Mixture)
    assert [example.id for example in fitting] == ["0", "1"]
    assert (len(fitting.parts), prompts.longest) == (1, 5)


def test_a_prompt_that_is_far_too_long_is_not_tokenised_whole(tiny_model: LanguageModel) -> None:
    prompts = PromptBuilder(DataConfig(addition=AdditionConfig(), max_prompt_tokens=10), tiny_model.tokenizer)
    ids = prompts.prompt(Example("0", "1" * 1_000_000, "1")).token_ids
    assert 10 < len(ids) <= 160
    long_words = PromptBuilder(DataConfig(addition=AdditionConfig(), max_prompt_tokens=1000), tiny_model.tokenizer)
    assert len(long_words.prompt(Example("0", "<think>" * 999, "1")).token_ids) == 999
