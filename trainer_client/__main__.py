"""`trainer-client COMMAND ...`: the command line, and the last place where an error becomes a message."""

from __future__ import annotations

import sys
from collections.abc import Callable

from trainer_client.errors import TrainerError

USAGE = """usage: trainer-client COMMAND ...

commands:
  train CONFIG.toml [--section.key value ...]   cold start and reinforcement learning in one run

`trainer-client train --help` lists every setting."""


def _train(argv: list[str]) -> int:
    from trainer_client.command_line import load

    config = load(argv)
    from trainer_client.train import train  # torch and transformers are loaded here, not for --help

    train(config)
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {"train": _train}


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 failed, 2 called wrongly, 130 interrupted."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    if not words or words[0] not in COMMANDS:
        came = f"unknown command {words[0]!r}\n" if words else ""
        print(f"{came}{USAGE}", file=sys.stderr)
        return 2
    try:
        return COMMANDS[words[0]](words[1:])
    except (TrainerError, OSError) as error:
        print(f"trainer-client: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("trainer-client: interrupted; go on later with --resume", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
