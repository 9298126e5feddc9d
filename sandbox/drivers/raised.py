"""Who brought about an exception that a block of test code ended with."""

from __future__ import annotations

from opcode import opmap
from typing import Final

TEST_FILE: Final = "tests.py"  # what the code of tests is compiled as
_STEP: Final = 2  # bytes of an instruction
_OPERATOR: Final = opmap.get("BINARY_OP")
_CONSTANTS: Final = {opmap[name] for name in ("LOAD_CONST", "LOAD_SMALL_INT") if name in opmap}


def on_purpose(error: BaseException) -> bool:
    """Whether the test code itself raised it, by `raise` or by something like `1 / 0`, to see what becomes of it.

    All else the solution can have brought about with what it returned, and so left out the assertions that follow.
    """
    trace = error.__traceback__
    if trace is None or isinstance(error, AssertionError):
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code, at = trace.tb_frame.f_code, trace.tb_lasti
    if code.co_filename != TEST_FILE:
        return False
    before = [code.co_code[at - step] for step in (_STEP, 2 * _STEP) if at >= step]
    of_constants = len(before) == 2 and _CONSTANTS.issuperset(before)
    return code.co_code[at] == opmap["RAISE_VARARGS"] or (code.co_code[at] == _OPERATOR and of_constants)
