import pytest
from pydantic import ValidationError

from reward_server.checks.base import CheckInput
from reward_server.checks.code_format import CodeFormat, CodeFormatParams

CODE = "```python\nprint(4)\n```"


def judge(completion: str, **params: object) -> tuple[float | None, str | None]:
    verdict = CodeFormat().judge(CheckInput(completion), CodeFormatParams.model_validate(params))
    return verdict.value, verdict.detail["failed"]


def answered(answer: str) -> str:
    return f"<think>Print it.</think>\n<answer>{answer}</answer>"


@pytest.mark.parametrize(
    "answer",
    [
        f"\n{CODE}\n",
        CODE,
        f"Here it is:\n{CODE}\nIt prints 4.",
        "\n```Python\nprint(4)\n```\n",
        "\n```py\nprint(4)\n```\n",
        "\n~~~python title=a.py\nprint(4)\n~~~\n",
        f"\n```bash\nls\n```\n{CODE}\n",
        f"\n{CODE}\n```python\n```\n",
        "\n```python\nprint('</answer>')\n```\n",
    ],
)
def test_a_block_in_the_asked_language_is_the_format(answer: str) -> None:
    assert judge(answered(answer), language="python") == (1.0, None)


@pytest.mark.parametrize(
    ("completion", "failed"),
    [
        (CODE, "<think> missing"),
        (f"<think>{CODE}</think><answer>4</answer>", "code_block_missing"),
        (answered("print(4)"), "code_block_missing"),
        (answered("`print(4)`"), "code_block_missing"),
        (answered("\n```python\nprint(4)\n"), "code_block_missing"),
        (answered("\n```\nprint(4)\n```\n"), "code_block_in_another_language"),
        (answered("\n```cpp\nint main() {}\n```\n"), "code_block_in_another_language"),
        (answered("\n```python\n\n```\n"), "code_block_empty"),
        (answered("\n```python\n \u200b\n```\n"), "code_block_empty"),
        (answered(CODE) + " Done.", "text_after_answer"),
    ],
)
def test_the_broken_rule_is_named(completion: str, failed: str) -> None:
    assert judge(completion, language="python") == (0.0, failed)


def test_without_a_language_any_block_will_do() -> None:
    assert judge(answered("\n```\nx\n```\n")) == (1.0, None)
    assert judge(answered("\n```brainfuck\n+.\n```\n")) == (1.0, None)


def test_a_language_that_is_not_known_is_compared_as_written() -> None:
    assert judge(answered("\n```Haskell\nmain\n```\n"), language="haskell") == (1.0, None)
    assert judge(answered("\n```haskell2\nmain\n```\n"), language="haskell") == (0.0, "code_block_in_another_language")


def test_the_detail_says_what_was_found() -> None:
    verdict = CodeFormat().judge(CheckInput(answered(CODE)), CodeFormatParams())
    assert verdict.detail == {"failed": None, "language": "python", "code_chars": 8}


def test_a_language_has_to_be_one_word() -> None:
    with pytest.raises(ValidationError):
        CodeFormatParams.model_validate({"language": "a b"})
