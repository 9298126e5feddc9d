"""Cleaning of answer text before it is read: signs of other alphabets, spacing, delimiters, separators of thousands.

Nothing here decides an answer; every step keeps its meaning. Each step is one linear pass.
"""

import re
import unicodedata

MAX_WRAPPERS = 8

_FRACTIONS = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_RAISED = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹ⁿ]+")
_LOWERED = re.compile("[₀-₉]+")
_SIGNS = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "‐": "-", "×": r" \times ", "·": r" \cdot ", "⋅": r" \cdot ", "∙": r" \cdot ",
        "÷": " / ", "∕": "/", "⁄": "/", "≤": r" \le ", "⩽": r" \le ", "≥": r" \ge ", "⩾": r" \ge ", "≠": r" \ne ",
        "≈": r" \approx ", "∞": r" \infty ", "π": r" \pi ", "√": r" \sqrt ", "∪": r" \cup ", "∈": r" \in ",
        "∩": r" \cap ", "∖": r" \setminus ", "≡": r" \equiv ", "⟂": r" \perp ", "⊥": r" \perp ", "∥": r" \parallel ",
        "∠": r" \angle ", "△": r" \triangle ", "⟨": r" \langle ", "⟩": r" \rangle ", "∣": r" \mid ", "∨": r" \lor ",
        "∧": r" \land ", "ℝ": r" \mathbb{R}", "ℤ": r" \mathbb{Z}", "∑": r" \sum ", "∏": r" \prod ", "∫": r" \int ",
        "∛": r" \sqrt[3] ",
        "±": r" \pm ", "∓": r" \mp ", "°": r"^\circ ", "º": r"^\circ ", "∅": r" \emptyset ", "θ": r" \theta ",
        "α": r" \alpha ", "β": r" \beta ", "γ": r" \gamma ", "λ": r" \lambda ", "φ": r" \phi ", "′": "'", "’": "'",
        **{sign: r"\frac{" + unicodedata.normalize("NFKC", sign).replace("⁄", "}{") + "}" for sign in _FRACTIONS},
        "“": '"', "”": '"', "。": ". ", "、": ", ", "€": "$", "£": "$", "¥": "$", "￥": "$", "₹": "$", "¢": " cents",
        "\u2009": r"\,", "\u202f": r"\,", "\u00a0": " ",
    }
)  # fmt: skip
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\x00-\x08\x0b-\x1f\x7f]")
_DOUBLE_ESCAPED = re.compile(r"(?<!\\)\\\\(?=[a-zA-Z]{2}|[{}%])")
_ROW_BREAK = re.compile(r"\\begin|&")
_SIZES = re.compile(
    r"\\(?:left|right)(?![A-Za-z])\s*(?:\.(?![0-9]))?"
    r"|\\(?:[bB]igg?[lrm]?|[lL]arge|LARGE|[hH]uge|small|normalsize|displaystyle|textstyle|limits|nolimits|boxed|f(?:rame)?box)(?![A-Za-z])"
)
_GAP = r",\s*\\!\s*|\s?\{\s?(?:,|\\,)\s?\}\s*|\\,|\\;|\\ |~| |'(?!')"
_THOUSANDS = re.compile(rf"(?<![0-9.])[0-9]{{1,3}}(?:(?:{_GAP})[0-9]{{3}})+(?![0-9/])")
_SEPARATOR = re.compile(_GAP)
_DOTS = r"(?:\.\.\.|\\[lc]?dots(?![A-Za-z]))"
_REPEATED = re.compile(
    rf"(?<![0-9.])([0-9]{{1,20}}\.[0-9]{{0,12}}?)(?:([0-9]{{1,12}}?)\2{{2,20}}|([0-9]{{2,12}})\3)\s*{_DOTS}"
)
_IN_BRACKETS = re.compile(r"(-?[0-9]{1,20}\.[0-9]{0,20})\(([0-9]{1,30})\)")
_OVERLINED = re.compile("((?:[0-9][\u0305\u0307])+)")
_LEADING = re.compile(
    r"(?:=|\\approx(?![A-Za-z])|(?:\\text\w*\s*\{\s*)?(?:about|approximately|approx\.?|(?:(?:the\s+)?final\s+)?answer\s*:)"
    r"(?:\s*\}|(?=\s)))\s*(?=\S)",
    re.IGNORECASE,
)
_ABBREVIATED = re.compile(r"(?<= )(sq|cu|approx)\.(?= )")
_NOON = re.compile(r"(?<=[0-9 ])([AaPp])\.\s?[Mm](?![A-Za-z])\.?|(?<=:[0-9]{2} )([AP])M(?![A-Za-z])")
_UNION = re.compile(r"(?<=[)\]])\s*U\s*(?=[(\[])")
_UNIT_IN_BRACKETS = re.compile(r"(?<=[0-9}])\s?\(([a-z]{4,20}|[\u4e00-\u9fff]{1,6})\)\s*$")
_MONEY = re.compile(r"\$|Rs|INR|USD|EUR|GBP")
_COUNTRY = re.compile(
    r"(?<![$\w\\])(?:US|AU?|CA?|HK|NZ|SG?)(?=\\?\$\s?[0-9])|\b(?:Rs\.?|INR|USD|EUR|GBP)\s*(?=[0-9])|\s(?:Rs\.?|INR)$"
)
_CHOICE_MARK = re.compile(r"\\(?:text(?:bf|rm)?|math(?:rm|bf))\s*\{\s*\(([A-Z])\)\s*\}(?=\s*\S)")
_FONTS = re.compile(
    r"\{\\(?:rm|bf|it|tt|sf)(?![A-Za-z])\s*([^{}]*)\}|\\(?:rm|bf|it|tt|sf)(?![A-Za-z])\s*(?:\{([^{}]*)\})?"
)
# A space lost behind a command, as data sets that drop all spaces lose it: \cotx.
_GLUED = re.compile(r"\\(sin|cos|tan|cot|sec|csc|ln|log|pi|theta|cdot(?!s)|times|infty|cup)([a-gi-z])(?![A-Za-z])")
_RATE = re.compile(r"\\[dt]?frac\{\\text\{([^{}]*)\}\}\{\\text\{([^{}]*)\}\}")
_OVER = re.compile(r"\{([^{}]*)\\over(?![A-Za-z])([^{}]*)\}")
# What `_plain_commands` has to do with; most answers have nothing of it.
_RARE = re.compile(
    r"\\\\|\\(?:left|right|[bB]ig|[lL]arge|LARGE|[hH]uge|small|normalsize|displaystyle|textstyle|limits|nolimits|boxed"
    r"|f(?:rame)?box|over(?![a-z])|rm|bf|it|tt|sf|\$|(?:text|math)(?:bf|rm)?\s*\{\s*\()|\{\s*\\text|" + _GLUED.pattern
)
_SPACING = re.compile(
    r"(\\\\)|\\(?:[,;:!> \[\]()]|quad|qquad|(?:enspace|thinspace)(?![A-Za-z])|hspace\{[^{}]{0,20}\})|~"
)
_ROW_GAP = re.compile(r"\\\\\[[^\[\]]{0,12}\]")
_WRAPS = re.compile(r"\\(?:text|math|emph|[mh]box|operatorname|u(?:nder)?line)")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_WRAPPERS = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|normal|up)?|math(?:rm|bf|sf|it|tt)|emph|mbox|hbox|operatorname|underline|uline)"
    r"\s*\{([^{}]*)\}"
)
_OPEN_END = re.compile(r",\s{0,8}\.\.\.\.?\Z")  # a sequence that goes on
_LOOSE_SPACE = re.compile(r"(?<![0-9]) | (?![0-9])")
_WORD = re.compile(r"[A-Za-z]{2,}")
_LONG_WORD = re.compile(r"[A-Za-z]{3,}")
_LOOSE_POINT = re.compile(r"(?<![0-9]),|[.,](?![0-9])|[\"'`;]")


def clean(text: str) -> str:
    """The text with one spelling for each sign, without delimiters, sizes, spacing commands and closing punctuation."""
    if not text.isascii():
        text = _LOWERED.sub(lambda match: f"_{{{match[0]}}}", _RAISED.sub(lambda match: f"^{{{match[0]}}}", text))
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text.translate(_SIGNS)))
        text = _OVERLINED.sub(lambda match: rf"\overline{{{match[1][::2]}}}", text.translate(_SIGNS))
    if not text.isprintable():
        text = _INVISIBLE.sub("", text)
    text = _with_repeating_digits(strip_emphasis(text))
    if "\\" in text and _RARE.search(text):
        text = _plain_commands(text)
    text = _THOUSANDS.sub(lambda match: _SEPARATOR.sub("", match[0]), text)
    if _MONEY.search(text):
        text = _COUNTRY.sub("", text).replace(r"\$", " ").replace("$", " ")
    if "\\" in text or "~" in text:
        text = _SPACING.sub(_row_break_or_space, text)
    if "." in text or ":" in text:
        text = _ABBREVIATED.sub(r"\1", text).replace("{:}", ":")
        text = _NOON.sub(lambda match: f"{(match[1] or match[2]).lower()}m", text)
    text = text.strip()
    if leading := _LEADING.match(text):
        text = text[leading.end() :]
    if "U" in text:
        text = _UNION.sub(r"\\cup", text)
    if text.endswith(")") and (unit := _UNIT_IN_BRACKETS.search(text)):
        text = f"{text[: unit.start()]} {unit[1]}"
    return unwrapped(_strip_end(text))


def _row_break_or_space(match: re.Match[str]) -> str:
    return match[1] or " "


def _plain_commands(text: str) -> str:
    """Sizes dropped, fonts as text, `{a \\over b}` as a fraction, backslashes that were escaped twice."""
    if _ROW_BREAK.search(text) is None:  # outside matrices, two backslashes before a command are one
        text = _DOUBLE_ESCAPED.sub(r"\\", text)
    text = _SIZES.sub(" ", _ROW_GAP.sub(r"\\\\ ", text))
    text = _RATE.sub(r"\\text{\1/\2}", text.replace(r"{\$}", r"\$"))
    text = _GLUED.sub(r"\\\1 \2", text)
    text = _OVER.sub(r"\\frac{\1}{\2}", text)
    text = _FONTS.sub(lambda match: rf"\text{{{match[1] or match[2]}}}" if match[1] or match[2] else "", text)
    return _CHOICE_MARK.sub(r"(\1) ", text)


def _with_repeating_digits(text: str) -> str:
    """`0.333...` and `0.(3)` with the period overlined."""
    if "dots" in text or "..." in text:
        text = _REPEATED.sub(lambda match: rf"{match[1]}\overline{{{match[2] or match[3]}}}", text)
    if text.endswith(")") and (match := _IN_BRACKETS.fullmatch(text)):
        return rf"{match[1]}\overline{{{match[2]}}}"
    return text


def _strip_end(text: str) -> str:
    text = _OPEN_END.sub(r", \\ldots", text.strip())
    while text and (text[-1] in ".,;:" or (text[-1] == "\\" and not text.endswith("\\\\"))):
        text = text[:-1].rstrip()
    return text.removesuffix(r"\\").strip()


def strip_emphasis(text: str) -> str:
    """The text without markdown emphasis, code marks or quotes around the whole of it."""
    text = text.strip()
    if text[:1] not in {"*", "_", "`", '"'}:
        return text
    for mark in ("**", "__", "```", "`", "*", "_", '"'):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.rstrip(".").endswith(mark):
            text = text.rstrip(".")[len(mark) : -len(mark)].strip()
    return text


def unwrapped(text: str) -> str:
    """What a text command, or a group, around the whole answer holds."""
    for _ in range(MAX_WRAPPERS):
        if match := _WRAPPERS.fullmatch(text):
            text = _strip_end(match[1])
        elif text[:1] == "{" and "," not in text and _group_end(text) == len(text) - 1:  # with commas, a set
            text = _strip_end(text[1:-1])
        else:
            break
    return text


def _group_end(text: str) -> int:
    """Where the group that the text starts with ends; -1 where it does not."""
    depth = 0
    for match in _BRACE.finditer(text):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.start()
    return -1


def text_key(cleaned: str, *, words: bool) -> str:
    """What two answers must share to be the same text: no markup, no loose spaces; words without case."""
    key = cleaned
    if "\\" in key:
        key = _WRAPPERS.sub(r" \1 ", key) if _WRAPS.search(key) else key
        key = key.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    key = _LOOSE_POINT.sub(" ", key) if words else key
    key = " ".join(key.split())
    if " " in key:
        key = _LOOSE_SPACE.sub("", key)
    if len(key) == 3 and key[0] == "(" and key[2] == ")":
        key = key[1]
    return key.casefold() if "\\" not in key and (_LONG_WORD.search(key) or key.lower() == "no") else key


def is_words(cleaned: str) -> bool:
    """Whether the text holds words and no mathematical markup apart from text commands."""
    if "\\" in cleaned and not _WRAPS.search(cleaned):
        return False
    plain = _WRAPPERS.sub(r" \1 ", cleaned) if "\\" in cleaned else cleaned
    return bool(_WORD.search(plain)) and not any(sign in plain for sign in "\\^=<>{}+*")
