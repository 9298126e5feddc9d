"""`code_format`: is the format kept, and is there a block of code in the answer?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, Params, Verdict
from reward_server.checks.tag_format import FormatParams
from reward_server.ground_truth.languages import LANGUAGES, is_called
from reward_server.text.layout import has_content
from reward_server.text.tags import Block, fenced_blocks


class CodeFormatParams(FormatParams):
    language: str | None = Field(
        default=None,
        max_length=64,
        pattern=r"^[\w+#.-]+$",
        description="what the block has to be marked as, its usual other names included; null: anything or nothing",
    )


class CodeFormat(AnswerCheck):
    name: ClassVar[str] = "code_format"
    description: ClassVar[str] = "1 when the format is kept and the answer holds a fenced block of code, else 0"
    source: ClassVar[str] = "open-r1, src/open_r1/rewards.py, get_code_format_reward; with the rules of `format`"
    params: ClassVar[type[Params]] = CodeFormatParams
    detail: ClassVar[Mapping[str, str]] = {
        "failed": "the first rule that the completion breaks: those of `format`, then code_block_missing, "
        "code_block_in_another_language, code_block_empty",
        "language": "what the block is marked as",
        "code_chars": "characters of the block, white space around it not counted",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "code_format", "params": {"language": "python"}}],
        "items": [
            {"completion": "<think>Print it.</think>\n<answer>\n```python\nprint(4)\n```\n</answer>"},
            {"completion": "<think>Print it.</think>\n<answer>\nprint(4)\n</answer>"},
            {"completion": "<think>Print it.</think>\n<answer>\n```cpp\nint main() {}\n```\n</answer>"},
        ],
    }

    def judge(self, item: CheckInput, params: CodeFormatParams) -> Verdict:
        layout = params.layout(item)
        blocks = fenced_blocks(layout.answer) if layout.failed is None and layout.answer is not None else []
        fitting = [block for block in blocks if _is_in(block, params.language)]
        block = next((one for one in reversed(fitting) if has_content(one.code)), fitting[-1] if fitting else None)
        failed = layout.failed or _fault(blocks, block)
        detail = {
            "failed": failed,
            "language": None if block is None else _mark(block) or None,
            "code_chars": None if block is None else len(block.code.strip()),
        }
        return Verdict(float(failed is None), detail)


def _fault(blocks: list[Block], block: Block | None) -> str | None:
    if not blocks:
        return "code_block_missing"
    if block is None:
        return "code_block_in_another_language"
    return None if has_content(block.code) else "code_block_empty"


def _is_in(block: Block, language: str | None) -> bool:
    mark = _mark(block)
    if language is None or mark.casefold() == language.casefold():
        return True
    return any(is_called(known, language) and is_called(known, mark) for known in LANGUAGES)


def _mark(block: Block) -> str:
    """The first word behind the marks."""
    return (block.info.split() or [""])[0][:64]
