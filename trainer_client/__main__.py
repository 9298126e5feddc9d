"""`trainer-client COMMAND ...`: the command line, and the last place where an error becomes a message.

torch and transformers are loaded when a command runs, not for --help.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from trainer_client.errors import ConfigError, TrainerError
from trainer_client.interrupts import ended_like_ctrl_c
from trainer_client.launch import process_count, process_name
from trainer_client.output import lasting_output

USAGE = """usage: trainer-client COMMAND ...

commands:
  train [CONFIG.toml] [--section.key value ...]    cold start and reinforcement learning in one run
  eval [CONFIG.toml] [--section.key value ...]     pass@k, maj@k and avg@k on problems, judged by the server
  sample [CONFIG.toml] [--section.key value ...]   rejection sampling: judged completions, the good ones kept
  sft [CONFIG.toml] [--section.key value ...]      supervised fine-tuning on demonstrations or on samples
  dpo [CONFIG.toml] [--section.key value ...]      preference optimisation on pairs of judged completions
  r1 CONFIG.toml [--section.key value ...]         the stages of DeepSeek-R1, one after the other, and compared
  presets                                          the algorithms and benchmarks that --preset knows

`trainer-client COMMAND --help` lists every setting of a command.
Exit status: 0 done, 1 failed, 2 called wrongly, 130 interrupted (go on with --resume)."""


def _train(argv: list[str]) -> None:
    from trainer_client.command_line import load

    config = load(argv)
    from trainer_client.train import train

    train(config)


def _eval(argv: list[str]) -> None:
    from trainer_client.command_line import benchmark, load_as
    from trainer_client.config.recipes import EvalCommandConfig

    config = load_as(EvalCommandConfig, argv, "eval", benchmark(EvalCommandConfig))
    from trainer_client.recipes.evaluate import evaluate_command

    evaluate_command(config)


def _sample(argv: list[str]) -> None:
    from trainer_client.command_line import benchmark, load_as
    from trainer_client.config.recipes import SampleConfig

    config = load_as(SampleConfig, argv, "sample", benchmark(SampleConfig))
    from trainer_client.recipes.sample import sample

    sample(config)


def _sft(argv: list[str]) -> None:
    from trainer_client.command_line import load_as
    from trainer_client.config.recipes import SftCommandConfig

    config = load_as(SftCommandConfig, argv, "sft")
    from trainer_client.recipes.sft import sft

    sft(config)


def _dpo(argv: list[str]) -> None:
    from trainer_client.command_line import load_as
    from trainer_client.config.recipes import DpoCommandConfig

    config = load_as(DpoCommandConfig, argv, "dpo")
    from trainer_client.recipes.dpo import dpo

    dpo(config)


def _r1(argv: list[str]) -> None:
    from trainer_client.command_line import load_as
    from trainer_client.config.recipes_r1 import R1Config, with_algorithm

    config = load_as(R1Config, argv, "r1", with_algorithm)
    from trainer_client.recipes.r1 import r1
    from trainer_client.train import train

    r1(config, train)


def _presets(argv: list[str]) -> None:
    from trainer_client.config.benchmarks import BENCHMARKS
    from trainer_client.config.presets import LEGEND, PRESETS

    if argv:
        raise ConfigError(f"presets takes no arguments, got {' '.join(argv)}")
    blocks = [f"algorithms, for train --preset NAME\n    {LEGEND}"]
    blocks += [f"{preset.name}\n    {preset.formula}\n    {preset.source}" for preset in PRESETS.values()]
    blocks += ["benchmarks, for eval and sample --preset NAME --problems.path FILE:"]
    blocks += [f"{benchmark.name}\n    {benchmark.source}" for benchmark in BENCHMARKS.values()]
    print("\n\n".join(blocks), flush=True)


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "train": _train,
    "eval": _eval,
    "sample": _sample,
    "sft": _sft,
    "dpo": _dpo,
    "r1": _r1,
    "presets": _presets,
}


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 failed, 2 called wrongly, 130 interrupted."""
    words = sys.argv[1:] if argv is None else argv
    with lasting_output(only_talks=words[:1] != ["presets"]), ended_like_ctrl_c():
        return _run(words)


def _run(words: list[str]) -> int:
    if words and words[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    if not words or words[0] not in COMMANDS:
        came = f"unknown command {words[0]!r}\n" if words else ""
        print(f"{came}{USAGE}", file=sys.stderr)
        return 2
    try:
        _check_processes(words[0])
        COMMANDS[words[0]](words[1:])
    except (TrainerError, OSError) as error:
        print(f"{process_name()}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print(f"{process_name()}: {str(interrupt) or 'interrupted; go on later with --resume'}", file=sys.stderr)
        return 130
    return 0


def _check_processes(command: str) -> None:
    """Raises ConfigError for a command that torchrun started several times over: each would do all of the work."""
    if command != "train" and process_count() > 1:
        raise ConfigError(
            f"`{command}` is done by one process, but torchrun started {process_count()}: start it without torchrun; "
            "`train` is the command that several share"
        )


if __name__ == "__main__":
    sys.exit(main())
