"""The language of a prompt: that of the user's last turn, whatever template stands around it."""

from __future__ import annotations

import time

import pytest

from reward_server.language.identify import available
from reward_server.language.prompt import language_of_prompt

QUESTION = "小明有3个苹果，又买了5个，一共有几个苹果？"
R1_ZERO = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The assistant"
    " first thinks about the reasoning process in the mind and then provides the user with the answer."
    " User: {}\nAssistant: <think>"
)
CHATML = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)
TWO_TURNS = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>user\nPlease answer in English now.<|im_end|>"


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        (QUESTION, "zh"),
        ("How many apples does she have now?", "latin"),
        ("Combien de pommes a-t-elle maintenant ?", "latin"),
        ("Сколько яблок у неё теперь?", "cyrillic"),
        ("今リンゴはいくつありますか。", "ja"),
        ("지금 사과가 몇 개 있습니까?", "ko"),
        ("כמה תפוחים יש לה עכשיו?", "he"),
        ("", None),
        ("x = ?", None),
        ("$2 + 2$ is what", None),
        ("Solve this: $x + y = 2$", None),
        (R1_ZERO.format(QUESTION), "zh"),
        (CHATML.format(QUESTION), "zh"),
        ("<｜begin▁of▁sentence｜>Answer in English please.<｜User｜>" + QUESTION + "<｜Assistant｜><think>\n", "zh"),
        ("[INST] <<SYS>> Be brief and kind. <</SYS>> " + QUESTION + " [/INST]", "zh"),
        (
            "<|im_start|>user\n" + QUESTION + "<|im_end|>\n<|im_start|>user\nPlease answer in English now.<|im_end|>",
            "latin",
        ),
        (QUESTION + " Please reason step by step, and put your final answer within \\boxed{}.", "zh"),
        ("What does the Chinese word 苹果 mean in English?", "latin"),
        ("```python\nfor item in list_of_items:\n    print(item)\n```\n这段代码有什么问题？", "zh"),
    ],
)
def test_language_of_prompt(prompt: str, language: str | None) -> None:
    assert language_of_prompt(prompt) == language


@pytest.mark.skipif(not available(), reason="needs the extra `lang`")
@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("Combien de pommes a-t-elle maintenant dans son panier ?", "fr"),
        ("Wie viele Äpfel hat sie jetzt in ihrem Korb?", "de"),
        ("Скільки яблук у неї зараз є в кошику?", "uk"),
        (QUESTION, "zh"),
        ("apples now please", "latin"),  # too short to be told: a script, not a guess
    ],
)
def test_languages_of_one_script_are_told_apart_on_request(prompt: str, language: str) -> None:
    assert language_of_prompt(prompt, identified=True) == language


@pytest.mark.parametrize("unit", ["user:", "<|im_start|>user", " user: ", "<|user|>", "[INST]", "<", "user", "<|"])
def test_a_megabyte_of_turns_is_read_in_a_moment(unit: str) -> None:
    started = time.process_time()
    language_of_prompt(unit * (1_000_000 // len(unit)))
    assert time.process_time() - started < 3


def test_of_a_huge_prompt_the_end_is_read() -> None:
    """A prompt of 50 MB held the server for four seconds, once for each item."""
    prompt = "user: " + "多少钱？ " * 400_000 + "user: How much is it in all, please?"
    started = time.process_time()
    assert all(language_of_prompt(prompt) == "latin" for _ in range(5))
    assert time.process_time() - started < 1
