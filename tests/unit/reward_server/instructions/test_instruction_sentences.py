import pytest

from reward_server.instructions.sentences import count_sentences
from reward_server.instructions.text import count_words


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("...", 0),
        ("One", 1),
        ("1. 2. 3. 4. 5.", 0),
        ("One.", 1),
        ("One. Two.", 2),
        ("one. two. three", 3),
        ("Dr. A. B. Smith of Acme Inc. came at 3.15 p.m. to St. Paul.", 1),
        ("He works for Acme Inc. She does not.", 2),
        ("The answer is no. We know.", 2),
        ("See No. 5 and Fig. 3.", 1),
        ("It was you and I. Then came he.", 2),
        ("Well... maybe. Perhaps… Yes.", 3),
        ("“Really?” he asked. “Yes!” She left.", 3),
        ("(It rained.) We stayed.", 2),
        ("**Bold one.** Then two.", 2),
        ("Wait!? What!!! Oh.", 3),
        ("Version 2.0 of example.com is out. Get it.", 2),
        ("A line\nthat wraps\nonce.", 1),
        ("No stop\n\nNo stop either", 2),
        ("# Heading\nText one. Text two.", 2),
        ("<<Title>>\n\nText.", 1),
        ("<<Title>> it is called. More.", 2),
        ("Do this:\n1. First.\n2. Second. And more.\n- third", 5),
        ("今天很好。明天呢？不知道！", 3),
        ("他说：“好。”然后走了。", 2),
        ("यह एक है। यह दो है॥", 2),
        ("هل أنت هنا؟ نعم.", 2),
        ("P.S. I love you.", 1),
        ("U.S. exports rose. The U.S. Then fell.", 3),
    ],
)
def test_sentences_are_counted(text: str, count: int) -> None:
    assert count_sentences(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("one two", 2),
        ("don't well-known", 4),
        ("snake_case __init__ ___", 2),
        ("今天 good 天", 4),
        ("カタカナ", 4),
        ("한국어 문장", 2),
        ("हिन्दी में", 2),
        ("cafe\u0301 e\u0301", 2),
        ("สวัสดีครับ", 1),
        ("3.14", 2),
        ("🙂 ok", 1),
    ],
)
def test_words_are_counted(text: str, count: int) -> None:
    assert count_words(text) == count
