"""docs/checks.md, made from the catalogue: what each check says of itself, and what it answers to its own example."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from reward_server.catalogue import CatalogueEntry, ProfileEntry, catalogue, catalogue_entry, profile_entries
from reward_server.checks.registry import OURS
from reward_server.errors import CheckUnavailable
from reward_server.executors.lifecycle import opened
from reward_server.profiles import Profiles, bind
from reward_server.scoring import Scorer
from reward_server.settings import Settings
from reward_server.wire import DEFAULT_DEADLINE_MS, ScoreItem, ScoreRequest, ScoreResult

HEAD = """# The checks

Made by `make checks-page` from what the checks say of themselves; a test keeps it current. The same stands under
`GET /v1/checks` and `GET /v1/profiles`. How to add one: [writing-a-check.md](writing-a-check.md).

A check gives a value, or none where it does not apply: then the component is `skipped`, `reason` says why, and the
reward is made without it. A value stands under `components` with a `detail` that always has the same keys.
"""
WIDTH = 118
HIDDEN = frozenset({"isolation"})  # in `detail`, and different from host to host


async def checks_page(settings: Settings) -> str:
    """The page as Markdown. Judges every example, so it needs what the checks need."""
    async with opened(settings) as executors:
        scorer = Scorer(executors, settings)
        sections = [await _section(entry, scorer) for entry in _ours()]
    return "\n".join([HEAD, _contents(), *sections, _profiles(profile_entries(Profiles.load()))])


def _ours() -> list[CatalogueEntry]:
    """Without the checks of other packages that happen to be installed."""
    names = {check.name for check in OURS}
    return [entry for entry in catalogue() if entry.name in names]


def checks_table() -> Table:
    """The checks for a terminal."""
    table = Table(box=None, header_style="bold")
    for column in ("check", "value", "range"):
        table.add_column(column, overflow="fold", no_wrap=column != "value")
    for entry in catalogue():
        table.add_row(entry.name, entry.description, _range(entry))
    return table


def described(name: str) -> str:
    """All that a check says of itself, as Markdown. Raises NoSuchCheck."""
    return "\n\n".join(part for part in _said(catalogue_entry(name)) if part)


def _contents() -> str:
    rows = [f"| [`{entry.name}`](#{entry.name}) | {_cell(entry.description)} | {_range(entry)} |" for entry in _ours()]
    return "\n".join(["| check | value | range |", "| --- | --- | --- |", *rows, ""])


async def _section(entry: CatalogueEntry, scorer: Scorer) -> str:
    return "\n\n".join(part for part in [*_said(entry), await _example(entry, scorer)] if part) + "\n"


def _said(entry: CatalogueEntry) -> list[str]:
    return [
        f"## {entry.name}",
        f"{entry.description}.",
        _facts(entry),
        _parameters(entry.params),
        _table(("key of `detail`", "what stands there"), [(f"`{key}`", text) for key, text in entry.detail.items()]),
    ]


def _facts(entry: CatalogueEntry) -> str:
    facts = [
        f"- range: {_range(entry)}",
        f"- ground truth: {entry.ground_truth}",
        f"- source: {entry.source}",
        f"- version: {entry.version}",
    ]
    if entry.needs_group:
        facts.append("- compares the completions of one prompt: items need a `group_id`, all of a group in one request")
    if entry.needs_correct_by:
        facts.append("- depends on whether the answer is right: `correct_by` names the component that says so")
    return "\n".join(facts)


def _range(entry: CatalogueEntry) -> str:
    least, largest = ("∞" if bound is None else f"{bound:g}" for bound in entry.range)
    return f"{'-∞' if least == '∞' else least} … {largest}"


def _parameters(schema: Mapping[str, Any]) -> str:
    rows = [
        (f"`{name}`", _type(field, schema), _default(field, name in schema.get("required", ())), _meaning(field))
        for name, field in schema.get("properties", {}).items()
    ]
    return _table(("parameter", "type", "default", "meaning"), rows)


def _type(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return _type(schema["$defs"][field["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in field:
        return " or ".join(_type(choice, schema) for choice in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if field.get("type") == "array" and "items" in field:
        return f"list of {_type(field['items'], schema)}"
    return str(field.get("type", "any"))


def _default(field: Mapping[str, Any], required: bool) -> str:
    return "required" if required else f"`{json.dumps(field.get('default'), ensure_ascii=False)}`"


def _meaning(field: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = {key: value for choice in [*field.get("anyOf", ()), field] for key, value in choice.items()}
    bounds = ", ".join(f"{sign} {limits[key]:g}" for key, sign in signs.items() if key in limits)
    return "; ".join(part for part in (str(field.get("description", "")), bounds) if part)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<").replace("\n", " ")


async def _example(entry: CatalogueEntry, scorer: Scorer) -> str:
    request = ScoreRequest.model_validate(dict(entry.example))
    items = [item for item in request.items if isinstance(item, ScoreItem)]
    components = [spec.name or spec.check for spec in request.checks or [] if spec.check == entry.name]
    try:
        results = await scorer.score(bind(request.checks or [], request.combine), items, DEFAULT_DEADLINE_MS / 1000)
        answers = [_shown(result, components[0]) for result in results]
    except CheckUnavailable as error:  # as for one that asks a judge, where none is configured
        answers = [{"status": error.status, "code": error.code, "detail": error.detail}]
    return "\n".join(
        [
            "```json",
            *_lines({"checks": entry.example["checks"]}),
            *(line for item in entry.example["items"] for line in _lines(item)),
            "```",
            "",
            "```json",
            *(line for answer in answers for line in _lines(answer)),
            "```",
        ]
    )


def _shown(result: ScoreResult, component: str) -> dict[str, Any]:
    """What the answer says of this check, as far as it is the same on every host."""
    judged = result.components[component]
    said: dict[str, Any] = {"value": _rounded(judged.value), "status": judged.status.value}
    if judged.reason is not None:
        said["reason"] = judged.reason
    said["detail"] = {key: _rounded(value) for key, value in judged.detail.items() if key not in HIDDEN}
    if result.flags:
        said["flags"] = result.flags
    steps = [step.model_dump(exclude={"component"}) for step in result.step_rewards if step.component == component]
    return said | ({"step_rewards": steps} if steps else {})


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def _lines(value: Mapping[str, Any]) -> list[str]:
    """JSON, broken behind commas where it is too wide."""
    text = json.dumps(value, ensure_ascii=False)
    lines = []
    while len(text) > WIDTH:
        cut = text.rfind(", ", 0, WIDTH)
        if cut < 0:
            break
        lines.append(text[: cut + 1])
        text = "  " + text[cut + 2 :]
    return [*lines, text]


def _profiles(entries: Sequence[ProfileEntry]) -> str:
    parts = ["## The profiles", "Each is a TOML file; `REWARD_SERVER_PROFILES_DIR` adds those of a folder of yours."]
    for entry in entries:
        checks = [
            (f"`{spec.name or spec.check}`", f"{spec.weight:g}", f"`{json.dumps(spec.params)}`" if spec.params else "")
            for spec in entry.checks
        ]
        combine = json.dumps(entry.combine.model_dump(mode="json", exclude_defaults=True) or {"mode": "weighted_sum"})
        parts += [
            f"### {entry.name}",
            f"{entry.description}.",
            f"Combined: `{combine}`",
            _table(("component", "weight", "parameters"), checks),
        ]
    return "\n\n".join(parts) + "\n"
