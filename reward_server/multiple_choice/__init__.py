"""Which option of a multiple-choice question a completion gives as its answer, and whether it gives two. Pure."""

from reward_server.multiple_choice.reading import Choice, chosen

__all__ = ["Choice", "chosen"]
