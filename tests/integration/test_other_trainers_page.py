"""The reward functions on docs/other-trainers.md, called as TRL and verl call them, against a real server."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "other-trainers.md").read_text(encoding="utf-8")
RIGHT, WRONG = "<think>2 and 2 make 4</think><answer>4</answer>", "<think>2 and 2 make 5</think><answer>5</answer>"


def defined(place: int, server_url: str) -> dict[str, Any]:
    """What the code block at that place defines, with this server's address."""
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[place]
    assert "http://127.0.0.1:8080" in code
    names: dict[str, Any] = {}
    exec(compile(code.replace("http://127.0.0.1:8080", server_url), "docs/other-trainers.md", "exec"), names)
    return names


def test_trl_gets_a_reward_for_each_completion_and_none_where_nothing_can_be_judged(server_url: str) -> None:
    names = defined(0, server_url)
    chat = [{"role": "user", "content": "2+2?"}]
    rewards = names["assay"](
        prompts=["2+2?", "2+2?", chat, "2+2?"],
        completions=[RIGHT, WRONG, [{"role": "assistant", "content": RIGHT}], RIGHT],
        ground_truth=["4", "4", "4", ""],
        completion_ids=[[1], [2], [3], [4]],
        trainer_state=None,
    )
    names["SERVER"].close()
    assert rewards == [1.2, 0.2, 1.2, None]


def test_verl_gets_a_number_or_an_error(server_url: str) -> None:
    async def asked() -> float:
        names = defined(1, server_url)
        async with names["SERVER"]:
            with pytest.raises(RuntimeError, match=r"no reward for a completion of mine: .*gold_invalid"):
                await names["compute_score"]("mine", RIGHT, "", extra_info={"index": 3})
            reward: float = await names["compute_score"]("mine", RIGHT, "4", {"question": "2+2?"})
            return reward

    assert asyncio.run(asked()) == 1.2
