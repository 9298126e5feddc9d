"""`tag_count`: how many of the four tags of the think/answer format stand exactly once?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from reward_server.checks.base import AnswerCheck, CheckInput, Params, Verdict
from reward_server.checks.tag_format import TagParams
from reward_server.text.layout import LayoutRules
from reward_server.text.tags import tags


class TagCount(AnswerCheck):
    name: ClassVar[str] = "tag_count"
    description: ClassVar[str] = "a quarter for each of the four think and answer tags that stands exactly once"
    source: ClassVar[str] = (
        "open-r1, src/open_r1/rewards.py, tag_count_reward; line breaks do not matter, and tags quoted in code do not "
        "count"
    )
    params: ClassVar[type[Params]] = TagParams
    detail: ClassVar[Mapping[str, str]] = {
        "missing": "the tags that do not stand in the completion",
        "repeated": "the tags that stand in it more than once",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "tag_count"}],
        "items": [
            {"completion": "<think>2+2=4</think><answer>4</answer>"},
            {"completion": "<think>2+2=4</think>4"},
            {"completion": "2+2=4</think><answer>4</answer><answer>5</answer>", "think_prefilled": True},
        ],
    }

    def judge(self, item: CheckInput, params: TagParams) -> Verdict:
        rules = LayoutRules(params.think_tag, params.answer_tag)
        prefix = f"<{params.think_tag}>" if params.prefilled(item) else ""
        counts = Counter(map(str, tags(prefix + item.completion, rules.names)))
        missing = [tag for tag in rules.wanted if not counts[tag]]
        repeated = [tag for tag in rules.wanted if counts[tag] > 1]
        value = 0.25 * (len(rules.wanted) - len(missing) - len(repeated))
        return Verdict(value, {"missing": missing, "repeated": repeated})
