"""The open parts of a run and the small state that goes with them: what the loops in `train` stand on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn import Parameter
from transformers import PreTrainedModel

from trainer_client.checkpoint import RANKS, CheckpointStore, Saved
from trainer_client.config import TrainConfig
from trainer_client.critic import Critic
from trainer_client.data import Curriculum, PromptBuilder, Shuffled, load_examples, open_stream, write_pass_rates
from trainer_client.device import open_device
from trainer_client.display import Display
from trainer_client.errors import AlarmRaised, CheckpointError, ConfigError, DataError, RewardsMissing
from trainer_client.evaluate import evaluate
from trainer_client.gather import Draw, Gathered, nothing_judged
from trainer_client.interrupts import Interrupts, Stopped
from trainer_client.learner import Learner, Rates
from trainer_client.manifest import check_manifest, write_manifest
from trainer_client.model import load_model, open_model
from trainer_client.monitor import Alarm
from trainer_client.optim import build_optimizer, learning_rate
from trainer_client.policy import frozen_copy_of
from trainer_client.preflight import check_server, components_of
from trainer_client.progress import Progress, Stage
from trainer_client.randomness import random_state, restore_random_state, seed_everything
from trainer_client.ranks import ALONE, Ranks
from trainer_client.rewards import RewardScorer, StepWatch, UnscoredWatch
from trainer_client.rollouts import Collected, collect_rollouts, shared_out
from trainer_client.run_dir import CHECKPOINTS, MEASURED, REFERENCE
from trainer_client.run_log import RunLog
from trainer_client.sampler.hf import TransformersSampler
from trainer_client.types import Example, Prompt

ORDER = "data"  # what the checkpoint calls the state of RL's order of problems


class Session:
    """A run that is under way.

    `progress`, the random states and the state of the data's order kept with it are those after the last finished
    step; a checkpoint written in the middle of a step, because the rewards failed, goes back to there. They are the
    same on all ranks, of which the first alone writes. `whole` is false while the weights are beyond `progress`.
    """

    def __init__(
        self, config: TrainConfig, directory: Path, scorer: RewardScorer, display: Display, ranks: Ranks = ALONE
    ) -> None:
        self.config = config
        self.ranks = ranks
        self.directory = directory
        self.scorer = scorer
        self.display = display
        self.interrupts = Interrupts(display.notice)
        self.device = open_device(config.run, ranks)
        self.store = CheckpointStore(directory / CHECKPOINTS, config.run.keep_checkpoints, display.notice)
        saved = self.store.to_go_on_from() if config.resume else None
        own_random_state = saved.random_state_of(ranks.rank, ranks.size) if saved else {}
        self.progress = saved.progress if saved else Progress()
        self._kept = saved.progress if saved else None  # of which there is a checkpoint: it is not written twice
        self.whole = True
        self.log = RunLog(directory, self.progress, writes=ranks.is_first)
        self._more = saved.more if saved else {}
        train, held_out = load_examples(config.data, display.notice)
        ranks.each(lambda: check_server(scorer, config.reward, held_out, components_of(config)))
        self._open_model(saved)
        self._open_data(train, held_out)
        self.watch = UnscoredWatch(config.reward, display.notice)
        process = config.rl.advantage.process is not None
        self.step_watch = StepWatch(config.reward.profile, display.notice) if process else None
        self.optimizer: torch.optim.Optimizer | None = None
        self._optimizer_state = saved.optimizer if saved else None
        self.learner: Learner | None = None
        if saved:
            restore_random_state(own_random_state, self.sampler.generator)
        self._random_states = self._all_random_states()
        self._order_state = self.rl_data.state()

    def _open_model(self, saved: Saved | None) -> None:
        seed_everything(self.config.seed)
        if saved:
            self.model = load_model(saved.model_dir, self.device)
        else:
            self.model = open_model(self.config.model, self.device)
        locate_text = self.config.rl.advantage.process is not None
        seed = self.ranks.seed(self.config.seed)
        self.sampler = TransformersSampler(self.model, self.config.rl.sampler, seed, locate_text)

    def _open_data(self, train: Sequence[Example], held_out: Sequence[Example]) -> None:
        data, component = self.config.data, self.config.evaluation.accuracy_component
        self._prompts = PromptBuilder(data, self.model.tokenizer)
        fitting = self._prompts.fitting(train)
        if len(fitting) < len(train):
            self.display.notice(f"{len(train) - len(fitting)} prompts are too long and are left out")
        chosen = self._prompts.fitting(held_out)[: self.config.evaluation.problems]
        self.held_out = self.as_prompts(chosen)
        self._check_lengths()
        self.sft_data = Shuffled(fitting, self.config.seed, "sft", self.progress.sft_cursor)
        self.rl_data = open_stream(fitting, data, self.config.seed, "rl", component, self.progress.rl_cursor)
        self._restore_order()

    def _check_lengths(self) -> None:
        """Raises ConfigError when the longest prompt with the longest completion does not fit into the model."""
        longest = self._prompts.longest
        room = self.model.positions
        wanted = self.config.rl.sampler.max_new_tokens
        if room is not None and longest + wanted > room:
            raise ConfigError(
                f"the longest prompt has {longest} tokens and rl.sampler.max_new_tokens is {wanted}, but the model "
                f"has {room} positions; lower data.max_prompt_tokens or rl.sampler.max_new_tokens"
            )

    def _restore_order(self) -> None:
        """Have the order go on where the checkpoint left it; one of another kind begins anew, and this is told."""
        if ORDER not in self._more:
            return
        try:
            self.rl_data.restore(self._more[ORDER])
        except KeyError:
            self.display.notice("the run had no data.curriculum so far: nothing is known of its pass rates yet")

    def close(self) -> None:
        """Close the files of the record."""
        self.log.close()

    def as_prompts(self, examples: Iterable[Example]) -> list[Prompt]:
        """The examples as the policy sees them."""
        return [self._prompts.prompt(example) for example in examples]

    def parameters(self) -> Iterable[Parameter]:
        """The weights that are trained."""
        return self.model.network.parameters()

    def open_optimizer(self, stage: Stage) -> torch.optim.Optimizer:
        """The optimizer of a stage: a new one, or the one of the checkpoint that this session began with."""
        config = self.config.sft.optim if stage is Stage.SFT else self.config.rl.optim
        optimizer = build_optimizer(self.parameters(), config)
        if self._optimizer_state is not None:
            optimizer.load_state_dict(self._optimizer_state)
            self._optimizer_state = None
        self.optimizer = optimizer
        return optimizer

    def open_learner(self) -> Learner:
        """All that RL trains, as it is in the checkpoint that this session began with, or new."""
        optimizer = self.open_optimizer(Stage.RL)
        learner = Learner(self.model.network, optimizer, self._open_reference(), ranks=self.ranks)
        if critic := self.config.rl.critic:
            learner.critic = Critic.beside(learner.network, own_trunk=critic.trunk == "own")
            learner.critic_optimizer = build_optimizer(learner.critic.parameters(), critic.optim)
        if self.progress.step > 0:
            learner.restore(self._more)
        self.learner = learner
        return learner

    def _open_reference(self) -> PreTrainedModel | None:
        """The policy as it was when RL began, frozen; None without a KL term. It lies beside the checkpoints.

        One that has moved lies inside of them. Raises CheckpointError when a resumed run has none.
        """
        if self.config.rl.loss.kl.beta == 0:
            return None
        directory = self.directory / REFERENCE
        if self.progress.step == 0:
            if self.ranks.is_first:
                self.model.save(directory)
                write_manifest(directory)
            return frozen_copy_of(self.model.network)
        try:
            check_manifest(directory)
            return load_model(directory, self.device).network.requires_grad_(False)
        except (CheckpointError, DataError) as error:
            raise CheckpointError(
                f"rl.loss.kl needs the policy as RL began, but {directory} is damaged or was never written: {error}. "
                "Put it back from a copy, go on with --rl.loss.kl.beta 0, or begin a new run from the run's model"
            ) from error

    def refresh_reference(self) -> None:
        """Have the reference follow the policy, where and when it does."""
        config = self.config.rl.reference
        if self.learner is not None and config.refresh != "never" and self.progress.step % config.every == 0:
            self.learner.follow(1.0 if config.refresh == "copy" else config.rate)

    def rates(self, step: int) -> Rates:
        """The learning rates of an RL step."""
        config = self.config.rl
        critic = learning_rate(config.critic.optim, step, config.steps) if config.critic else None
        return Rates(learning_rate(config.optim, step, config.steps), critic)

    def draw(self, step: int) -> Draw:
        """What samples and scores groups of the next prompts, for one RL step; each rank those of its share."""

        def own_share(sampling: int, examples: Sequence[Example]) -> Collected:
            return collect_rollouts(
                self.sampler,
                self.scorer.begin(self.ranks.label(f"rl-{step}.{sampling}" if sampling else f"rl-{step}")),
                self.as_prompts(examples),
                self.config.rl.group,
                self.config.rl.sampler.batch_rows,
                self.progress.policy_version,
            )

        def groups(sampling: int, prompts: int) -> Collected:
            examples = self.ranks.own(self.rl_data.take(prompts))
            return shared_out(self.ranks, lambda: own_share(sampling, examples))

        return groups

    def check_scores(self, step: int, gathered: Gathered) -> None:
        """Look at the scores of a step. Raises RewardsMissing, or ConfigError where it can learn from none of them.

        A step of which dynamic sampling left nothing is told, and goes by.
        """
        self.watch.check(gathered.seen)
        if self.step_watch is not None:
            self.step_watch.check(gathered.seen)
        if not gathered.groups and not nothing_judged(gathered.seen):
            self.display.notice(
                f"rl step {step} learns nothing: in none of {len(gathered.seen)} groups of {gathered.samplings} "
                f"samplings do the values of {self.config.evaluation.accuracy_component} differ; the problems are too "
                "easy or too hard for the policy"
            )

    def advance(self, **changes: Any) -> None:
        """A step is finished: this is where a checkpoint would go on from."""
        self._random_states = self._all_random_states()
        self.progress = replace(self.progress, **changes)
        self._order_state = self.rl_data.state()
        self.whole = True

    def _all_random_states(self) -> list[dict[str, Any]]:
        """Those of every rank; kept on each, so that a checkpoint can be written when another rank is gone."""
        return self.ranks.gathered(random_state(self.sampler.generator))

    def obey(self) -> None:
        """Raise Stopped on every rank when a signal came to any: the step is whole."""
        if self.ranks.any(self.interrupts.asked):
            raise Stopped

    def begin_rl(self) -> None:
        """Leave the cold start behind."""
        self.optimizer = None
        self.advance(stage=Stage.RL, step=0)

    def evaluate_if_due(self) -> None:
        """Evaluate before the first RL step, after the last, and every `evaluation.every` between.

        One without any score is left out. Raises RewardsMissing for the first and the last: what is learnt is measured
        from one to the other.
        """
        step, every, last = self.progress.step, self.config.evaluation.every, self.config.rl.steps
        due = step in (0, last) or (every > 0 and step % every == 0)
        if not due or self.ranks.first(lambda: self.log.has_evaluation(Stage.RL, step)):
            return
        version = self.progress.policy_version
        with self.interrupts.at_once():
            result = evaluate(self.sampler, self.scorer, self.held_out, self.config, version, str(step), self.ranks)
        if result.failure and step in (0, last):
            raise RewardsMissing(result.failure)
        if result.failure:
            self.display.notice(f"rl {step}: {result.failure}; the evaluation is left out")
            return
        self.display.evaluation(self.log.evaluation(Stage.RL, step, result.metrics, result.samples))

    def save(self) -> None:
        """Write a checkpoint of the last finished step, and the pass rates that a curriculum measured."""
        if not self.ranks.is_first or self._kept is self.progress:
            return
        more = {ORDER: self._order_state, **(self.learner.beside_the_policy() if self.learner else {})}
        if not self.ranks.alone:
            more[RANKS] = self._random_states
        self.store.save(self.progress, self.model, self.optimizer, self._random_states[0], more)
        self.write_pass_rates()
        self._kept = self.progress

    def write_pass_rates(self) -> None:
        """Write what the curriculum knows of each problem; nothing without one."""
        if isinstance(self.rl_data, Curriculum):
            write_pass_rates(self.directory / MEASURED, self.rl_data.pass_rates())

    def save_if_due(self, last: int) -> None:
        """Write a checkpoint every `run.checkpoint_every` steps and after the stage's last."""
        step, every = self.progress.step, self.config.run.checkpoint_every
        if step == last or (every and step % every == 0):
            self.save()

    def heed(self, alarms: Sequence[Alarm]) -> None:
        """Tell the alarms of a step. Raises AlarmRaised where they end the run; a pause writes a checkpoint first."""
        step, action = self.progress.step, self.config.monitor.on_alarm
        for alarm in alarms:
            self.display.notice(f"alarm at rl step {step}: {alarm.message}")
        if not alarms or action == "warn":
            return
        told = "; ".join(alarm.message for alarm in alarms)
        if action == "pause":
            self.save()
            raise AlarmRaised(
                f"paused after rl step {step}: {told}. A checkpoint is written: go on with --resume, with other "
                "settings where you like, or with --monitor.on_alarm warn"
            )
        raise AlarmRaised(
            f"stopped after rl step {step}: {told}. --resume goes back to the last checkpoint written before; "
            "change a setting first, or the same will happen"
        )
