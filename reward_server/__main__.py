"""`reward-server`: serve over HTTP, score or validate a file with the same engine, or convert one."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from reward_server.errors import RewardServerError


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0].partition("=")[0] == "--role":
        words.insert(0, "serve")
    arguments = _parser().parse_args(words)
    try:
        code: int = arguments.command(arguments)
        return code
    except RewardServerError as error:
        print(f"reward-server: {error.detail}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"reward-server: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reward-server", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="answer POST /v1/score until stopped")
    serve.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (default 8080; 0 takes a free one)")
    serve.add_argument("--workers", type=int, help="processes that answer requests (default 1)")
    serve.add_argument("--insecure", action="store_true", default=None, help="a public address without a key")
    serve.add_argument(
        "--role",
        choices=["server", "code-worker"],
        help="code-worker: only run programs, for the servers that name this one in REWARD_SERVER_CODE_WORKERS",
    )
    serve.set_defaults(command=_serve)
    _add_score(commands)
    _add_validate(commands)
    listed = commands.add_parser("checks", help="list the checks, or tell all of one")
    listed.add_argument("name", nargs="?", metavar="CHECK")
    listed.add_argument(
        "--page", action="store_true", help="all of them as Markdown, with true answers (docs/checks.md)"
    )
    listed.set_defaults(command=_checks)
    convert = commands.add_parser("convert-lcb", help="make plain JSON of LiveCodeBench's pickled private test cases")
    convert.add_argument("source", type=Path, metavar="FILE", help=".jsonl, .jsonl.gz or .json, as downloaded")
    convert.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSONL; .gz compresses it")
    convert.set_defaults(command=_convert_lcb)
    return parser


def _add_score(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from reward_server.offline.mapping import PRESETS

    score = commands.add_parser("score", help="score a file: .jsonl, .jsonl.gz or .json")
    score.add_argument("--in", dest="source", type=Path, required=True, metavar="FILE")
    score.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSONL; a killed run is resumed from it")
    score.add_argument("--profile", required=True, help="one that ships, or one of REWARD_SERVER_PROFILES_DIR")
    score.add_argument("--preset", choices=sorted(PRESETS), default="plain", help="field mapping of a known data set")
    score.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=PATH",
        help="an item's field from a row's, such as completion=code[0]; may be repeated, wins over --preset",
    )
    score.add_argument("--limit", type=_count, metavar="N", help="only the first N rows")
    score.add_argument("--overwrite", action="store_true", help="drop results that are in --out")
    score.set_defaults(command=_score)


def _add_validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from reward_server.offline.mapping import PRESETS

    validate = commands.add_parser(
        "validate",
        help="say which rows of a data set can be judged, and why others cannot",
        epilog="exit code: 0 every row can be judged, 3 some cannot, or were not by our fault, 2 nothing was validated",
    )
    validate.add_argument("source", type=Path, metavar="FILE", help=".jsonl, .jsonl.gz or .json")
    validate.add_argument("--profile", help="judge by the checks of this profile; else by what each row looks like")
    validate.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        default="auto",
        help="field mapping; auto: the ground truth is the whole row",
    )
    validate.add_argument(
        "--map", action="append", default=[], metavar="FIELD=PATH", help="as for score; may be repeated"
    )
    validate.add_argument("--limit", type=_count, metavar="N", help="only the first N rows")
    validate.add_argument("--out", type=Path, metavar="FILE", help="JSONL: a report of each row")
    validate.add_argument("--no-self-score", action="store_true", help="read references, and do not judge them")
    validate.set_defaults(command=_validate)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number of rows, got {text!r}")
    return int(text)


def _serve(arguments: argparse.Namespace) -> int:
    from reward_server.serving import serve
    from reward_server.settings import load_settings

    names = ("host", "port", "workers", "insecure", "role")
    serve(load_settings(**{name: getattr(arguments, name) for name in names}))
    return 0


def _score(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from reward_server.offline.mapping import parse_mapping
    from reward_server.offline.score_file import Job, score_file
    from reward_server.settings import load_settings

    mapping = parse_mapping(arguments.preset, arguments.map)
    job = Job(arguments.source, arguments.out, arguments.profile, mapping, arguments.overwrite, arguments.limit)
    console = Console(stderr=True)
    tally = score_file(job, load_settings(), console)
    Console().print(tally.table())
    console.print(f"results: {arguments.out}")
    return 0


def _checks(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from reward_server.offline.checks_page import checks_page, checks_table, described
    from reward_server.settings import load_settings

    if arguments.page:
        print(asyncio.run(checks_page(load_settings(sandbox_try_languages=False))), end="")
    elif arguments.name:
        print(described(arguments.name))
    else:
        Console().print(checks_table())
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from reward_server.offline.mapping import parse_mapping
    from reward_server.offline.validate_file import ValidationJob, validate_file
    from reward_server.settings import load_settings

    mapping = parse_mapping(arguments.preset, arguments.map)
    self_score = not arguments.no_self_score
    job = ValidationJob(arguments.source, mapping, arguments.profile, arguments.out, arguments.limit, self_score)
    console = Console(stderr=True)
    tally = validate_file(job, load_settings(), console)
    Console().print(tally.table())
    if arguments.out is not None:
        console.print(f"reports: {arguments.out}")
    return 3 if tally.unjudged else 0


def _convert_lcb(arguments: argparse.Namespace) -> int:
    from reward_server.offline.convert_lcb import convert

    count = convert(arguments.source, arguments.out)
    print(f"{count} rows: {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
