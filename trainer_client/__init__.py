"""The trainer: prompts, samples, rewards over HTTP, group-relative advantages, one update after another."""
