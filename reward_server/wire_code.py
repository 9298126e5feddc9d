"""The wire types of programs: what /v1/code/run and /v1/code/judge are sent and answer. A leaf like wire.py.

The test objects are the same in a `ground_truth` of the check `code`. What a test expects never leaves the server that
judges, except into a tester or checker process, which the judged program cannot look into.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from reward_server.wire import DEFAULT_DEADLINE_MS, MAX_DEADLINE_MS, MAX_ID_CHARS, MIN_DEADLINE_MS, ItemError, Wire

CODE_RUN_PATH = "/v1/code/run"
CODE_JUDGE_PATH = "/v1/code/judge"
CODE_LANGUAGES_PATH = "/v1/code/languages"

MAX_TESTS = 1024
MAX_SUBTASKS = 128
MAX_FILES = 64
MAX_ARGUMENTS = 64
ENTRY = r"^[\w$]+(\(\))?(\.[\w$]+(\(\))?)*$"  # f, Class.method, Class().method


class CodeVerdict(StrEnum):
    """Of a test, and of a submission: there it is that of the first test that failed."""

    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT_EXCEEDED = "time_limit_exceeded"
    MEMORY_LIMIT_EXCEEDED = "memory_limit_exceeded"
    OUTPUT_LIMIT_EXCEEDED = "output_limit_exceeded"
    COMPILE_ERROR = "compile_error"
    SECURITY_VIOLATION = "security_violation"  # a layer of the sandbox killed the program
    NO_CODE = "no_code"  # the completion holds no program
    NOT_RUN = "not_run"  # of a test: the verdict was settled before it
    INTERNAL_ERROR = "internal_error"  # ours: no score


class Trust(StrEnum):
    """`weak`: some passed test shared a process with the program, which could therefore have lied."""

    STRONG = "strong"
    WEAK = "weak"


class Compare(Wire):
    """How what a program printed is held against what was expected.

    exact: byte for byte · lines: white space at the ends of lines and blank lines at the end aside · tokens: as words ·
    float: as words, where two numbers may differ by abs_tol or by rel_tol of the expected one.
    """

    kind: Literal["exact", "lines", "tokens", "float"] = "lines"
    abs_tol: float = Field(default=1e-9, ge=0, le=1e9, allow_inf_nan=False)
    rel_tol: float = Field(default=1e-6, ge=0, le=1, allow_inf_nan=False)
    ignore_case: bool = False


class Checker(Wire):
    """A program that decides about an output: it gets the names of three files, and runs in the sandbox by itself.

    testlib: `input output answer`, exit code 0 accepts, 7 gives the points it prints · prints: `input answer output`,
    prints 1 (or a share between 0 and 1), true or yes to accept, as in open-r1/codeforces.
    """

    language: str = "python"
    source: str = Field(min_length=1)
    protocol: Literal["testlib", "prints"] = "testlib"


class TestCase(Wire):
    __test__ = False  # not for pytest

    weight: float = Field(default=1.0, ge=0, le=1e6, allow_inf_nan=False, description="in the scoring `weighted`")
    subtask: str | None = Field(default=None, max_length=MAX_ID_CHARS, description="the subtask it belongs to")


class StdinTest(TestCase):
    """The program reads `stdin` and must write `stdout`."""

    type: Literal["stdin"] = "stdin"
    stdin: str = ""
    stdout: str = ""
    compare: Compare | None = Field(default=None, description="that of the submission when absent")
    checker: Checker | None = Field(default=None, description="decides instead of `compare`")


class CallTest(TestCase):
    """The function, or `Class.method`, must return `expected`.

    `changes`: not what it returns is judged but what it made of this argument, by position or keyword.
    """

    type: Literal["call"] = "call"
    entry: str = Field(pattern=ENTRY, max_length=MAX_ID_CHARS)
    args: list[JsonValue] = Field(default_factory=list)
    kwargs: dict[str, JsonValue] = Field(default_factory=dict)
    expected: JsonValue
    changes: int | str | None = None
    abs_tol: float = Field(default=0.0, ge=0, le=1e9, allow_inf_nan=False, description="for floats anywhere in it")
    rel_tol: float = Field(default=0.0, ge=0, le=1, allow_inf_nan=False)
    unordered: bool = Field(default=False, description="the outermost list in any order")


class AssertTest(TestCase):
    """Test code that fails with an exception; names it does not define are those of the program."""

    type: Literal["assert"] = "assert"
    code: str = Field(min_length=1)


class CheckTest(TestCase):
    """Code that defines `check(candidate)`, called with the function `entry` of the program (HumanEval)."""

    type: Literal["check"] = "check"
    code: str = Field(min_length=1)
    entry: str = Field(pattern=ENTRY, max_length=MAX_ID_CHARS)


class UnittestTest(TestCase):
    """A file of unittest classes; it may import the program as `solution`. Every test method must pass."""

    type: Literal["unittest"] = "unittest"
    code: str = Field(min_length=1)


class PytestTest(TestCase):
    """A file of pytest functions and classes; it may import the program as `solution`. Every test must pass."""

    type: Literal["pytest"] = "pytest"
    code: str = Field(min_length=1)


class CompileTest(TestCase):
    """The program compiles, for Python: parses. Nothing is run (the DeepSeek-R1 rule)."""

    type: Literal["compile"] = "compile"


CodeTest = Annotated[
    StdinTest | CallTest | AssertTest | CheckTest | UnittestTest | PytestTest | CompileTest,
    Field(discriminator="type"),
]


class CodeLimits(Wire):
    """Of each run, over its whole process tree. CPU time is the first limit: it does not depend on a busy host."""

    cpu_s: float = Field(default=4.0, gt=0, le=120)
    wall_s: float = Field(default=15.0, gt=0, le=300)
    memory_mb: int = Field(default=512, ge=16, le=16_384)
    output_kb: int = Field(default=1024, ge=1, le=65_536, description="of stdout, and of stderr")
    processes: int = Field(default=32, ge=1, le=512)
    file_mb: int = Field(default=16, ge=1, le=1024, description="of any one file")
    disk_mb: int = Field(default=64, ge=1, le=4096, description="of the work folder")
    open_files: int = Field(default=64, ge=8, le=1024)
    compile_s: float = Field(default=10.0, gt=0, le=120, description="CPU time of the compiler")


class CodeOptions(Wire):
    deadline_ms: int = Field(default=DEFAULT_DEADLINE_MS, ge=MIN_DEADLINE_MS, le=MAX_DEADLINE_MS)


class CodeRunRequest(Wire):
    """One program to run; nothing is judged."""

    id: str | None = Field(default=None, max_length=MAX_ID_CHARS)
    language: str = "python"
    source: str
    stdin: str = ""
    arguments: list[str] = Field(default_factory=list, max_length=MAX_ARGUMENTS)
    files: dict[str, str] = Field(default_factory=dict, max_length=MAX_FILES, description="name → text, no folders")
    limits: CodeLimits = Field(default_factory=CodeLimits)
    options: CodeOptions = Field(default_factory=CodeOptions)


class CodeJudgeRequest(Wire):
    """One submission: `source`, or a `completion` from which the program is taken, and the tests it must pass."""

    id: str | None = Field(default=None, max_length=MAX_ID_CHARS)
    language: str = "python"
    source: str | None = None
    completion: str | None = None
    tests: list[CodeTest] = Field(min_length=1, max_length=MAX_TESTS)
    setup: str = Field(default="", description="runs before the test code")
    prefix: str = Field(default="", description="what the program continues where it does not stand by itself")
    compare: Compare = Field(default_factory=Compare)
    subtasks: dict[str, float] = Field(default_factory=dict, max_length=MAX_SUBTASKS, description="name → points")
    scoring: Literal["all", "fraction", "weighted", "subtasks"] = Field(
        default="fraction",
        description="all: 1 when every test passes · fraction: of the tests · weighted: by their weights · "
        "subtasks: points of those whose every test passes, as a share of all points",
    )
    stop_on_failure: bool = Field(default=False, description="tests after the first that fails are not run")
    hide_io: bool = Field(default=False, description="leave what the program wrote out of the answer")
    limits: CodeLimits = Field(default_factory=CodeLimits)
    options: CodeOptions = Field(default_factory=CodeOptions)

    @model_validator(mode="after")
    def _one_program(self) -> CodeJudgeRequest:
        if (self.source is None) == (self.completion is None):
            raise ValueError("give either `source` or `completion`, and not both")
        return self


class CompileReport(Wire):
    ok: bool
    cached: bool
    ms: int
    text: str


class Usage(Wire):
    """What a run used, over its whole process tree. 0 where nothing was run."""

    cpu_ms: int = 0
    wall_ms: int = 0
    memory_kb: int = Field(default=0, description="at its highest")
    exit_code: int | None = None
    signal: int | None = None
    stdout_tail: str = ""
    stderr_tail: str = ""


class TestReport(Usage):
    """Of one test. Tests of code that ran together in one tester share its usage."""

    __test__ = False  # not for pytest

    verdict: CodeVerdict
    message: str = ""
    score: float = Field(description="0 or 1, or what a checker gave in between")


class CodeRunResponse(Usage):
    """`status` says how the run ended, as in docs/sandbox.md; `verdict` what a judge would call it."""

    id: str | None
    verdict: CodeVerdict
    status: str
    stdout: str
    stderr: str
    compile: CompileReport | None
    isolation: str
    error: ItemError | None


class CodeJudgeResponse(Wire):
    """`score` is null exactly when the verdict is internal_error: then `error` says why and whether to try again."""

    id: str | None
    verdict: CodeVerdict
    passed: int
    total: int
    score: float | None
    tests: list[TestReport]
    subtasks: dict[str, float] = Field(default_factory=dict, description="name → points reached")
    compile: CompileReport | None
    isolation: str
    trusted: Trust
    flags: list[str] = Field(default_factory=list)
    error: ItemError | None

    @model_validator(mode="after")
    def _no_score_for_our_faults(self) -> CodeJudgeResponse:
        if (self.score is None) != (self.verdict is CodeVerdict.INTERNAL_ERROR):
            raise ValueError(f"score must be null exactly for internal_error, got {self.score!r} with {self.verdict}")
        return self


class LanguageInfo(Wire):
    """A language that can be judged here: its tool chain is present and has passed its trial at the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    compiled: bool
    modes: list[str] = Field(description="script, calls, tests")
    extensions: list[str]
