import pytest

from reward_server.completion import after_thinking, answer_tag, final_answer, thinking


@pytest.mark.parametrize(
    ("completion", "after"),
    [
        ("4", "4"),
        ("<think>a</think>4", "4"),
        ("a</think>4", "4"),
        ("<think>a", None),
        ("<think>a</think><think>b", None),
        ("<think>a</think>b</think>4", "4"),
        ("<think>It ends with `</think>`.</think>4", "4"),
        ("It ends with `</think>`.</think>4", "4"),
        ("<think>a</think>Close it with `</think>`: 4", "Close it with `</think>`: 4"),
        ("<think>a</think>Open it with `<think>`: 4", "Open it with `<think>`: 4"),
        ("<think>a</think>\n```\nprint('<think>')\n```", "\n```\nprint('<think>')\n```"),
        ("<think>a</think>\n```\nprint('</think>')\n```", "\n```\nprint('</think>')\n```"),
        ("`<think>` and `</think>` are tags.", "`<think>` and `</think>` are tags."),
        ("<think>\n```python\nprint(4)\n</think>\n```python\nprint(5)\n```\n", "\n```python\nprint(5)\n```\n"),
        ("<think>a ` b</think>`4`", "`4`"),
        ("<think>`a`</think>4", "4"),
        ("<think>`a` and <think>b</think>4", "4"),
        ("<think>`a`</think>4<think>", None),
    ],
)
def test_what_follows_the_thinking(completion: str, after: str | None) -> None:
    assert after_thinking(completion) == after


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("4", None),
        ("</answer>4", None),
        ("<answer>4</answer>", "4"),
        ("<answer>4", "4"),
        ("<answer>3</answer> no <answer>4</answer> so", "4"),
        ("<answer>Close it with `</answer>`.</answer>", "Close it with `</answer>`."),
        ("<answer>4</answer> in `<answer>`", "4"),
        ("`<answer>4</answer>`", None),
        ("<answer>\n```python\nprint(4)</answer>", "\n```python\nprint(4)"),
    ],
)
def test_the_inside_of_the_answer(text: str, inside: str | None) -> None:
    assert answer_tag(text) == inside


@pytest.mark.parametrize(
    ("completion", "thought", "answer"),
    [
        ("<think>a</think><answer>4</answer>", "a", "4"),
        ("a</think>4", "a", "4"),
        ("4", "", "4"),
        ("<think>a", "a", None),
        ("", "", ""),
        (
            "<think>a</think>\n<answer>```\nre.split('</think>', s)\n```</answer>",
            "a",
            "```\nre.split('</think>', s)\n```",
        ),
        (
            "<think>In <answer></answer>.\n```\nx\n</think>\n<answer>```\ny\n```</answer>",
            "In <answer></answer>.\n```\nx\n",
            "```\ny\n```",
        ),
    ],
)
def test_thought_and_answer(completion: str, thought: str, answer: str | None) -> None:
    assert (thinking(completion), final_answer(completion)) == (thought, answer)
