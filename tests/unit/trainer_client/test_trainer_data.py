"""Examples, their order, and prompts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from trainer_client.config import AdditionConfig, DataConfig, FieldsConfig
from trainer_client.data import FileExamples, PromptBuilder, Shuffled, load_examples
from trainer_client.errors import DataError
from trainer_client.model import LanguageModel
from trainer_client.tasks.addition import addition_examples, worked_solution
from trainer_client.types import Example


def test_worked_solution_is_the_documented_text() -> None:
    right = worked_solution((7, 15, 8), lambda: False)
    assert right == "<think>7+15=22;22+8=30</think><answer>30</answer>"


def test_careless_teacher_forgets_the_carry_and_goes_on_with_the_wrong_sum() -> None:
    wrong = worked_solution((7, 15, 8), lambda: True)
    assert wrong == "<think>7+15=12;12+8=10</think><answer>10</answer>"
    no_carry = worked_solution((1, 2, 3), lambda: True)
    assert no_carry == worked_solution((1, 2, 3), lambda: False)


@pytest.mark.parametrize("max_number", [10, 500])
def test_held_out_problems_are_never_trained_on(max_number: int) -> None:
    config = AdditionConfig(max_number=max_number, train_problems=700, held_out_problems=256)
    train, held_out = addition_examples(config)
    prompts = [example.prompt for example in train + held_out]
    assert (len(train), len(held_out), len(set(prompts))) == (700, 256, 956)
    assert addition_examples(config) == (train, held_out)


def test_ground_truth_is_right_whatever_the_teacher_says() -> None:
    train, _ = addition_examples(AdditionConfig(max_number=10, train_problems=744, slip_share=0.5))
    slips = 0
    for example in train:
        assert str(sum(map(int, example.prompt.rstrip("=").split("+")))) == example.ground_truth
        answer = re.search(r"<answer>(\d+)", example.completion or "")
        slips += answer is not None and answer.group(1) != example.ground_truth
    assert 0.2 < slips / len(train) < 0.5


def examples(count: int) -> list[Example]:
    return [Example(str(number), f"{number}", "0") for number in range(count)]


def test_every_epoch_shows_every_example_once_in_a_new_order() -> None:
    stream = Shuffled(examples(10), 0, "rl")
    first, second = stream.take(10), stream.take(10)
    assert sorted(e.id for e in first) == sorted(e.id for e in second) == [str(n) for n in range(10)]
    assert first != second


def test_stream_goes_on_from_its_cursor() -> None:
    whole = Shuffled(examples(7), 3, "rl").take(30)
    begun = Shuffled(examples(7), 3, "rl")
    begun.take(17)
    assert Shuffled(examples(7), 3, "rl", begun.cursor).take(13) == whole[17:]


def test_order_depends_on_seed_and_stage() -> None:
    orders = {tuple(e.id for e in Shuffled(examples(20), s, n).take(20)) for s, n in [(0, "rl"), (1, "rl"), (0, "sft")]}
    assert len(orders) == 3


def test_jsonl_rows_are_mapped_by_field(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"question": "2+2?", "answer": "4", "how": "<think>"}) + "\n\n")
    fields = FieldsConfig(prompt="question", ground_truth="answer", completion="how")
    assert list(FileExamples(path, fields)) == [Example("1", "2+2?", "4", "<think>")]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("{", "rows.jsonl:1: not JSON"),
        ("[1]", "expected an object"),
        ('{"prompt": 3, "ground_truth": 1}', "expected text under 'prompt'"),
        ('{"prompt": "x"}', "no key 'ground_truth'"),
        ("", "no rows"),
    ],
)
def test_faulty_rows_are_named(tmp_path: Path, row: str, told: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(row + "\n")
    with pytest.raises(DataError) as raised:
        FileExamples(path, FieldsConfig())
    assert told in str(raised.value)


def test_held_out_file_may_not_share_prompts_with_training(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text('{"prompt": "x", "ground_truth": 1}\n')
    with pytest.raises(DataError, match="share prompts"):
        load_examples(DataConfig(train=tmp_path / "a", held_out=tmp_path / "b"))


def test_template_surrounds_the_prompt_and_tokens_are_those_of_the_text(tiny_model: LanguageModel) -> None:
    config = DataConfig(addition=AdditionConfig(), template="<think>{prompt}")
    prompt = PromptBuilder(config, tiny_model.tokenizer).prompt(Example("0", "1+2=", "3"))
    assert prompt.text == "<think>1+2="
    assert tiny_model.tokenizer.decode(prompt.token_ids) == prompt.text
    assert len(prompt.token_ids) == 5  # the tag is one token


def test_chat_template_is_applied_when_asked(tiny_model: LanguageModel) -> None:
    tiny_model.tokenizer.chat_template = (
        "{% for turn in messages %}{{ turn['role'][0] }}:{{ turn['content'] }};{% endfor %}"
        "{% if add_generation_prompt %}a:{% endif %}"
    )
    config = DataConfig(addition=AdditionConfig(), chat=True, system="sum")
    assert PromptBuilder(config, tiny_model.tokenizer).prompt(Example("0", "1+2=", "3")).text == "s:sum;u:1+2=;a:"


def test_chat_without_a_template_is_refused(tiny_model: LanguageModel) -> None:
    with pytest.raises(DataError, match="no chat template"):
        PromptBuilder(DataConfig(addition=AdditionConfig(), chat=True), tiny_model.tokenizer)


def test_long_prompts_are_left_out(tiny_model: LanguageModel) -> None:
    builder = PromptBuilder(DataConfig(addition=AdditionConfig(), max_prompt_tokens=4), tiny_model.tokenizer)
    rows = [Example("0", "1+2=", ""), Example("1", "11+2=", "")]
    assert [example.id for example in builder.fitting(rows)] == ["0"]
    with pytest.raises(DataError, match="max_prompt_tokens"):
        builder.fitting(rows[1:])
