"""Words behind a value: a unit is dropped, a word of magnitude multiplies, percent counts, prose is refused."""

from fractions import Fraction

from reward_server.math.cursor import Cursor
from reward_server.math.nodes import Node, Number, Percent, Product, Symbol
from reward_server.math.tokens import Unreadable
from reward_server.math.vocabulary import ENDING_COMMANDS, ENDING_SIGNS, JOINERS, MAGNITUDES, NOT_UNITS, PERCENT


class UnitReader(Cursor):
    """Reads what stands between a value and its end."""

    def unit_after(self, node: Node) -> Node:
        """The value with the words behind it: a magnitude multiplies, percent counts, any other unit is dropped."""
        words = self.peek().text
        if isinstance(node, Symbol):
            raise Unreadable("words after a name")
        if words in PERCENT:
            self.index += 1
            return Percent(node)
        if words.split()[0] in MAGNITUDES:
            self.index += 1
            node = Product((node, Number(Fraction(10 ** MAGNITUDES[words.split()[0]]))))
            if self.peek().kind != "word" or self.peek().text in JOINERS:
                return node
        self.unit()
        return node

    def unit(self) -> None:
        """Takes a unit with its exponent and its denominator; Unreadable when more than that follows."""
        while self.peek().kind == "word" and self.peek().text not in JOINERS:
            if NOT_UNITS.intersection(self.next().text.lower().split()):
                raise Unreadable("prose after a value")
        if self.accept("sign", "^"):
            self._unit_exponent()
        if self.accept("sign", "/") and self.peek().kind == "word":
            return self.unit()
        if not self.ends(0):
            raise Unreadable("something follows a unit")

    def ends(self, ahead: int) -> bool:
        """Whether the token `ahead` of the cursor ends a value."""
        token = self.peek(ahead)
        return (
            token.kind == "end"
            or (token.kind == "sign" and token.text in ENDING_SIGNS)
            or (token.kind == "command" and (token.text in ENDING_COMMANDS or token.text.startswith("end{")))
            or (token.kind == "word" and token.text in JOINERS)
        )

    def _unit_exponent(self) -> None:
        """Takes the exponent of a unit: a whole number, in braces or not."""
        braces = self.accept("sign", "{")
        self.accept("sign", "-")
        if self.next().kind != "number":
            raise Unreadable("exponent of a unit")
        if braces:
            self.expect("sign", "}")
