"""Known benchmarks by name: what each sets for `eval` and `sample`. The file and the command line override it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer_client.config.presets import merged


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`overrides` are nested tables of the command's configuration; `source` is for the reader."""

    name: str
    source: str
    overrides: Mapping[str, Any]


_BOXED = "{prompt}\n\nReason step by step, and put your final answer within \\boxed{}."
_FENCED = "Complete this function. Answer with the whole function in one ```python block.\n\n```python\n{prompt}```"


def _asked(fields: str, template: str, profile: str, **sampler: float) -> dict[str, Any]:
    """Chat problems of a known shape, judged by a profile of the server."""
    problems = {"fields": {"preset": fields}, "chat": True, "template": template}
    return {"problems": problems, "reward": {"profile": profile}, "sampler": sampler}


_ALL = (
    Benchmark(
        "gsm8k",
        "Cobbe et al., arXiv:2110.14168: rows with question and answer, gold behind ####",
        _asked("gsm8k", _BOXED, "gsm8k", max_new_tokens=512),
    ),
    Benchmark(
        "math",
        "Hendrycks et al., arXiv:2103.03874: rows with problem and solution, gold in the last \\boxed{}",
        _asked("math", _BOXED, "gsm8k", max_new_tokens=2048),
    ),
    Benchmark(
        "humaneval",
        "Chen et al., arXiv:2107.03374: rows with task_id, prompt, test and entry_point; temperature 0.8 for pass@k",
        _asked("humaneval", _FENCED, "r1-code", max_new_tokens=768, temperature=0.8) | {"accuracy_component": "code"},
    ),
)

BENCHMARKS: dict[str, Benchmark] = {benchmark.name: benchmark for benchmark in _ALL}


def with_benchmark(name: str, settings: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    """The benchmark's tables, overridden by `settings`; of the benchmark's own keys only those of `keys`.

    Raises ValueError for an unknown name.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"no benchmark is called {name!r}; there are: {', '.join(BENCHMARKS)}")
    below = {key: value for key, value in BENCHMARKS[name].overrides.items() if key in keys}
    return merged(below, settings)
