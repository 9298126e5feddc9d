"""The table of checks. Adding one is a file, a row here and its golden cases."""

from __future__ import annotations

from reward_server.checks.base import AnswerCheck, ProgramCheck
from reward_server.checks.code_compiles import CodeCompiles
from reward_server.checks.code_tests import CodeCheck
from reward_server.checks.exact_match import ExactMatch
from reward_server.checks.math_answer import MathAnswer
from reward_server.checks.tag_format import TagFormat

CHECKS: dict[str, AnswerCheck | ProgramCheck] = {
    check.name: check for check in (MathAnswer(), ExactMatch(), TagFormat(), CodeCheck(), CodeCompiles())
}
