import pytest

from reward_server.checks.code_source import complete, extract_source

FENCED = "Here it is:\n```python\nx = 1\n```\nDone."


@pytest.mark.parametrize(
    ("completion", "source"),
    [
        ("x = 1", "x = 1"),
        (FENCED, "x = 1\n"),
        ("```python\na\n```\nbetter:\n```py\nb\n```\n```text\noutput\n```", "b\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("```\noutput\n```\n```python\nx = 1\n```\n```\n3\n```", "x = 1\n"),
        ("<think>```python\nbad\n```</think>" + FENCED, "x = 1\n"),
        ("<think>a</think><answer>\nx = 1\n</answer>", "x = 1"),
        ("<think>a</think><answer>```python\nx = 1\n```</answer>", "x = 1\n"),
        ("```python\nx = 1", "x = 1"),
        ("    return 1\n", "    return 1"),
        ("```cpp\nint main;\n```", None),
        ("<think>```python\nx = 1\n```", None),
    ],
)
def test_the_last_python_block_is_the_program(completion: str, source: str | None) -> None:
    assert extract_source(completion) == source


PROMPT = 'import math\n\ndef helper(x):\n    return x\n\ndef area(r):\n    """Area of a circle."""\n'


def test_a_body_continues_the_prompt() -> None:
    assert complete("    return 3 * r", PROMPT, ["area"]) == PROMPT + "    return 3 * r"


def test_a_whole_function_keeps_the_imports_and_helpers_of_the_prompt() -> None:
    program = complete("def area(r):\n    return math.pi * helper(r) ** 2\n", PROMPT, ["area"])
    namespace: dict[str, object] = {}
    exec(program, namespace)
    assert round(namespace["area"](1), 3) == 3.142  # type: ignore[operator]


def test_a_prompt_in_prose_is_left_out() -> None:
    source = "def area(r):\n    return 3\n"
    assert complete(source, "Write a function area.", ["area"]) == source
