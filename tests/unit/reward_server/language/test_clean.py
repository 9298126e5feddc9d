"""What the cleaner takes out, what it leaves, and that no text makes it slow."""

from __future__ import annotations

import time

import pytest

from reward_server.language.clean import clean

CASES = [
    (r"设 $x^2$ 和 \(y\) 则 \[a + b\] 完。", "设 和 则 完。"),
    ("价格是 $5 和 $10，总共十五。", "价格是 $5 和 $10，总共十五。"),
    ("cost \\$5 or \\$6 ok", "cost \\$5 or \\$6 ok"),
    ("pay $5 for $x$5 now", "pay $5 for $x$5 now"),
    ("not closed $x^2 + so on", "not closed $x^2 + so on"),
    ("not closed $x\nin its line$ here", "not closed $x\nin its line$ here"),
    ("x = (a+b)/2 is half", "is half"),
    ("So total = price * count, right", "So , right"),
    ("2 + 3 = 5. Alors", ". Alors"),
    ("f(x)=2x+3，所以 x = 5。", "，所以 。"),
    ("if a < b and c >= d then", "if and then"),
    ("a -> b and p => q or u ==> v", "a -> b and p => q or u ==> v"),
    ("> quoted text\ntitle\n=====\nmore", "> quoted text\ntitle\n=====\nmore"),
    ("<think>hello</think> <a href='x y'>link</a> <|im_end|> <｜User｜> <br/>", "hello link"),
    (r"\boxed{\frac{3}{5}} rest", "rest"),
    (r"\sum_{i=1}^{n} \binom{n}{i} done", "done"),
    (r"\sqrt[3]{x} and \alpha_1^2 done", "and done"),
    (r"\textbf{Important} and \emph{too}", "{Important} and {too}"),
    ("see https://a.b/c?d=e这个网页 and www.x.org.", "see 这个网页 and ."),
    ("`code` and ``more ` code`` and ` lone", "and and ` lone"),
    ("```py\nx\n```\nafter", "after"),
    ("    ```\nx\n    ```\nafter", "after"),
    ("````md\n```\nx\n```\n````\nafter", "after"),
    ("text ```inline fence``` after", "text after"),
    ("text ``` not closed", "text ``` not closed"),
    ("before\n```py\nnot closed", "before"),
    ("~~~\ncode\n~~~ after ~~~ all\nand ~~struck~~", "after ~~~ all\nand ~~struck~~"),
    ("\\( not closed\n\nlater \\) x", "\\( not closed\n\nlater \\) x"),
    (r"\begin{align*} \text{total cost} &= 3 \end{align*} after", "after"),
    (r"\begin{theorem} words \end{theorem} after", "words after"),
    ("$$ a\nb $$ c $$ not closed", "c $$ not closed"),
    (r"unbalanced \frac{a{b} rest", "unbalanced {a{b} rest"),
    ("a backslash at the end \\", "a backslash at the end \\"),
    (r"$面积=长$ and \(\text{круг}_1\)", "面积 长 and круг"),
    ("as in [asy]\ndraw(a--b, dir(90));\nlabel(x[1], a);\n[/asy] and [asy] not closed", "as in and [asy] not closed"),
    ('[asy]label("面积", (0,0));[/asy] end', "面积 end"),
    ("", ""),
]
HOSTILE = [
    *(
        "\\(",
        "\\[",
        "$",
        "$$",
        "$a",
        "$a ",
        "$5 ",
        "$a$5",
        "$a\\$ ",
        "`",
        "``",
        "```",
        "~~~\n",
        "`a",
        "``a` ",
        "\n`",
        "\n```a",
    ),
    *(
        "\\begin{align}",
        "\\begin{a}",
        "\\begin{align}\\end{align*}",
        "\\",
        "\\\\",
        "\\text{",
        "\\text{好}",
        "$好$",
        "\\)\\(",
    ),
    *("\\a{", "{", "}", "\\a}", "\\a_", "\\a[", "\\a{}", "\\a^", "\\a_{", "\\a^\\b", "\\(\n\n"),
    *(
        "<",
        "<a",
        "<a ",
        "</",
        "<think>",
        "<|",
        "=",
        "a=",
        "a =",
        "a = ",
        "+ ",
        "a + ",
        "a+b ",
        "((a",
        "(=",
        ">",
        "a>",
        "≤",
        "a≤",
    ),
    *("http://", "http://.", "www.", "w", "[asy]", "[asy][/asy", "[", "'", "好", " ", "\n", "\u200b", "\ud800"),
]


@pytest.mark.parametrize(("text", "prose"), CASES)
def test_notation_goes_and_prose_stays(text: str, prose: str) -> None:
    assert " ".join(clean(text).prose.split(" ")).split() == prose.split()


@pytest.mark.parametrize(("text", "_"), CASES)
def test_nothing_is_lost_but_what_is_said_to_be_removed(text: str, _: str) -> None:
    cleaned = clean(text)
    assert sorted("".join((cleaned.prose, *cleaned.removed)).replace(" ", "")) == sorted(text.replace(" ", ""))


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("end", ["", "\n\n\\) $=1", "[/asy]"])
def test_hostile_text_is_cleaned_in_a_moment(unit: str, end: str) -> None:
    """Whatever is quadratic takes a minute for so many characters."""
    text = unit * (50_000 // len(unit)) + end
    started = time.process_time()
    clean(text)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("unit", ["\\(", "$5 ", "`a", "\\a{", "<", "a="])
def test_four_times_the_text_takes_about_four_times_as_long(unit: str) -> None:
    def seconds(chars: int) -> float:
        text = unit * (chars // len(unit))
        started = time.process_time()
        clean(text)
        return time.process_time() - started

    assert seconds(200_000) < 12 * max(min(seconds(50_000) for _ in range(2)), 0.01)
