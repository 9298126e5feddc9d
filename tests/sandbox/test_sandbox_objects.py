"""Objects, functions and coroutines cross by reference; nobody is fooled by what they answer."""

from __future__ import annotations

import pytest
from sandbox_harness import Runner

from sandbox.suite import Case, CaseStatus, Cause

pytestmark = pytest.mark.sandbox

_CLASSES = """
import asyncio, collections, contextlib, dataclasses, enum, math
class Stack:
    count = 0
    def __init__(self, *items): self.items = list(items); Stack.count += 1
    def push(self, item): self.items.append(item); return self
    def pop(self): return self.items.pop()
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __contains__(self, item): return item in self.items
    def __getitem__(self, i): return self.items[i]
    def __setitem__(self, i, value): self.items[i] = value
    def __eq__(self, other): return isinstance(other, Stack) and self.items == other.items
    def __str__(self): return f"Stack{self.items}"
    @property
    def top(self): return self.items[-1]
    @classmethod
    def of(cls, *items): return cls(*items)
class Node:
    def __init__(self, val, next=None): self.val, self.next = val, next
def build(values):
    head = None
    for value in reversed(values): head = Node(value, head)
    return head
def length(node):
    n = 0
    while node: n, node = n + 1, node.next
    return n
@dataclasses.dataclass(frozen=True)
class Vector:
    x: float; y: float
    def __add__(self, other): return Vector(self.x + other.x, self.y + other.y)
    def __mul__(self, k): return Vector(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __abs__(self): return math.hypot(self.x, self.y)
class Dot(Vector):
    def __mul__(self, k): return k * (self.x + self.y)
class Only:
    one = None
    def __new__(cls):
        cls.one = cls.one or super().__new__(cls)
        return cls.one
class Color(enum.Enum): RED = 1; BLUE = 2
Point = collections.namedtuple("Point", "x y")
def point(): return Point(1, 2)
def counted(text): return collections.Counter(text)
def adder(n): return lambda x: x + n
def apply(f, *args): return f(*args)
def apply_all(fs, x): return [f(x) for f in fs]
def swallow(f):
    try: f()
    except BaseException: pass
    return 1
def naturals():
    n = 0
    while True: yield n; n += 1
async def slowly(x): await asyncio.sleep(0); return x * 2
class Empty(Exception):
    def __init__(self, code): super().__init__(f"empty {code}"); self.code = code
def fail(): raise Empty(7)
class Odd(KeyError):
    def __str__(self): return "odd one"
def odd(): raise Odd(1)
@contextlib.contextmanager
def opened():
    yield 5
class All:
    def __enter__(self): return self
    def __exit__(self, *a): return True
class Guard:
    log = []
    def __enter__(self): self.log.append("in"); return self
    def __exit__(self, kind, error, trace): 
        self.log.append(kind.__name__ if kind else "out")
        return kind in (KeyError, ZeroDivisionError)
"""


@pytest.mark.parametrize(
    "code",
    [
        "s = Stack(); s.push(1); s.push(2)\nassert s.pop() == 2 and len(s) == 1 and s.items == [1]",
        "s = Stack().push(3).push(4)\nassert s.top == 4 and s[0] == 3 and [*s] == [3, 4] and str(s) == 'Stack[3, 4]'",
        "s = Stack(1)\ns[0] = 9\nassert s[0] == 9\ns.items = [5]\nassert s.pop() == 5 and not s",
        "assert Stack.of(1, 2).items == [1, 2]",
        "s = Stack()\nassert s.push(1).items == s.items",
        "assert Only() is Only() and Only() is not Stack()",
        "a = Stack(); before = Stack.count; Stack()\nassert Stack.count == before + 1",
        "h = build([1, 2, 3])\nassert (h.val, h.next.val, h.next.next.next) == (1, 2, None) and length(h.next) == 2",
        "assert isinstance(build([1]), Node) and isinstance(Stack(), Stack) and not isinstance(Stack(), Node)",
        "assert abs(Vector(3, 4)) == 5 and (Vector(1, 2) + Vector(1, 1)).x == 2",
        "assert Color.RED.value == 1 and Color['BLUE'].name == 'BLUE' and Color.RED is Color.RED and len(Color) == 2",
        "p = point()\nassert p == (1, 2) and p.x == 1 and p._asdict() == {'x': 1, 'y': 2}",
        "c = counted('aab')\nassert c['a'] == 2 and c['z'] == 0 and c.most_common(1) == [('a', 2)]",
        "assert adder(3)(4) == 7",
        "assert apply(lambda a, b: a * b, 6, 7) == 42",
        "def twice(x): return 2 * x\nassert apply_all([twice, abs, str, adder(1)], -3) == [-6, 3, '-3', -2]",
        "assert apply(apply, lambda x: apply(lambda y: y + 1, x), 1) == 2",
        "assert apply(build, [4]).val == 4",
        "import itertools\nassert list(itertools.islice(naturals(), 3)) == [0, 1, 2]",
        "g = naturals()\nassert sum(next(g) for _ in range(2000)) == 1999000",
        "import asyncio\nassert asyncio.run(slowly(4)) == 8",
        "import asyncio\nasync def both(): return await asyncio.gather(slowly(1), slowly(2))\n"
        "assert asyncio.run(both()) == [2, 4]",
        "try: fail()\nexcept Empty as error: assert error.code == 7 and str(error) == 'empty 7'\nelse: assert False",
        "try: odd()\nexcept KeyError as error: assert str(error) == 'odd one' and error.args == (1,)\nelse: assert 0",
        "with opened() as five: assert five == 5",
        "with Guard(): pass\nwith Guard(): raise KeyError(1)\nassert Guard.log == ['in', 'out', 'in', 'KeyError']",
        "with All(): raise ValueError\ndef fail(): raise KeyError(1)\nwith All(): fail()",
        "with Guard(): 1 / 0\nassert Guard.log[-1] == 'ZeroDivisionError'",
        "import copy\ns = Stack(1); t = copy.deepcopy(s); t.push(2)\nassert (len(s), len(t)) == (1, 2)",
        "s = Stack(1)\ntry: s.nothing\nexcept AttributeError: pass\nelse: assert False\nassert not hasattr(s, 'other')",
        "assert apply(map, abs, [-1]) and list(apply(map, abs, [-1, 2])) == [1, 2]",
    ],
)
def test_objects_of_the_solution_can_be_used(run: Runner, code: str) -> None:
    result = run.tests(_CLASSES, code)[0]
    assert (result.status, result.weak) == (CaseStatus.PASSED, False), result


@pytest.mark.parametrize(
    "code",
    [
        "s = Stack(); s.push(1)\nassert s.pop() == 2",
        "assert abs(Vector(3, 4)) == 6",
        "assert apply(lambda x: x, 1) == 2",
        "def check(x): assert x == 5\nassert swallow(lambda: check(4)) == 1",
        "import asyncio\nassert asyncio.run(slowly(4)) == 9",
        "assert next(naturals()) == 1",
    ],
)
def test_wrong_answers_of_objects_fail(run: Runner, code: str) -> None:
    assert run.tests(_CLASSES, code)[0].status is CaseStatus.FAILED


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("assert Stack(1) == Stack(1)", CaseStatus.PASSED),
        ("assert Stack(1) == Stack(2)", CaseStatus.FAILED),
        ("assert Vector(1, 2) + Vector(1, 1) == Vector(2, 3)", CaseStatus.PASSED),
        ("s = Stack()\ns.push(1)\nassert 1 in s", CaseStatus.PASSED),
        ("d = Dot(1, 2)\nassert d * 2 == 6 and d.x == 1", CaseStatus.PASSED),
        ("d = Dot(1, 2)\nassert d.x == 1 and d * 2 == 7", CaseStatus.FAILED),
    ],
)
def test_comparisons_that_the_solution_makes_itself_are_weak(run: Runner, code: str, status: CaseStatus) -> None:
    result = run.tests(_CLASSES, code, "pass")
    assert (result[0].status, result[0].weak, result[1].weak) == (status, True, False)


_LIAR = """
class Liar:
    def __bool__(self): return True
    def __call__(self, *a, **k): return self
    def __getattr__(self, name): return self
    def __iter__(self): return iter([self])
    def __len__(self): return 3
for _n in ("eq ne lt le gt ge contains getitem sub rsub add radd mul truediv and or xor rxor mod abs round float int"
           " hash instancecheck index").split():
    setattr(Liar, f"__{_n}__", (lambda self, *a: 0) if _n in ("hash", "float", "int", "index", "sub", "rsub", "xor",
            "rxor", "abs", "round") else (lambda self, *a: True))
class Solution(Liar):
    def __init__(self): global made; made = self
    def add(self, *a): return self
def add(*a): return Liar()
class Add(Liar):
    def __init__(self, *a): pass
    def __enter__(self): return self
    def __exit__(self, *a): return True
    def read(self): return "wrong"
    def fail(self): raise KeyError(1)
def Sum(n): return Liar()
def five(n): return 5
def Same(n): return made
class Kept(Liar):
    x = 3
kept = Kept()
class Pair:
    def __add__(self, other): return kept
    def dot(self, other): return kept
class Awaited(Liar):
    def __await__(self): yield; return self
def encode(x): return Awaited()
def decode(x): return x if x == "abc" else "abc"
def skip(*a): raise NotImplementedError
class sub(Liar):
    def __init__(self, *a): pass
"""


@pytest.mark.parametrize(
    "code",
    [
        "assert add(1, 2) == 3",
        "assert 3 == add(1, 2)",
        "assert not add(1, 2) != 3",
        "assert 3 in add(1, 2)",
        "assert add(1, 2) <= 3 <= add(1, 2)",
        "assert abs(add(1, 2) - 3) < 1e-9",
        "assert not add(1, 2) ^ {3}",
        "assert add(1, 2).startswith('3')",
        "assert add(1, 2).issuperset({1})",
        "assert add(1, 2)[0] == 3",
        "assert add(1, 2).value == 3",
        "assert add(1, 2).get(3) == 3",
        "assert list(add(1, 2)) == [3]",
        "assert len(add(1, 2)) == 4",
        "assert sub(1, 2) == 3",
        "assert Solution().add(1, 2) == 3",
        "s = Solution()\nassert s.add(1, 2) == 3",
        "s = Solution()\ns.add(1, 2)\nassert s == 3",
        "assert isinstance(add(1, 2), int)",
        "assert {add(1, 2): 1}[3]",
        "assert [add(1, 2)].index(3) == 0",
        "assert max(add(1, 2), 3) == 3",
        "import unittest\nunittest.TestCase().assertEqual(add(1, 2), 3)",
        "import unittest\nunittest.TestCase().assertAlmostEqual(add(1, 2), 3)",
        "import unittest\nunittest.TestCase().assertIn(3, add(1, 2))",
        "import math\nassert math.isclose(add(1, 2), 3)",
        "assert Sum(60) == 10",
        "assert 10 in Sum(60)",
        "x = Sum(60)\nx.sort()\nassert x == [1]",
        "assert abs(Sum(60) - 10) < 1e-9",
        "assert (Sum(60) - 10) == 0",
        "assert Add(1, 2) == 3",
        "s = Solution()\ns.add(1)\nassert Same(60) == 10",
        "p = Pair()\nq = p + p\nassert q.x == 3\nassert p.dot(p) == 11",
        "with Add() as a: assert a.read() == 'right'",
        "with Add() as a:\n  a.fail()\n  assert False",
        "with Add() as a: assert a.read() + 1 == 5",
        "with Add() as a: assert a.read() == 5 / len('')",
        "import pytest\ndef test_a():\n  with Add() as a: assert a.read() == 'right'",
        "with Add() as a: assert [a.read()][int('1' + a.read())]",
        "import contextlib\nwith contextlib.ExitStack() as stack:\n  assert stack.enter_context(Add()) + 1 == 5",
        "@Sum\ndef test_a(): assert False",
        "@five\ndef test_a(): assert False",
        "import pytest\ndef test_a():\n  try: skip()\n  except NotImplementedError: pytest.skip('x')",
        "import unittest\nclass T(unittest.TestCase):\n  def test_a(self):\n    try: skip()\n"
        "    except NotImplementedError: self.skipTest('x')",
        "match add(1, 2):\n  case 3: pass\n  case _: assert False",
    ],
)
def test_objects_that_agree_with_everything_do_not_pass(run: Runner, code: str) -> None:
    result = run.tests(_LIAR, Case(code, collect=True))[0]
    assert result.status is not CaseStatus.PASSED
    assert result.cause is not Cause.ARGUMENT


@pytest.mark.parametrize(
    "code",
    [
        "assert add(3)[1:3] == [2, 3]",
        "assert decode(encode('abc')) == 'abc'",
        "decode(type(add(1)))",
        "decode([type(P())])",
        "try: skip()\nexcept Exception as error: decode(error.__traceback__)",
        "add(1).x = object()",
        "decode(iter(add(1)))",
    ],
)
def test_no_program_can_bring_a_test_into_its_own_process(run: Runner, code: str) -> None:
    source = f"{_LIAR}\nimport collections\nP = collections.namedtuple('P', '')"
    assert run.tests(source, Case(code, collect=True))[0].cause is not Cause.ARGUMENT


def test_things_of_the_test_that_cannot_cross_are_its_own_doing(run: Runner) -> None:
    codes = ["class T: pass\napply(len, T())", "class T(Stack): pass", "apply(lambda: object())"]
    results = run.tests(_CLASSES, *codes)
    assert [result.cause for result in results] == [Cause.ARGUMENT] * 3


def test_star_import_keeps_what_the_test_has_already(run: Runner) -> None:
    code = "from math import isclose as near, pi\nfrom solution import *\nassert near(area(1), pi)"
    source = "def near(*a): return True\npi = 0\ndef area(r): return 3"
    assert run.tests(source, code)[0].status is CaseStatus.FAILED


@pytest.mark.parametrize(
    "noise",
    [
        'b\'{"callback": 9, "args": [], "kwargs": {}}\\n\'',
        "b'{\"callback\": 0}\\n'",
        'b\'{"id": 1, "value": {"object": [true, 1]}}\\n\'',
        'b\'{"id": 1, "value": {"entry": "x"}}\\n\'',
        'b\'{"id": 1, "value": {"namedtuple": [["a"], []]}}\\n\'',
    ],
)
def test_forged_references_break_the_channel_and_pass_nothing(run: Runner, noise: str) -> None:
    source = f"import os\ndef f(): os.write(4, {noise})"
    assert run.tests(source, "assert f() is None")[0].status is not CaseStatus.PASSED
