"""Expressions of an answer: sums, products with and without signs, powers, roots, functions, units after a value.

Words after a value are its unit and are dropped; words of magnitude and percent count. Degrees are a unit except inside
a trigonometric function, where they are radians times 180/π.
"""

from fractions import Fraction

from reward_server.math import literals
from reward_server.math.cursor import Cursor
from reward_server.math.nodes import (
    Call,
    Constant,
    Node,
    Number,
    Percent,
    Power,
    Product,
    Sum,
    Symbol,
    inverted,
    negated,
)
from reward_server.math.tokens import FUNCTIONS, Unreadable

_ANGLE_FUNCTIONS = frozenset("sin cos tan cot sec csc".split())
_INVERSE = {name: f"arc{name}" for name in _ANGLE_FUNCTIONS}
_UNKNOWN_FUNCTIONS = frozenset("fghFGH")
_GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau upsilon "
    "phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell".split()
)
_CONSTANTS = {"pi": "pi", "infty": "inf", "infinity": "inf"}
_DECORATED = frozenset("mathbb mathcal mathfrak overline bar vec hat widehat overrightarrow tilde boldsymbol bm".split())
_FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac"})
_FENCES = {"lfloor": ("rfloor", "floor"), "lceil": ("rceil", "ceil"), "lvert": ("rvert", "abs")}
_MAGNITUDES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_PERCENT = frozenset({"percent", "percentage", "pct", "per cent"})
_NOT_UNITS = frozenset("if when where for otherwise such that but not is are no none with unless except".split())
_ENDS = frozenset(", ; ) ] } & : = == < > <= >= !=".split())
_ENDING_COMMANDS = frozenset("} \\ le ge leq geq ne neq lt gt approx in cup".split())


class ExpressionParser(Cursor):
    """What stands between separators and relations."""

    def bracketed(self) -> Node:
        raise NotImplementedError

    def matrix(self, name: str) -> Node:
        raise NotImplementedError

    def expression(self) -> Node:
        """A sum of terms."""
        terms = [self._term(leading=True)]
        while (sign := self._sign()) is not None:
            term = self._term(leading=False)
            terms.append(term if sign > 0 else negated(term))
        return terms[0] if len(terms) == 1 else Sum(tuple(terms))

    def _sign(self) -> int | None:
        """The sign at the cursor, taken; ± and ∓ follow the reading of the moment."""
        if self.accept("sign", "+"):
            return 1
        if self.accept("sign", "-"):
            return -1
        for name, factor in (("pm", 1), ("mp", -1)):
            if self.accept("command", name):
                self.sign_seen = True
                return self.sign * factor
        return None

    def _term(self, *, leading: bool) -> Node:
        sign = 1
        while leading and (found := self._sign()) is not None:
            sign *= found
        factors = [self._unary_power()]
        while True:
            token = self.peek()
            if self.accept("sign", "*") or self.accept("command", "cdot", "times", "ast"):
                factors.append(self._unary_power())
            elif self.accept("sign", "/") or self.accept("command", "div"):
                if self.peek().kind == "word":
                    self._unit()
                    break
                factors.append(inverted(self._unary_power()))
            elif token.kind == "word" and token.text not in {"and", "or"}:
                factors[-1] = self._unit_after(factors[-1])
                break
            elif self._starts_factor():
                factors.append(self._power())
            else:
                break
        node = factors[0] if len(factors) == 1 else Product(tuple(factors))
        return node if sign > 0 else negated(node)

    def _starts_factor(self) -> bool:
        """Whether the next token begins a factor that multiplies what came before without a sign."""
        token, before = self.peek(), self.tokens[self.index - 1]
        if token.kind == "letter":
            return True
        if token.kind == "number":
            return before.kind != "number" and (before.kind != "letter" or token.spaced)
        if token.kind == "command":
            return token.text not in _ENDING_COMMANDS and (self._is_operand(token.text) or token.text == "{")
        return token.kind == "sign" and (token.text in {"(", "[", "{"} or (token.text == "|" and self.bars == 0))

    def _is_operand(self, name: str) -> bool:
        known = name in FUNCTIONS or name in _GREEK or name in _CONSTANTS or name in _DECORATED or name in _FRACTIONS
        return known or name in _FENCES or name in {"binom", "dbinom", "tbinom"}

    def _unary_power(self) -> Node:
        sign = self._sign()
        node = self._power()
        return negated(node) if sign == -1 else node

    def _power(self) -> Node:
        """A primary with what is written behind it: exponent, factorial, percent, degree."""
        node = self._primary()
        while True:
            if self.accept("sign", "^", "**"):
                node = self._raised(node)
            elif self.accept("sign", "!"):
                node = Call("factorial", (node,))
            elif self.accept("sign", "%") or self.accept("command", "%"):
                node = Percent(node)
            elif self.accept("command", "degree", "circ"):
                node = self._degrees(node)
            else:
                return node

    def _raised(self, base: Node) -> Node:
        if self.accept("command", "circ", "degree"):
            return self._degrees(base)
        if self.peek().text == "{" and self.peek(1).text in {"circ", "degree"} and self.peek(2).text == "}":
            self.index += 3
            return self._degrees(base)
        if self.accept("command", "prime"):
            return Call("?prime", (base,))
        with self.nested():
            return Power(base, self._unary_power())

    def _degrees(self, node: Node) -> Node:
        if self.angles:
            return Product((node, Constant("pi"), Number(Fraction(1, 180))))
        if self.peek().kind == "letter" and self.peek().text in "CF" and self._ends(1):
            self.index += 1
        return node

    def _primary(self) -> Node:
        token = self.peek()
        if token.kind == "number":
            return literals.number(self)
        if token.kind == "letter":
            return self._name()
        if token.kind == "word":
            return self._words()
        if token.kind == "command":
            return self.bracketed() if token.text == "{" else self._command()
        if token.text in {"(", "[", "{"}:
            return self.bracketed()
        if token.text == "|":
            return self._bars()
        raise Unreadable(f"unexpected {token.text!r}")

    def _bars(self) -> Node:
        self.index += 1
        with self.nested():
            self.bars = 1
            inner = self.expression()
        self.expect("sign", "|")
        return Call("abs", (inner,))

    def _name(self) -> Node:
        """A variable with subscript and primes, a constant, or an unknown function with its arguments."""
        name = self.next().text
        name += self._subscript()
        while self.accept("sign", "'"):
            name += "'"
        if name in {"e", "i"}:
            return Constant(name)
        if name[0] in _UNKNOWN_FUNCTIONS and self.peek().text == "(":
            return Call(f"?{name}", self._arguments())
        return Symbol(name)

    def _subscript(self) -> str:
        if not self.accept("sign", "_"):
            return ""
        return "_" + (self.raw_group() if self.accept("sign", "{") else self.next().text)

    def _words(self) -> Node:
        words = [self.next().text]
        while self.peek().kind == "word" and self.peek().text not in {"and", "or"}:
            words.append(self.next().text)
        if _NOT_UNITS.intersection(" ".join(words).split()) or not self._ends(0):
            raise Unreadable("prose")
        return Symbol(" ".join(words))

    def _command(self) -> Node:
        name = self.next().text
        if name in _CONSTANTS:
            return Constant(_CONSTANTS[name])
        if name in _GREEK:
            return Symbol(name + self._subscript())
        if name in _FRACTIONS:
            numerator = self._argument()
            return Product((numerator, inverted(self._argument())))
        if name in {"binom", "dbinom", "tbinom"}:
            top = self._argument()
            return Call("binom", (top, self._argument()))
        if name in FUNCTIONS:
            return self._function(name)
        if name in _FENCES:
            return self._fenced(*_FENCES[name])
        if name in _DECORATED and self.accept("sign", "{"):
            return Symbol(f"{name} {self.raw_group()}")
        if name in {"emptyset", "varnothing"}:
            return Symbol("emptyset")
        if name.startswith("begin{"):
            return self.matrix(name[6:-1])
        raise Unreadable(f"command {name}")

    def _argument(self) -> Node:
        """An argument in braces, or the single sign that TeX takes."""
        self.split_number()
        if self.accept("sign", "{"):
            with self.nested():
                node = self.expression()
            self.expect("sign", "}")
            return node
        return self._primary()

    def _fenced(self, closing: str, name: str) -> Node:
        with self.nested():
            inner = self.expression()
        self.expect("command", closing)
        return Call(name, (inner,))

    def _function(self, name: str) -> Node:
        if name == "sqrt":
            return self._root()
        base = self._log_base() if name == "log" else None
        exponent = self._function_exponent()
        if exponent == Number(Fraction(-1)) and name in _INVERSE:
            name, exponent = _INVERSE[name], None
        self.angles += name in _ANGLE_FUNCTIONS
        arguments = self._arguments() if self.peek().text in {"(", "{"} else (self._open_argument(),)
        self.angles -= name in _ANGLE_FUNCTIONS
        call = Call(name, arguments if base is None else (*arguments, base))
        return call if exponent is None else Power(call, exponent)

    def _root(self) -> Node:
        index: Node = Number(Fraction(2))
        if self.accept("sign", "["):
            with self.nested():
                index = self.expression()
            self.expect("sign", "]")
        inner = self._primary()
        return Call("root", (inner, index))

    def _log_base(self) -> Node | None:
        return self._argument() if self.accept("sign", "_") else None

    def _function_exponent(self) -> Node | None:
        if not self.accept("sign", "^", "**"):
            return None
        with self.nested():
            return self._unary_power()

    def _arguments(self) -> tuple[Node, ...]:
        """Arguments between brackets."""
        closing = {"(": ")", "{": "}"}.get(self.next().text, "")
        with self.nested(listing=True):
            arguments = [self.expression()]
            while self.accept("sign", ","):
                arguments.append(self.expression())
        self.expect("sign", closing)
        return tuple(arguments)

    def _open_argument(self) -> Node:
        """The argument of a function without brackets: factors up to the next function or sign."""
        with self.nested():
            factors = [self._unary_power()]
            while self._starts_factor() and self.peek().text not in FUNCTIONS - {"sqrt"}:
                factors.append(self._power())
        return factors[0] if len(factors) == 1 else Product(tuple(factors))

    def _unit_after(self, node: Node) -> Node:
        """The value with the words behind it: a magnitude multiplies, percent counts, any other unit is dropped."""
        words = self.peek().text
        if words in _PERCENT:
            self.index += 1
            return Percent(node)
        if words.split()[0] in _MAGNITUDES:
            self.index += 1
            node = Product((node, Number(Fraction(10 ** _MAGNITUDES[words.split()[0]]))))
            if not self.peek().kind == "word" or self.peek().text in {"and", "or"}:
                return node
        self._unit()
        return node

    def _unit(self) -> None:
        while self.peek().kind == "word" and self.peek().text not in {"and", "or"}:
            if _NOT_UNITS.intersection(self.next().text.lower().split()):
                raise Unreadable("prose after a value")
        if self.accept("sign", "^"):
            self._argument()
        if self.accept("sign", "/") and self.peek().kind == "word":
            return self._unit()
        if not self._ends(0):
            raise Unreadable("something follows a unit")

    def _ends(self, ahead: int) -> bool:
        token = self.peek(ahead)
        return (
            token.kind == "end"
            or (token.kind == "sign" and token.text in _ENDS)
            or (token.kind == "command" and (token.text in _ENDING_COMMANDS or token.text.startswith("end{")))
            or (token.kind == "word" and token.text in {"and", "or"})
        )
