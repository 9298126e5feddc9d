"""Which groups and rows are learnt from. Pure.

kept        GFPO: k of G by length or reward per token, k by difficulty
dynamic     DAPO: live groups, how many prompts to draw again, which groups are taken
overlong    completions at the length limit: the growing punishment, the rows that leave the loss
"""

from trainer_client.selection.dynamic import Refill, live_groups, refill, taken_groups
from trainer_client.selection.kept import DifficultyWindow, keep_counts, kept_members, mean_rewards
from trainer_client.selection.overlong import rows_in_loss, soft_overlong_penalty

__all__ = [
    "DifficultyWindow",
    "Refill",
    "keep_counts",
    "kept_members",
    "live_groups",
    "mean_rewards",
    "refill",
    "rows_in_loss",
    "soft_overlong_penalty",
    "taken_groups",
]
