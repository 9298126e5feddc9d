"""Several objectives to one advantage for each completion. Pure.

`components` [P, G, C] in fp64 are the server's components, `present` [P, G, C] is false where one had no value: such
a component is neutral for this completion, it counts in no statistic and adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from trainer_client.advantages.moments import whiten
from trainer_client.advantages.outcome import grpo_advantages
from trainer_client.config.advantage import AdvantageConfig, ObjectivesConfig


def component_tensors(
    groups: Sequence[Sequence[Mapping[str, float | None]]], names: Sequence[str]
) -> tuple[Tensor, Tensor]:
    """Components and presence [P, G, C] in the order of `names`, of groups of name -> value tables.

    Raises ValueError when a name occurs nowhere: it is misspelt, or the profile does not compute it.
    """
    for name in names:
        if not any(name in member for group in groups for member in group):
            known = sorted({key for group in groups for member in group for key in member})
            raise ValueError(
                f"objectives.weights names {name!r}, which no completion has; they have: {', '.join(known) or 'none'}"
            )
    values = [[[member.get(name) for name in names] for member in group] for group in groups]
    present = [[[value is not None for value in member] for member in group] for group in values]
    known_values = [[[value or 0.0 for value in member] for member in group] for group in values]
    return torch.tensor(known_values, dtype=torch.float64), torch.tensor(present)


def objective_advantages(
    components: Tensor,
    present: Tensor,
    scored: Tensor,
    objectives: ObjectivesConfig,
    config: AdvantageConfig,
) -> Tensor:
    """Advantages [P, G]; the components' last dimension is in the order of `objectives.weights`.

    sum_then_normalise: GRPO's advantage of the weighted sum. normalise_then_sum: the weighted sum of each component's
    own GRPO advantage, then, with `whiten`, by mean and deviation of all scored completions.
    Source: Liu et al. 2026, GDPO (arXiv:2601.05242), section 3.1: group-wise normalisation of each reward, sum,
    batch-wise normalisation.
    """
    weights = components.new_tensor(list(objectives.weights.values()))
    counts = present & scored.unsqueeze(-1)
    if objectives.combine == "sum_then_normalise":
        known = torch.where(counts, components, torch.zeros_like(components))
        return grpo_advantages(known @ weights, scored, config)
    each = [grpo_advantages(components[..., c], counts[..., c], config) for c in range(components.shape[-1])]
    total = torch.stack(each, dim=-1) @ weights
    if not objectives.whiten:
        return total
    teaches = (total != 0).any(1, keepdim=True)  # the mean is 0 but for rounding: dead groups stay exactly 0
    return torch.where(teaches, whiten(total, scored, config.ddof, config.eps), torch.zeros_like(total))
