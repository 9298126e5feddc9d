"""Answer equivalence: what a completion gives as its final answer, and whether it is the ground truth.

    gold = parse_gold("\\\\frac{1}{2}")           # once for each problem
    judge("… so it is \\\\boxed{0.5}.", gold)     # Verdict(decision=EQUAL, ...)

Pure: no I/O, no processes, no signals, and no text is ever evaluated as code.
"""

from reward_server.math.compare import Decision
from reward_server.math.judge import Gold, GoldInvalid, Verdict, equivalent, judge, parse_gold

__all__ = ["Decision", "Gold", "GoldInvalid", "Verdict", "equivalent", "judge", "parse_gold"]
