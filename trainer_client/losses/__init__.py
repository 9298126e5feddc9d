"""Losses as pure functions: log-probs, advantages and masks in; this micro-batch's share and sums for metrics out.

`policy_loss.policy_loss` is the entry for reinforcement learning; `value`, `preference` and `demonstration` stand
beside it. Names are imported from the file they live in.
"""
