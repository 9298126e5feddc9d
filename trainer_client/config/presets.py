"""The algorithms by name: what each sets in `[rl]`, its formula in one line, and where the numbers come from.

A preset sets only what makes the algorithm: not the learning rate, nor the size of model or batch. The file and the
command line override it. What a paper leaves open, and where a preset departs from it, is said in `source`. Four
minibatches stand where an algorithm differs from its neighbours only once the policy has moved away from the one that
sampled.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

LEGEND = (
    "completions i, their T_i tokens t; A advantage, R reward; r = pi / pi_old of a token; e (el, eh below and above) "
    "the clip; b = kl.beta; k1, k2, k3 estimates of the divergence from pi_ref; sg[] takes no gradient"
)


@dataclass(frozen=True, slots=True)
class Preset:
    """`overrides` are nested tables of RlConfig; `formula` and `source` are for the reader.

    `example` are settings without which the preset is refused, such as they might be; empty for one that stands alone.
    """

    name: str
    formula: str
    source: str
    overrides: Mapping[str, Any]
    example: Mapping[str, Any] = field(default_factory=dict)


_REFERENCE_GRPO = {"beta": 0.04}
_GRPO_LOSS = {
    "objective": "clip",
    "ratio": "token",
    "eps_low": 0.2,
    "eps_high": 0.2,
    "aggregation": "seq_mean",
    "kl": _REFERENCE_GRPO,
}
_NO_REFERENCE = {"beta": 0.0}
_TOKEN_CLIP = _GRPO_LOSS | {"aggregation": "token_mean", "kl": _NO_REFERENCE}
_GROUP = {"estimator": "grpo", "scale": "group"}

_ALL = (
    Preset(
        "grpo",
        "L = -mean_i 1/T_i sum_t [ min(r A, clip(r, 1-e, 1+e) A) - b k3 ],  A_i = (R_i - mean R) / std R",
        "DeepSeekMath, arXiv:2402.03300, eq. 3, 4 and 4.1.2: b = 0.04, G = 64, one update a batch; it names no e: 0.2 "
        "as in PPO",
        {"advantage": _GROUP, "loss": _GRPO_LOSS},
    ),
    Preset(
        "grpo_process",
        "as grpo,  A_it = A_i + sum_j (r_ij - mean r) / std r over steps j that end at t or later, all of a group",
        "DeepSeekMath, arXiv:2402.03300, 4.1.3; the paper has the steps alone (process.outcome_weight = 0)",
        {
            "advantage": _GROUP | {"process": {"outcome_weight": 1.0, "step_weight": 1.0, "outcome_as_step": False}},
            "loss": _GRPO_LOSS,
        },
    ),
    Preset(
        "iterative_grpo",
        "as grpo,  pi_ref <- pi after every M steps,  or pi_ref <- (1-a) pi_ref + a pi",
        "DeepSeekMath, arXiv:2402.03300, algorithm 1, which leaves M open (DeepSeek-R1, arXiv:2501.12948: 400): 20 "
        "here, for runs of hundreds of steps; reference.refresh = ema for the mean, never for grpo",
        {"advantage": _GROUP, "loss": _GRPO_LOSS, "reference": {"refresh": "copy", "every": 20}},
    ),
    Preset(
        "dr_grpo",
        "L = -1/(B Lmax) sum_it min(r A, clip(r, 1-e, 1+e) A),  A_i = R_i - mean R",
        "Dr. GRPO, arXiv:2503.20783: no deviation, no length in the divisor, no KL; e = 0.2, G = 8; Lmax is "
        "sampler.max_new_tokens",
        {
            "advantage": {"estimator": "grpo", "scale": "none"},
            "loss": _GRPO_LOSS | {"aggregation": "constant", "kl": _NO_REFERENCE},
        },
    ),
    Preset(
        "dapo",
        "L = -1/sum T_i sum_it min(r A, clip(r, 1-el, 1+eh) A),  groups with 0 < #right < G only,  R + soft overlong, "
        "truncated rows not in L",
        "DAPO, arXiv:2503.14476, eq. 8 to 13: el = 0.2, eh = 0.28, no KL, G = 16, cache 4096 of 20480; 16 updates a "
        "batch there, 4 here",
        {
            "minibatches": 4,
            "advantage": _GROUP,
            "loss": _TOKEN_CLIP | {"eps_high": 0.28},
            "selection": {
                "dynamic_sampling": {"max_batches": 10},
                "overlong_filter": True,
                "soft_overlong": {"cache_share": 0.2, "weight": 1.0},
            },
        },
    ),
    Preset(
        "gspo",
        "L = -mean_i min(s A, clip(s, 1-el, 1+eh) A),  s_i = (pi(o_i) / pi_old(o_i))^(1/T_i)",
        "GSPO, arXiv:2507.18071, eq. 5 to 7: el = 3e-4, eh = 4e-4, four minibatches",
        {
            "minibatches": 4,
            "advantage": _GROUP,
            "loss": _GRPO_LOSS | {"ratio": "sequence", "eps_low": 3e-4, "eps_high": 4e-4, "kl": _NO_REFERENCE},
        },
    ),
    Preset(
        "gspo_token",
        "L = -mean_i 1/T_i sum_t min(s_t A_t, clip(s_t) A_t),  s_it = sg[s_i] pi_t / sg[pi_t]",
        "GSPO, arXiv:2507.18071, eq. 13 and 14; equals gspo while the advantage is constant in a sequence",
        {
            "minibatches": 4,
            "advantage": _GROUP,
            "loss": _GRPO_LOSS | {"ratio": "sequence_token", "eps_low": 3e-4, "eps_high": 4e-4, "kl": _NO_REFERENCE},
        },
    ),
    Preset(
        "gfpo",
        "L = -1/sum_i T_i sum_{i in S, t} min(r A, clip(r, 1-e, 1+e) A),  A_i = (R_i - mean_S R) / std_S R,  S: the k "
        "of G best by length or R/T",
        "GFPO, arXiv:2508.09726, eq. 2: G = 16, k = 8, the divisor counts the tokens of all G; KL and entropy bonus, "
        "0.001 each there, are left out; gfpo.metric = token_efficiency or gfpo.adaptive on request",
        {
            "group": 16,
            "advantage": _GROUP | {"gfpo": {"metric": "length", "keep": 8}},
            "loss": _TOKEN_CLIP,
        },
    ),
    Preset(
        "dual_clip",
        "L = -mean_it m,  m = min(r A, clip(r, 1-e, 1+e) A) for A >= 0,  max(that, c A) for A < 0",
        "Ye et al., arXiv:1912.09729: c = 3, e = 0.2; on group advantages, with the c that verl has by default",
        {"minibatches": 4, "advantage": _GROUP, "loss": _TOKEN_CLIP | {"dual_clip": 3.0}},
    ),
    Preset(
        "cispo",
        "L = -mean_it sg[min(r, 1+eh)] A log pi",
        "MiniMax-M1, arXiv:2506.13585, eq. 4 and 5: no lower bound, no KL; 1+eh = 5.0 as TRL has it for ScaleRL "
        "(arXiv:2510.13786), because the paper names none",
        {
            "minibatches": 4,
            "advantage": _GROUP,
            "loss": _TOKEN_CLIP | {"objective": "cispo", "eps_low": 1.0, "eps_high": 4.0},
        },
    ),
    Preset(
        "rloo",
        "L = -mean_i A_i sum_t log pi,  A_i = R'_i - mean of the others' R',  R' = R - b sum_t log(pi_old / pi_ref)",
        "Ahmadian et al., arXiv:2402.14740, 2.3, the whole completion as one action; b = 0.05 as in TRL (0.03 and 0.1 "
        "there)",
        {
            "advantage": {"estimator": "rloo"},
            "loss": {
                "objective": "reinforce",
                "aggregation": "seq_sum",
                "kl": {"beta": 0.05, "estimator": "k1", "place": "reward"},
            },
        },
    ),
    Preset(
        "reinforce_pp",
        "L = -mean_it min(r A, clip(r) A),  A = whitened sum_{s>=t} ( [s=T_i] R_i - b log(pi_old / pi_ref)_s )",
        "REINFORCE++, arXiv:2501.03262: KL in the reward, whitening over the global batch, e = 0.2; b = 0.01 and the "
        "mean over tokens as in OpenRLHF",
        {
            "advantage": {"estimator": "reinforce_pp", "gamma": 1.0},
            "loss": _TOKEN_CLIP | {"kl": {"beta": 0.01, "estimator": "k1", "place": "reward"}},
        },
    ),
    Preset(
        "reinforce_pp_baseline",
        "L = -mean_it [ min(r A, clip(r) A) - b k2 ],  A = whitened (R_i - mean R)",
        "REINFORCE++ w/ baseline, arXiv:2501.03262: group mean, global whitening, k2 in the loss; b = 0.01 as above",
        {
            "advantage": {"estimator": "reinforce_pp_baseline", "gamma": 1.0},
            "loss": _TOKEN_CLIP | {"kl": {"beta": 0.01, "estimator": "k2", "place": "loss"}},
        },
    ),
    Preset(
        "ppo",
        "L = -mean_it min(r A, clip(r, 1-e, 1+e) A),  A = whitened GAE(gamma, lambda) of [t=T_i] R_i - b k1;  critic: "
        "mean_it max((V-Y)^2, (V_old + clip(V-V_old, -c, c) - Y)^2),  Y = GAE + V_old",
        "PPO, arXiv:1707.06347, eq. 7 and 11, and GAE, arXiv:1506.02438: e = 0.2, gamma = 1, lambda = 0.95; the "
        "critic's clip of arXiv:2005.12729, c = 0.2; KL in the reward as InstructGPT (arXiv:2203.02155, eq. 2), "
        "b = 0.05 as in TRL; an entropy bonus by loss.entropy.coef",
        {
            "minibatches": 4,
            "advantage": {"estimator": "gae", "gamma": 1.0, "lam": 0.95},
            "critic": {"trunk": "own", "loss": {"clip": 0.2}},
            "loss": _TOKEN_CLIP | {"kl": {"beta": 0.05, "estimator": "k1", "place": "reward"}},
        },
    ),
    Preset(
        "gdpo",
        "L = -1/sum T_i sum_it min(r A, clip(r, 1-e, 1+e) A),  A_i = whitened sum_n w_n (R_in - mean R_n) / std R_n "
        "over the components n",
        "GDPO, arXiv:2601.05242, 3.1, no KL as in its code; the weights w have to be given, by the names of the "
        "profile's components: advantage.objectives.weights = { math = 1.0, format = 1.0 }",
        {
            "advantage": _GROUP | {"objectives": {"combine": "normalise_then_sum", "whiten": True}},
            "loss": _TOKEN_CLIP,
        },
        example={"advantage": {"objectives": {"weights": {"math": 1.0, "format": 1.0}}}},
    ),
    # Groups of equal rewards: the choice depends on what was sampled, which biases. But where rewards are 0 or 1 and
    # the value lies between, the bias is in the length of the mean gradient and not in its direction.
    Preset(
        "hybrid",
        "as dr_grpo,  A_i = R_i - mean R,  in groups of equal rewards R_i - V(prompt)",
        "no paper: Dr. GRPO, arXiv:2503.20783, with the learned baseline of PPO, arXiv:1707.06347, at the prompt's "
        "end, a light head on the policy's own trunk; other prompts by advantage.hybrid.choose",
        {
            "advantage": {"estimator": "grpo", "scale": "none", "hybrid": {"choose": "dead"}},
            "critic": {"trunk": "shared", "loss": {"clip": 0.2}},
            "loss": _GRPO_LOSS | {"aggregation": "constant", "kl": _NO_REFERENCE},
        },
    ),
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}


def preset(name: str) -> Preset:
    """The preset of that name. Raises ValueError, with all names, for another."""
    if name not in PRESETS:
        raise ValueError(f"no algorithm is called {name!r}; there are: {', '.join(PRESETS)}")
    return PRESETS[name]


def with_preset(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of RlConfig: the preset's, overridden key by key by `settings`. Raises ValueError for an unknown name."""
    return merged(preset(name).overrides, settings)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables of both; where both have a value, that of `above`. Neither is changed."""
    tables = deepcopy(dict(below))
    for key, value in above.items():
        nested = tables.get(key)
        tables[key] = merged(nested, value) if isinstance(nested, dict) and isinstance(value, Mapping) else value
    return tables
