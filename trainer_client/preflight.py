"""Before anything large is loaded: does the server judge what this run will send, and give what it learns from?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trainer_client.config import RewardConfig, TrainConfig
from trainer_client.errors import ConfigError, DataError, RewardRejected, RewardUnavailable
from trainer_client.rewards import RewardScorer
from trainer_client.types import Example, Judged, RolloutScore

TRIED = 8  # problems that may be unfit before the profile is called unfit for the file


def components_of(config: TrainConfig) -> list[str]:
    """The components that the settings name."""
    objectives = config.rl.advantage.objectives
    return [config.evaluation.accuracy_component, *(objectives.weights if objectives and config.rl.steps else ())]


def check_server(
    scorer: RewardScorer, config: RewardConfig, problems: Sequence[Example], components: Iterable[str]
) -> None:
    """Have one completion judged before any work is done: address, key, profile and components must be right.

    The first of TRIED problems counts that can be judged. A server that does not answer yet is waited for. Raises
    RewardUnavailable, RewardRejected, ConfigError; DataError when the profile can judge none of them.
    """
    for example in problems[:TRIED]:
        score = _judged(scorer, example)
        if score.judged is not Judged.SKIPPED:
            break
    else:
        raise DataError(
            f"profile {config.profile!r} can judge none of the first {min(TRIED, len(problems))} problems, of the last "
            f"it says: {score.reason}. Give the right reward.profile and the right field for ground_truth, or begin "
            "behind them with problems.skip"
        )
    if not score.components:
        raise RewardUnavailable(f"the reward server at {config.url} gives no score: {score.reason}")
    if missing := sorted(set(components) - set(score.components)):
        raise ConfigError(
            f"profile {config.profile!r} has no component {', '.join(missing)}; it has {sorted(score.components)}"
        )


def _judged(scorer: RewardScorer, example: Example) -> RolloutScore:
    try:
        return scorer.judge(example, example.completion or "")
    except RewardRejected as error:
        if error.code != "unauthorized":
            raise
        raise ConfigError(f"{error}. Name the environment variable that holds the key in reward.api_key_env") from error
