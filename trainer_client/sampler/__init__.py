"""Samplers: prompts in, groups of rollouts with their log-probabilities out."""
