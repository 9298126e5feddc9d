"""Knights and knaves: who is what, read from an answer by a small grammar.

Words that the grammar does not know make an answer unreadable: graders that count the words `knight` and `knave`, or
look for pieces of the solution, can be fed both. Only the names of the puzzle are names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reward_server.arithmetic.words import word_set
from reward_server.errors import GroundTruthInvalid
from reward_server.puzzles.ground_truth import puzzle_fields

KNIGHT, KNAVE = "knight", "knave"
MAX_PEOPLE = 50
MAX_NAME_CHARS = 60
MAX_ANSWER_CHARS = 10_000

_KEYS = ("solution_text_format", "solution", "solution_text")
_FILLERS = word_set(
    "is are be must am was a an the therefore thus so hence while but also both each we have conclude that follows"
    " following as answer solution final conclusion identities identity of people person"
)
_JOINERS = frozenset(("and", "&", ","))
_NOT = frozenset(("not", "isn't", "isn’t", "aren't", "aren’t", "never"))
_REST = (
    r"|(?P<number>\(?[0-9]{1,3}[).]?(?![0-9]))|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)|(?P<break>[.;\n])|(?P<sign>[,&])"
)
_REST += r"|(?P<filler>\\(?:text(?:bf|it|rm)?|math(?:bf|rm)|boxed|quad)(?![A-Za-z])|[\s:=\-–—>→*`|•()\"“”$\\{}])"
_REST += r"|(?P<stranger>.)"
_HEADS = re.compile(r"[*_`\s]{0,8}[:：]")  # behind a role: those who have it follow


@dataclass(frozen=True, slots=True)
class Identities:
    """Who is a knight, and the words for the two roles in this puzzle."""

    knights: tuple[tuple[str, bool], ...]
    roles: tuple[str, str] = (KNIGHT, KNAVE)

    def text(self) -> str:
        """The solution in the form that the grammar reads."""
        words = (f"{name} is a {self.roles[0 if knight else 1]}" for name, knight in self.knights)
        return "\n".join(f"({index}) {said}" for index, said in enumerate(words, 1))


@dataclass(frozen=True, slots=True)
class Claim:
    """What an answer says of everybody; or why that cannot be told."""

    knights: Mapping[str, bool]
    fault: str | None = None  # unreadable, contradiction
    why: str | None = None


def identities(ground_truth: Any) -> Identities:
    """The solution of a ground truth. Raises GroundTruthInvalid."""
    fields = puzzle_fields(ground_truth, _KEYS, "the solution")
    roles = _roles(fields.get("knight_knave_terms"))
    given = fields.get("solution")
    if given is None:
        given = fields.get("solution_text_format") or fields.get("solution_text")
    names = fields.get("names")
    if isinstance(given, list) and isinstance(names, list) and len(given) == len(names):
        given = dict(zip(map(str, names), given, strict=True))
    if isinstance(given, str):
        return _from_text(given, roles)
    if not isinstance(given, dict) or not 1 <= len(given) <= MAX_PEOPLE:
        raise GroundTruthInvalid('expected the solution as {"Zoey": "knave", …}, or as text `(1) Zoey is a knave`')
    return Identities(tuple((_name(name), _is_knight(role, roles)) for name, role in given.items()), roles)


def read_claim(text: str, truth: Identities) -> Claim:
    """What a text says of the people of the puzzle."""
    if len(text) > MAX_ANSWER_CHARS:
        return Claim({}, "unreadable", f"longer than {MAX_ANSWER_CHARS} characters")
    return _Reader(truth).read(text)


def last_statements(text: str, truth: Identities) -> str | None:
    """The lines at the end of a text that say who is what and nothing else; None where there are none."""
    lines = text.rstrip()[-MAX_ANSWER_CHARS:].split("\n")
    taken = len(lines)
    while taken and _statement(lines[taken - 1], truth):
        taken -= 1
    return "\n".join(lines[taken:]).strip() or None


def _statement(line: str, truth: Identities) -> bool:
    return not line.strip() or bool(read_claim(line, truth).knights)


class _Reader:
    def __init__(self, truth: Identities) -> None:
        self._names = {_key(name): name for name, _ in truth.knights}
        self._roles = _role_forms(truth.roles)
        self._pattern = _pattern(tuple(name for name, _ in truth.knights))
        self._knights: dict[str, bool] = {}
        self._subjects: list[str] = []
        self._joined = self._negated = False
        self._heading: bool | None = None  # `Knights: …`: the role of all who are named from here on
        self._headed = 0  # how many were

    def read(self, text: str) -> Claim:
        for match in self._pattern.finditer(text):
            fault = self._take(match.lastgroup, match[0], heads=_HEADS.match(text, match.end()) is not None)
            if fault is not None:
                code = "contradiction" if fault.startswith("two roles") else "unreadable"
                return Claim(self._knights if code == "contradiction" else {}, code, fault)
        if self._subjects:
            return Claim({}, "unreadable", f"{self._subjects[-1]} is left without a role")
        if self._heading is not None and not self._headed:
            return Claim({}, "unreadable", "a role without a name")
        return Claim(self._knights)

    def _take(self, kind: str | None, said: str, *, heads: bool) -> str | None:
        """Take the next token; why the text cannot be read, or None. `heads`: a colon follows."""
        if kind == "name" and self._heading is not None:
            self._headed += 1
            return self._claim(self._names[_key(said)], self._heading)
        if kind == "name":
            if self._subjects and not self._joined:
                return f"{self._subjects[-1]} is left without a role"
            self._subjects.append(self._names[_key(said)])
            self._joined = False
        elif kind == "word":
            return self._word(said.lower(), heads)
        elif kind == "sign":
            self._joined = True
        elif kind == "break":
            if self._subjects and said != "\n":
                return f"{self._subjects[-1]} is left without a role"
            self._joined = False
        elif kind == "stranger":
            return f"{said!r} has no place in an answer"
        return None

    def _word(self, word: str, heads: bool) -> str | None:
        if word in self._roles and heads and not self._subjects and not self._negated:
            return self._head(self._roles[word])
        if word in self._roles:
            return self._role(self._roles[word])
        if word in _NOT:
            if self._heading is not None:
                return f"the word {word!r} has no place in a list of names"
            self._negated = not self._negated
        elif word in _JOINERS:
            self._joined = True
        elif word in _FILLERS:
            self._joined = self._joined and not self._subjects
        else:
            return f"the word {word[:30]!r} has no place in an answer"
        return None

    def _head(self, knight: bool) -> str | None:
        if self._knights and not self._headed:
            return "a role without a name"  # `Zoey is a knave. Knights: …` is two ways to say it
        self._heading, self._headed = knight, 0
        return None

    def _role(self, knight: bool) -> str | None:
        if not self._subjects:
            return "a role without a name"
        for name in self._subjects:
            if fault := self._claim(name, knight != self._negated):
                return fault
        self._subjects, self._joined, self._negated = [], False, False
        return None

    def _claim(self, name: str, knight: bool) -> str | None:
        return None if self._knights.setdefault(name, knight) == knight else f"two roles for {name}"


@lru_cache(maxsize=1024)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Tokens of an answer. A name of one letter counts in its own case only, or `a` would be a person."""
    words = [re.escape(name) if len(name) == 1 else f"(?i:{re.escape(name)})" for name in sorted(names, key=len)[::-1]]
    return re.compile(rf"(?P<name>(?<!\w)(?:{'|'.join(words)})(?!\w)){_REST}", re.DOTALL)


def _key(name: str) -> str:
    return name if len(name) == 1 else name.lower()


def _role_forms(roles: tuple[str, str]) -> dict[str, bool]:
    forms: dict[str, bool] = {}
    for role, knight in zip(roles, (True, False), strict=True):
        forms.update(dict.fromkeys((role, f"{role}s", f"{role}es"), knight))
    return forms


def _roles(terms: Any) -> tuple[str, str]:
    """The words of a puzzle that calls them otherwise, such as hero and villain."""
    if terms is None:
        return KNIGHT, KNAVE
    found = (terms.get("knight"), terms.get("knave")) if isinstance(terms, dict) else (None, None)
    knight, knave = found
    if not (isinstance(knight, str) and isinstance(knave, str) and knight.isalpha() and knave.isalpha()):
        raise GroundTruthInvalid("expected knight_knave_terms with a word for `knight` and one for `knave`")
    return knight.lower(), knave.lower()


def _from_text(text: str, roles: tuple[str, str]) -> Identities:
    """The people of `(1) Zoey is a knave …`; whatever stands before ` is a ` is the name."""
    role = "|".join(map(re.escape, roles))
    statement = re.compile(rf"(?:\([0-9]{{1,3}}\)\s?)?([^\n,.;()]{{1,60}}?) is an? ({role})(?!\w)", re.IGNORECASE)
    found = statement.findall(text[:MAX_ANSWER_CHARS])
    solution = {_name(name.strip().removeprefix("and ")): word.lower() == roles[0] for name, word in found}
    if not found or len(solution) != len(found) or len(found) > MAX_PEOPLE:
        raise GroundTruthInvalid("expected a solution such as `(1) Zoey is a knave`, with everybody once")
    return Identities(tuple(solution.items()), roles)


def _name(name: str) -> str:
    if not name.strip() or len(name) > MAX_NAME_CHARS:
        raise GroundTruthInvalid(f"expected names of 1 to {MAX_NAME_CHARS} characters")
    return name.strip()


def _is_knight(role: Any, roles: tuple[str, str]) -> bool:
    if isinstance(role, bool):
        return role
    forms = _role_forms(roles)
    if isinstance(role, str) and role.strip().lower() in forms:
        return forms[role.strip().lower()]
    raise GroundTruthInvalid(f"expected each role as {roles[0]}, {roles[1]}, true or false")
