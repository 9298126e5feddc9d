import random
import time
from itertools import pairwise

import pytest

from reward_server.text.tags import _read, code_spans, fenced_blocks, tags, without_code

NAMES = ("think", "answer")


def written(text: str, names: tuple[str, ...] = NAMES) -> list[str]:
    return [str(tag) for tag in tags(text, names)]


ALL = ["<think>", "</think>", "<answer>", "</answer>"]


def test_a_tag_says_where_it_stands() -> None:
    text = "a<think>b</think>"
    assert [(tag.name, tag.closing, text[tag.start : tag.end]) for tag in tags(text, NAMES)] == [
        ("think", False, "<think>"),
        ("think", True, "</think>"),
    ]


@pytest.mark.parametrize(
    "text", ["< think>", "<think >", "<Think>", "<think/>", "think>", "<think", "</ think>", "<thinking>"]
)
def test_what_is_not_written_exactly_is_no_tag(text: str) -> None:
    assert written(text) == []


def test_only_the_configured_names_are_tags() -> None:
    assert written("<think><reason>a</reason>", ("reason", "final")) == ["<reason>", "</reason>"]
    assert written("<a.b>x</a.b><axb>", ("a.b",)) == ["<a.b>", "</a.b>"]


@pytest.mark.parametrize(
    "quoted",
    [
        "`</think>`",
        "``</think>``",
        "`` ` </think>``",
        "`a\n</think>`",
        "\n```\n</think>\n```\n",
        "\n~~~xml\n</think>\n<answer>x</answer>\n~~~\n",
        "\n````\n```\n</think>\n```\n````\n",
        "\n  ```py\n  '</think>'\n  ```\n",
        "\n1. ```\n   </think>\n   ```\n",
        "\n- ~~~\n  </think>\n  ~~~\n",
        "\n```\n</think>\n`````   \n",
        "\n```\n<think>\nplan\n</think>\n<answer>\n4\n</answer>\n```\n",
        r"\\`</think>`",
    ],
)
def test_tags_quoted_in_code_are_none(quoted: str) -> None:
    assert written(f"<think>It ends with {quoted} so</think><answer>4</answer>") == ALL


@pytest.mark.parametrize(
    "plain",
    [
        "`<answer>",  # never closed
        "``<answer>`",  # closed by a run of another length
        "`a\n\n<answer>`",  # a paragraph ends between them
        "`a\n```\nb\n```\n<answer>`",  # a block of code ends the paragraph too
        r"\`<answer>`",  # escaped
        "\n```\n<answer>",  # a fence that is never closed
        "\n````\n<answer>\n```\n",  # closed by a shorter one
        "\n```\n<answer>\n~~~\n",  # closed by marks of another kind
        "text ~~~\n<answer>\n~~~\n",  # opened in the middle of a line
        "\n``` a`b\n<answer>\n```\n",  # no info string holds a backtick
    ],
)
def test_tags_outside_of_code_are_tags(plain: str) -> None:
    assert "<answer>" in written(plain)


@pytest.mark.parametrize(
    "thought",
    [
        "Let me write\n```python\nprint(4)\n",
        "Let me write\n```python\nprint(4)",
        "the sign ` is a backtick",
        "```",
        "a ``` b",
        "~~~\n",
        "it ends with `</think>`. Now\n```python\nprint(4)\n",
        "it ends with `</think>` and ` too",
    ],
)
@pytest.mark.parametrize("answer", ["4", "`4`", "\n```python\nprint(4)\n```\n", "```\n4\n```", "~~~\n4\n~~~"])
def test_code_that_a_thought_leaves_open_does_not_swallow_its_end(thought: str, answer: str) -> None:
    text = f"<think>{thought}</think><answer>{answer}</answer>"
    assert written(text) == ALL
    found = tags(text, NAMES)
    assert text[found[2].end : found[3].start] == answer


def test_the_end_of_an_answer_is_not_swallowed_either() -> None:
    assert written("<think>a</think><answer>\n```python\nprint(1)</answer>") == ALL
    assert written("<think>a</think><answer>\n```python\nprint(1)\n```</answer>") == ALL


def test_an_answer_can_quote_the_tags() -> None:
    assert written("<think>a</think><answer>End with `</think>`, then `<answer>`.</answer>") == ALL
    assert written("<think>a</think><answer>\n```\n</answer>\n```\n</answer>") == ALL


def test_code_spans_cover_the_code_with_its_marks() -> None:
    text = "a `b` c\n```py\nd\n```\ne ``f` g``"
    assert [text[start:end] for start, end in code_spans(text)] == ["`b`", "```py\nd\n```", "``f` g``"]
    assert without_code(text) == "a   c\n \ne  "
    assert without_code("no code") == "no code"


def test_blocks_are_read_with_their_info() -> None:
    text = "a\n```python title=x\nprint(1)\nprint(2)\n```\n`b`\n~~~\n\n~~~\n```\nopen"
    assert [(block.info, block.code) for block in fenced_blocks(text)] == [
        ("python title=x", "print(1)\nprint(2)"),
        ("", ""),
    ]
    assert [block.code for block in fenced_blocks("```\na\n```")] == ["a"]


HOSTILE = {
    "ticks": "`a",
    "fences": "```\n",
    "opened fences": "```py\n",
    "tags in ticks": "`<think>`",
    "open ticks and tags": "`</think>",
    "tags": "</think>",
    "escapes": "\\`",
    "blank lines": "` \n \n",
    "list marks": "- ",
    "tildes": "~~~~",
    "quotes": "> > ```\n",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_of_marks_is_linear_work(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    tags("<think>`" + text + "</think>", NAMES)
    assert time.process_time() - started < 2


def test_among_very_many_marks_nothing_is_code() -> None:
    assert written("`<think>`" + "`a` " * 20_000) == ["<think>"]
    assert written("`<think>`" + "`a` " * 1000) == []


def test_runs_of_all_lengths_and_openers_that_are_never_closed_are_linear_work() -> None:
    falling = "\n".join("`" * n for n in range(1400, 2, -1))
    spread = " ".join("`" * n for n in range(1, 1400)) + "\n\n" + " ".join("`" * n for n in range(1, 1400))
    refused = "<think>" + "```py\n" * 150_000 + "</think>\n```\n"
    for text in (falling, falling[::-1], spread, refused):
        started = time.process_time()
        tags(text + "<answer>", NAMES)
        assert time.process_time() - started < 2


def test_no_mixture_of_marks_and_tags_breaks_the_reading() -> None:
    chance = random.Random(0)
    parts = ["`", "``", "```", "~~~", "\n", "\n\n", *ALL, "a", " ", "\\", "- "]
    for _ in range(3000):
        text = "".join(chance.choices(parts, k=chance.randrange(1, 40)))
        found = tags(text, NAMES)
        assert found == _read(text, NAMES)[0]  # also where it was clear at first sight
        assert all(text[tag.start : tag.end] == str(tag) for tag in found)
        assert [tag.start for tag in found] == sorted({tag.start for tag in found})
        spans = code_spans(text)
        assert all(start < end for start, end in spans)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
        section = None  # whatever opened a section, its last closing tag is found
        for tag in found:
            section = None if tag.closing else tag.name
        assert section is None or f"</{section}>" not in text[found[-1].end :]
