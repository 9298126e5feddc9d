import time

import pytest

from reward_server.code.blocks import extract_source
from reward_server.code.python_source import complete
from reward_server.ground_truth.languages import canonical

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


DOCSTRING = 'def f():\n    """Doc:\n\n    ```\n    f()\n    ```\n    """\n    return 1\n'


@pytest.mark.parametrize(
    ("completion", "source"),
    [
        ("1. So:\n   ```python\n   if x:\n       y\n\n   z\n   ```\n2. Done.", "if x:\n    y\n\nz\n"),
        ("   ```python\n   x = 1", "x = 1"),
        ("   ```python\nif x:\n  y\n   ```\nDone.", "if x:\n  y\n"),
        ('   ```python\n   x = """\na\n"""\n   ```', 'x = """\na\n"""\n'),
        ("```python\n    return 1\n```", "    return 1\n"),
        ("- ```python\n  if x:\n      y\n  ```\n- Done.", "if x:\n    y\n"),
        ("1. ```python\n   x = 1\n   ```", "x = 1\n"),
        ("```python\nx = 1\n   ```\nDone.", "x = 1\n"),
        (f"```python\n{DOCSTRING}```\nDone.", DOCSTRING),
    ],
)
def test_indentation_around_fences_is_read_as_in_commonmark(completion: str, source: str) -> None:
    assert extract_source(completion) == source


@pytest.mark.parametrize(
    "language",
    [
        "py",
        "py3",
        "python",
        "Python",
        "PYTHON3",
        "python3.11",
        "python-3",
        "Python 3",
        "python title=a.py",
        "python:a.py",
    ],
)
def test_python_has_many_names(language: str) -> None:
    assert extract_source(f"```{language}\nx = 1\n```\n```\noutput\n```") == "x = 1\n"


@pytest.mark.parametrize("language", ["pycon", "pyx", "python-repl", "jython", "ruby", "c++"])
def test_another_language_is_not_python(language: str) -> None:
    assert extract_source(f"```{language}\nx = 1\n```") is None


@pytest.mark.parametrize(
    ("completion", "source"),
    [
        ("<think>a</think><answer>```python\nx = 1```</answer>", "x = 1\n"),
        ("<answer>```python\nx = 1 ``` </answer>", "x = 1\n"),
        ("<answer>\n```\nx = 1\n```\nCall ```f(1)```</answer>", "x = 1\n"),
        ("<answer>~~~python\nx = 1  # ```</answer>\n~~~\n", "x = 1  # ```</answer>\n"),
    ],
)
def test_a_fence_right_before_the_end_of_the_answer_closes_its_block(completion: str, source: str) -> None:
    assert extract_source(completion) == source


@pytest.mark.parametrize(
    "completion",
    ["\ufeffx = 1\n", "```python\n\ufeffx = 1\n```", "\ufeff```python\nx = 1\n```", "<answer>\ufeffx = 1</answer>"],
)
def test_a_byte_order_mark_is_left_out(completion: str) -> None:
    assert (extract_source(completion) or "").strip("\n") == "x = 1"


@pytest.mark.parametrize(
    ("prefix", "source"),
    [
        (PROMPT, "from __future__ import annotations\ndef area(r: R) -> R:\n    return helper(r)\n"),
        (
            PROMPT,
            "'é'; from __future__ import (\n  annotations,\n); import os\ndef area(r: R):\n    return helper(r)\n",
        ),
        ("from __future__ import annotations\n" + PROMPT, "def area(r: R):\n    return helper(r)\n"),
        (
            '"""Doc."""\nfrom __future__ import annotations\n' + PROMPT,
            "from __future__ import division\ndef area(r: R):\n    return helper(r)\n",
        ),
    ],
)
def test_future_imports_come_before_the_prompt(prefix: str, source: str) -> None:
    namespace: dict[str, object] = {}
    exec(compile(complete(source, prefix, ["area"]), "program", "exec", dont_inherit=True), namespace)
    assert namespace["area"](2) == 2  # type: ignore[operator]


def test_a_future_import_in_the_middle_stays_an_error() -> None:
    source = "def area(r):\n    return 1\nfrom __future__ import annotations\n"
    with pytest.raises(SyntaxError, match="beginning of the file"):
        compile(complete(source, PROMPT, ["area"]), "program", "exec", dont_inherit=True)


@pytest.mark.parametrize(
    "prompt", ["Write a function area.", "Hello", "Write:", "# Task\nWrite it.\n```python\nx\n```"]
)
@pytest.mark.parametrize("source", ["def other(r):\n    return 3\n", "    return 3\n"])
def test_a_prompt_in_prose_never_becomes_code(prompt: str, source: str) -> None:
    assert complete(source, prompt, ["area"]) == source


@pytest.mark.parametrize(
    "source",
    [
        "from math import tau as area",
        "from shapes import area",
        "import shapes as area",
        "area: Callable = print",
        "helper, area = print, print",
        "if True:\n    def area(r): ...",
        "try:\n    from shapes import area\nexcept ImportError:\n    area = None",
        "try:\n    x\nexcept E:\n    async def area(r): ...",
        "match x:\n    case 1:\n        class area: ...",
        "def area(r):\n    return 1\nbroken(",
    ],
)
def test_every_way_to_define_the_entry_is_seen(source: str) -> None:
    assert complete(source, PROMPT, ["area"] * 512) == PROMPT + "    pass\n" + source


@pytest.mark.parametrize(
    "source",
    ["    area = 3\n    return area", "def f():\n    area = 1", "x = '''\ndef area(r):\n'''", "area: int", "area == 1"],
)
def test_what_does_not_define_the_entry_continues_the_prompt(source: str) -> None:
    assert complete(source, PROMPT, ["area"]) == PROMPT + source


@pytest.mark.parametrize(
    "text",
    [
        "`" * 200_000,
        "x" + " " * 200_000,
        "- " * 100_000,
        "<answer>" * 30_000,
        "```\n" * 50_000,
        "\ufeff\n" * 100_000,
        "```py\n" + "x ```" * 50_000,
        "   ```py\n" + " " * 200_000,
        "   ```py\n" + "\n" * 200_000,
    ],
)
def test_hostile_text_costs_linear_time(text: str) -> None:
    start = time.process_time()
    extract_source(text)
    complete("from __future__ import annotations;" * 3_000 + "\n" + text[:1000], PROMPT, ["area"] * 100_000)
    assert time.process_time() - start < 3


def test_a_prompt_of_imports_alone_is_kept_and_a_word_of_prose_is_not() -> None:
    source = "def f():\n    return math.pi\n"
    assert complete(source, "import math", ["f"]) == "import math\n" + source
    assert complete(source, "hello", ["f"]) == source


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("c", ["c", "C", "c11"]),
        ("cpp", ["cpp", "c++", "C++17", "cc", "cxx", "cpp20"]),
        ("java", ["java", "Java", "java17"]),
        ("javascript", ["js", "javascript", "node", "mjs"]),
        ("go", ["go", "golang"]),
        ("rust", ["rust", "rs"]),
        ("bash", ["bash", "sh", "shell"]),
    ],
)
def test_every_language_has_its_names(language: str, names: list[str]) -> None:
    for name in names:
        text = f"```text\nno\n```\n```{name}\nyes\n```\n```\noutput\n```\n```ruby\nno\n```"
        assert extract_source(text, language) == "yes\n"
        assert canonical(name) == language
    assert extract_source("```ruby\nno\n```", language) is None
    assert extract_source("```\nyes\n```", language) == "yes\n"


@pytest.mark.parametrize(("language", "name"), [("c", "cpp"), ("c", "cs"), ("java", "javascript"), ("go", "gosu")])
def test_names_of_other_languages_are_others(language: str, name: str) -> None:
    assert extract_source(f"```{name}\nno\n```", language) is None
