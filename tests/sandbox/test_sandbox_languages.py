"""Programs of every language behind the real walls: how they run, what they are given, how they end."""

from __future__ import annotations

import pytest

from sandbox import (
    ExecutionResult,
    InvalidProgramError,
    Limits,
    Mode,
    Program,
    RunStatus,
    Sandbox,
    SandboxConfig,
)
from sandbox.calls import Call, Reply, ReplyKind, read_replies, requests
from sandbox.languages import LANGUAGES
from sandbox.suite import Case, CaseStatus, make_tester, read_report

pytestmark = pytest.mark.sandbox

MIB = 1 << 20
EVERY = sorted(LANGUAGES)


class Polyglot:
    """Runs a program of a language, or skips where this host has no tools for it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.missing = {one.name: one.missing for one in sandbox.language_statuses() if one.missing is not None}

    def need(self, language: str) -> None:
        if language in self.missing:
            pytest.skip(f"{language}: {self.missing[language]}")

    def run(self, language: str, source: str, *arguments: str, stdin: bytes = b"", **limits: float) -> ExecutionResult:
        self.need(language)
        program = Program(source, language=language, arguments=arguments, stdin=stdin)
        return self.sandbox.run(program, Limits(**limits))  # type: ignore[arg-type]

    def calls(self, source: str, *calls: Call) -> tuple[Reply, ...]:
        self.need("javascript")
        program = Program(source, Mode.CALLS, "javascript", channel=requests(calls))
        return read_replies(self.sandbox.run(program).channel, len(calls))


@pytest.fixture(scope="module")
def polyglot(sandbox: Sandbox) -> Polyglot:
    return Polyglot(sandbox)


@pytest.mark.parametrize("language", EVERY)
def test_program_reads_and_prints(polyglot: Polyglot, language: str) -> None:
    result = polyglot.run(language, LANGUAGES[language].trial, stdin=b"-5 1000000000\n")
    assert (result.status, result.stdout.strip(), result.stderr) == (RunStatus.EXITED, b"999999995", b"")
    assert (result.compilation is not None) == LANGUAGES[language].compiled


ARGUMENTS = {
    "python": "import sys; print('|'.join(sys.argv[1:])); sys.exit(3)",
    "c": '#include <stdio.h>\nint main(int n,char**v){printf("%s|%s\\n",v[1],v[2]);return n;}',
    "cpp": '#include <iostream>\nint main(int n,char**v){std::cout<<v[1]<<"|"<<v[2]<<"\\n";return n;}',
    "java": 'class Any{public static void main(String[] a){System.out.println(a[0]+"|"+a[1]);System.exit(3);}}',
    "javascript": "console.log(process.argv.slice(2).join('|')); process.exit(3)",
    "go": 'package main\nimport("fmt";"os")\nfunc main(){fmt.Println(os.Args[1]+"|"+os.Args[2]);os.Exit(3)}',
    "rust": 'fn main(){let a:Vec<String>=std::env::args().collect();println!("{}|{}",a[1],a[2]);std::process::exit(3)}',
    "bash": 'echo "$1|$2"; exit 3',
}


@pytest.mark.parametrize("language", EVERY)
def test_program_gets_arguments_and_gives_an_exit_code(polyglot: Polyglot, language: str) -> None:
    result = polyglot.run(language, ARGUMENTS[language], "a b", "ü'$(x)")
    assert (result.stdout.decode(), result.exit_code) == ("a b|ü'$(x)\n", 3)


ENDLESS = {
    "python": "while True: pass",
    "c": "int main(){volatile int x=0;for(;;)x++;}",
    "cpp": "int main(){volatile int x=0;for(;;)x=x+1;}",
    "java": "public class Main{public static void main(String[] a){int x=0;while(true)x++;}}",
    "javascript": "for(;;);",
    "go": "package main\nfunc main(){for{}}",
    "rust": "fn main(){loop{std::hint::spin_loop()}}",
    "bash": "while :; do :; done",
}


@pytest.mark.parametrize("language", EVERY)
def test_endless_program_breaks_the_limit_on_cpu_time(polyglot: Polyglot, language: str) -> None:
    assert polyglot.run(language, ENDLESS[language], cpu_seconds=0.5).status is RunStatus.CPU_LIMIT


GREEDY = {
    "python": "x = []\nwhile True: x.append(bytearray(1 << 20))",
    "c": "#include <stdlib.h>\n#include <string.h>\nint main(){for(;;){char*p=malloc(1<<20);if(p)memset(p,1,1<<20);}}",
    "cpp": "#include <vector>\nint main(){std::vector<std::vector<char>> v;for(;;)v.emplace_back(1<<20,1);}",
    "java": "import java.util.*;\nclass Greedy{public static void main(String[] a){List<byte[]> l=new ArrayList<>();"
    "while(true)l.add(new byte[1<<20]);}}",
    "javascript": "const l=[];for(;;)l.push(new Array(10000).fill(1.5));",
    "go": "package main\nvar l [][]byte\nfunc main(){for{b:=make([]byte,1<<20);for i:=range b{b[i]=1};l=append(l,b)}}",
    "rust": "fn main(){let mut l=Vec::new();loop{l.push(vec![1u8;1<<20]);}}",
    "bash": "x=0123456789; while :; do x=$x$x; done",
}


@pytest.mark.parametrize("language", EVERY)
def test_greedy_program_breaks_the_limit_on_memory(polyglot: Polyglot, language: str) -> None:
    result = polyglot.run(language, GREEDY[language], memory_bytes=96 * MIB, cpu_seconds=10)
    assert result.status is RunStatus.MEMORY_LIMIT, result


@pytest.mark.parametrize("language", sorted(name for name in LANGUAGES if name not in ("c", "bash")))
def test_program_may_use_most_of_its_memory(polyglot: Polyglot, language: str) -> None:
    source = {
        "python": "x = bytearray(150 << 20)\nprint(len(x))",
        "cpp": "#include <cstdio>\n#include <vector>\nint main(){std::vector<char> v(150<<20,1);"
        'printf("%zu\\n",v.size());}',
        "java": "class M{public static void main(String[] a){byte[][] l=new byte[150][];for(int i=0;i<150;i++){"
        "l[i]=new byte[1<<20];l[i][7]=1;}System.out.println(l.length<<20);}}",
        "javascript": "const l=[];for(let i=0;i<150;i++)l.push(Buffer.alloc(1<<20,1));console.log(l.length<<20)",
        "go": 'package main\nimport "fmt"\nfunc main(){b:=make([]byte,150<<20);for i:=range b{b[i]=1};'
        "fmt.Println(len(b))}",
        "rust": 'fn main(){let v=vec![1u8;150<<20];println!("{}",v.len());}',
    }[language]
    result = polyglot.run(language, source, memory_bytes=200 * MIB, cpu_seconds=5)
    assert result.stdout == b"157286400\n", result
    assert result.peak_memory_bytes >= 140 * MIB


def test_small_program_is_not_charged_for_the_zygote(polyglot: Polyglot) -> None:
    result = polyglot.run("c", "#include <unistd.h>\nint main(){usleep(100000);}", memory_bytes=16 * MIB)
    assert result.status is RunStatus.EXITED
    assert 0 < result.peak_memory_bytes < 8 * MIB


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("cpp", "#include <cstdio>\nint f(int n){volatile char b[200];b[0]=n;return n?1+f(n-1)+(b[0]!=(char)n):0;}"
                "\nint main(){printf(\"%d\\n\",f(300000));}"),
        ("java", "class R{static int f(int n){return n==0?0:1+f(n-1);}public static void main(String[] a){"
                 "System.out.println(f(300000));}}"),
        ("javascript", "const f=n=>n?1+f(n-1):0;console.log(f(300000))"),
        ("go", "package main\nimport \"fmt\"\nfunc f(n int)int{if n==0{return 0};return 1+f(n-1)}\n"
               "func main(){fmt.Println(f(300000))}"),
        ("rust", "fn f(n:u32)->u32{let x=unsafe{std::ptr::read_volatile(&n)};if x==0{0}else{1+f(n-1)}}\n"
                 "fn main(){println!(\"{}\",f(300000));}"),
    ],
)  # fmt: skip
def test_deep_recursion_is_bounded_by_memory_alone(polyglot: Polyglot, language: str, source: str) -> None:
    result = polyglot.run(language, source, cpu_seconds=5)
    assert result.stdout == b"300000\n", result


THREADS = {
    "c": "#include <pthread.h>\n#include <stdio.h>\nvoid*f(void*x){return x;}\nint main(){pthread_t t[12];"
    "for(long i=0;i<12;i++)if(pthread_create(t+i,0,f,(void*)i))return 1;"
    'for(int i=0;i<12;i++)pthread_join(t[i],0);puts("12");}',
    "java": "class T{public static void main(String[] a)throws Exception{Thread[] t=new Thread[12];"
    "for(int i=0;i<12;i++){t[i]=new Thread(()->{});t[i].start();}"
    "for(Thread x:t)x.join();System.out.println(t.length);}}",
    "javascript": "const {Worker}=require('worker_threads');let n=0;for(let i=0;i<4;i++)new Worker('1',{eval:true})"
    ".on('exit',()=>{if(++n==4)console.log(12)})",
    "go": 'package main\nimport("fmt";"sync")\nfunc main(){var w sync.WaitGroup;for i:=0;i<500;i++{w.Add(1);go func(){'
    "w.Done()}()};w.Wait();fmt.Println(12)}",
    "rust": "fn main(){let t:Vec<_>=(0..12).map(|_|std::thread::spawn(||1)).collect();let mut s=0;for x in t{"
    's+=x.join().unwrap();}println!("{}",s);}',
}


@pytest.mark.parametrize("language", sorted(THREADS))
def test_threads_of_program_and_runtime_fit(polyglot: Polyglot, language: str) -> None:
    result = polyglot.run(language, THREADS[language], cpu_seconds=5)
    assert result.stdout == b"12\n", result


def test_pipe_that_nobody_reads_ends_a_shell_pipeline(polyglot: Polyglot) -> None:
    """Python ignores SIGPIPE; what it executes must not."""
    result = polyglot.run("bash", "yes | head -1; echo ${PIPESTATUS[0]}")
    assert result.stdout == b"y\n141\n"


def test_module_syntax_and_files_of_javascript(polyglot: Polyglot) -> None:
    polyglot.need("javascript")
    source = "const a = require('./a.json'); console.log(a.x, require('fs').readFileSync('b.txt', 'utf8'))"
    program = Program(source, language="js", files={"a.json": b'{"x": 1}', "b.txt": b"two"})
    assert polyglot.sandbox.run(program).stdout == b"1 two\n"


def test_program_cannot_read_what_another_language_needs(polyglot: Polyglot) -> None:
    source = '#include <stdio.h>\nint main(){printf("%d\\n",fopen("/usr/include/stdio.h","r")!=0);}'
    assert polyglot.run("c", source).stdout == b"0\n"


def test_program_of_an_unknown_language_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(InvalidProgramError, match="expected one of the languages python"):
        sandbox.run(Program("", language="cobol"))


def test_mode_that_a_language_does_not_have_is_refused(polyglot: Polyglot) -> None:
    polyglot.need("c")
    with pytest.raises(InvalidProgramError, match="language c has mode script, not calls"):
        polyglot.sandbox.run(Program("", Mode.CALLS, "c"))


def test_file_of_the_name_of_the_source_is_refused(polyglot: Polyglot) -> None:
    polyglot.need("bash")
    with pytest.raises(InvalidProgramError, match=r"cannot have a file main\.sh"):
        polyglot.sandbox.run(Program("", language="bash", files={"main.sh": b""}))


@pytest.mark.parametrize("arguments", [("x\0y",), ("x" * 200_000,)])
def test_arguments_that_cannot_be_handed_over_are_refused(sandbox: Sandbox, arguments: tuple[str, ...]) -> None:
    with pytest.raises(InvalidProgramError, match="expected arguments"):
        sandbox.run(Program("", arguments=arguments))


def test_only_configured_languages_can_be_used() -> None:
    with Sandbox(SandboxConfig(slots=1, languages=("python", "sh"))) as sandbox:
        assert {one.name for one in sandbox.languages()} <= {"python", "bash"}
        with pytest.raises(InvalidProgramError, match="not among those configured: bash, python"):
            sandbox.run(Program("", language="c"))


def test_javascript_values_keep_their_types(polyglot: Polyglot) -> None:
    source = """const f = () => [undefined, NaN, -Infinity, -0, 0.5, 2 ** 53, 10n ** 30n, new Map([[1, 'a']]),
        new Set([1, '2']), new Uint8Array([1, 2]), new Int32Array([3]), { a: 1, b: undefined }, [, 1]]"""
    value = polyglot.calls(source, Call("f"))[0].value
    expected = [
        None,
        "nan",
        float("-inf"),
        -0.0,
        0.5,
        2**53,
        10**30,
        {1: "a"},
        {1, "2"},
        b"\1\2",
        [3],
        {"a": 1},
        [None, 1],
    ]
    assert repr([value[0], "nan", *value[2:]]) == repr(expected)
    assert value[1] != value[1]


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        ("function add(a, b) { return a + b }", "add"),
        ("const add = (a, b) => a + b", "add"),
        ("module.exports.add = (a, b) => a + b", "add"),
        ("exports.add = (a, b) => a + b", "add"),
        ("module.exports = (a, b) => a + b", "add"),
        ("export function add(a, b) { return a + b }", "add"),
        ("class Solution { constructor() { this.k = 0 } add(a, b) { return a + b + this.k } }", "Solution.add"),
        ("class Solution { static add(a, b) { return a + b } }", "Solution.add"),
        ("async function add(a, b) { await new Promise(r => setTimeout(r, 1)); return a + b }", "add"),
    ],
)
def test_javascript_functions_are_found(polyglot: Polyglot, source: str, entry: str) -> None:
    replies = polyglot.calls(source, Call(entry, [1, 2]), Call(entry, ["a", "b"]))
    expected = [3, "ab"] if "this.k" not in source else [3, "ab0"]
    assert [reply.value for reply in replies] == expected, replies


def test_javascript_arguments_that_changed_are_told(polyglot: Polyglot) -> None:
    reply = polyglot.calls("function f(a, b, c) { a.sort(); c.x = 1 }", Call("f", [[3, 1], [2], {}]))[0]
    assert (reply.value, reply.changed) == (None, ((0, [1, 3]), (2, {"x": 1})))


@pytest.mark.parametrize(
    ("source", "kind", "error"),
    [
        ("function f() { throw new RangeError('bad') }", ReplyKind.ERROR, "RangeError"),
        ("const g = 1", ReplyKind.ERROR, "ReferenceError"),
        ("function f() { class P {}; return new P() }", ReplyKind.UNSUPPORTED, ""),
        ("function f() { const a = []; a.push(a); return a }", ReplyKind.UNSUPPORTED, ""),
        ("function f() { return () => 1 }", ReplyKind.UNSUPPORTED, ""),
        ("function f() { process.exit(0) }", ReplyKind.BROKEN, ""),
        ("function f() { while (true) f.x = 1 }", ReplyKind.BROKEN, ""),
        ("function f( {", ReplyKind.BROKEN, ""),
    ],
)
def test_javascript_calls_that_give_no_value(polyglot: Polyglot, source: str, kind: ReplyKind, error: str) -> None:
    reply = polyglot.calls(source, Call("f"))[0]
    assert (reply.kind, reply.error) == (kind, error)


FORGED = """
for (const kind of [Array, Map, Set, String, Object, Number, RegExp, Buffer, Promise])
  for (const name of Object.getOwnPropertyNames(kind.prototype))
    if (name !== 'constructor') try { kind.prototype[name] = () => 3 } catch {}
JSON.stringify = JSON.parse = Reflect.ownKeys = Reflect.apply = Array.isArray = () => 3
Object.prototype.toJSON = () => 3
require('fs').writeSync = require('fs').readSync = () => { throw 1 }
function add(a, b) { return { a: [a, b] } }
"""


def test_javascript_that_forges_everything_still_only_states_its_value(polyglot: Polyglot) -> None:
    replies = polyglot.calls(FORGED, Call("add", [1, "x"]), Call("add", [2, {"k": [1]}]))
    assert [reply.value for reply in replies] == [{"a": [1, "x"]}, {"a": [2, {"k": [1]}]}]


def test_python_tester_calls_a_javascript_solution(polyglot: Polyglot) -> None:
    polyglot.need("javascript")
    solution = Program("function add(a, b) { return a + b }", Mode.CALLS, "javascript")
    _, tests = polyglot.sandbox.run_pair(
        solution, make_tester([Case("assert add(1, 2) == 3"), Case("assert add(1, 2) == 4")])
    )
    assert [one.status for one in read_report(tests.channel, 2)] == [CaseStatus.PASSED, CaseStatus.FAILED]
