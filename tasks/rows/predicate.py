"""Which rows a condition selects: `customer_id = 17 and (city in ('Ulm', 'Bonn') or age is null)`.

A small subset of SQL, parsed here and never evaluated as code: columns compared with values by = == != <> < <= > >=,
`in` and `not in` lists, `is null` and `is not null`, combined by `and`, `or`, `not` and brackets. A name that is not a
plain word is written in "double quotes", text in 'single quotes', where '' is a quote. As in SQL, a comparison with a
missing value is neither true nor false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from augmill.policies.errors import PolicyError
from augmill.policies.names import did_you_mean

Value = str | int | float | bool
Literal = tuple[str, Value]
"""The text of a value as it was typed, and the value."""

_TOKEN = re.compile(
    r"""\s*(?: (?P<text>'(?:[^']|'')*') | (?P<name>"(?:[^"]|"")+"|`[^`]+`)
      | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<word>[^\W\d]\w*) | (?P<sign><=|>=|<>|!=|==|[=<>(),]) )""",
    re.VERBOSE,
)
_COMPARE = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_SIGN_ALIASES = {"==": "=", "<>": "!="}
_KEYWORDS = ("and", "or", "not", "in", "is", "null", "true", "false")
MOST_ALTERNATIVES = 1_000
EQUAL, ORDERED = ("=", "!="), ("<", "<=", ">", ">=")
_DEEPEST = 50


@dataclass(frozen=True)
class Test:
    """A comparison of one column with values; `sign` is one of = != < <= > >= and null."""

    column: str
    sign: str
    values: tuple[Literal, ...] = ()


@dataclass(frozen=True)
class Joined:
    """Conditions combined by `and` or `or`, or one condition negated by `not`."""

    word: str
    parts: tuple[Condition, ...]


Condition = Test | Joined


def parse(text: str) -> Condition:
    """Parse a condition. Raises PolicyError with the position of a syntax error."""
    return _Parser(text).whole()


def columns(condition: Condition) -> list[str]:
    """The columns of a condition, each once."""
    if isinstance(condition, Test):
        return [condition.column]
    return list(dict.fromkeys(name for part in condition.parts for name in columns(part)))


def values(condition: Condition) -> list[Literal]:
    """The values that a condition compares with."""
    if isinstance(condition, Test):
        return list(condition.values)
    return [value for part in condition.parts for value in values(part)]


def shape(condition: Condition) -> str:
    """The condition without its values, which may be personal data: `customer_id = ?`."""
    if isinstance(condition, Joined):
        inner = [f"({shape(part)})" if isinstance(part, Joined) else shape(part) for part in condition.parts]
        return f"not {inner[0]}" if condition.word == "not" else f" {condition.word} ".join(inner)
    if condition.sign == "null":
        return f"{condition.column} is null"
    if len(condition.values) > 1:
        return f"{condition.column} in ({len(condition.values)} values)"
    return f"{condition.column} {condition.sign} ?"


def mask(condition: Condition, rows: pa.Table) -> pa.ChunkedArray:
    """Which rows are selected, without nulls; a column that the table lacks is null in every row."""
    return pc.fill_null(_mask(condition, rows), False)


def equalities(condition: Condition) -> list[dict[str, Literal]] | None:
    """The combinations of values that a condition selects, or None if it has other tests than equality."""
    if isinstance(condition, Test):
        return [{condition.column: value} for value in condition.values] if condition.sign == "=" else None
    parts = [equalities(part) for part in condition.parts]
    if condition.word == "not" or any(part is None for part in parts):
        return None
    alternatives = [part for part in parts if part is not None]
    if condition.word == "or":
        return [combination for part in alternatives for combination in part]
    combinations: list[dict[str, Literal]] = []
    for combination in product(*alternatives):
        merged: dict[str, Literal] = {}
        if all(merged.setdefault(name, value) == value for part in combination for name, value in part.items()):
            combinations.append(merged)
        if len(combinations) > MOST_ALTERNATIVES:
            return None
    return combinations


def refuse_unknown(condition: Condition, column_names: Sequence[str]) -> None:
    """Raise PolicyError for a column that is not in `column_names`."""
    absent = [name for name in columns(condition) if name not in column_names]
    if absent:
        raise PolicyError(
            f"there is no column {', '.join(map(repr, absent))}",
            f"{did_you_mean(absent[0], list(column_names))} Columns: {', '.join(column_names)}.",
        )


def refuse_other_kinds(condition: Condition, kinds: Mapping[str, Sequence[pa.DataType]], signs: Sequence[str]) -> None:
    """Raise PolicyError for a value that fits none of the types of its column, if it is compared by these signs."""
    if isinstance(condition, Joined):
        for part in condition.parts:
            refuse_other_kinds(part, kinds, signs)
        return
    column_types = kinds.get(condition.column, ())
    for literal in condition.values if condition.sign in signs and column_types else ():
        if all(scalar_of(literal, kind) is None for kind in column_types):
            type_names = " or ".join(dict.fromkeys(map(str, column_types)))
            raise PolicyError(
                f"column {condition.column!r} holds {type_names} values, and {literal[0]!r} is none",
                "Correct the condition.",
            )


def scalar_of(literal: Literal, kind: pa.DataType) -> pa.Scalar | None:
    """The value as a scalar of this column type; None if the type cannot hold it."""
    typed, value = literal
    if isinstance(value, bool):
        typed = str(value).lower()
    elif _is_number(kind) and not isinstance(value, str):
        typed = str(int(value)) if float(value).is_integer() else str(value)
    # A time without a zone is in UTC, as in the lake.
    for way in ([pa.timestamp("us"), kind], [kind]) if pa.types.is_timestamp(kind) else ([kind],):
        scalar = pa.scalar(typed)
        try:
            for step_type in way:
                scalar = scalar.cast(step_type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        return scalar
    return None


def _mask(condition: Condition, rows: pa.Table) -> pa.ChunkedArray:
    if isinstance(condition, Joined):
        parts = [_mask(part, rows) for part in condition.parts]
        if condition.word == "not":
            return pc.invert(parts[0])
        join = pc.and_kleene if condition.word == "and" else pc.or_kleene
        combined = parts[0]
        for part in parts[1:]:
            combined = join(combined, part)
        return combined
    if condition.column not in rows.column_names:
        nothing = pa.nulls(rows.num_rows, pa.bool_())
        return pa.chunked_array([nothing.fill_null(True) if condition.sign == "null" else nothing])
    column = rows[condition.column]
    if condition.sign == "null":
        return pc.is_null(column)
    combined = _compare(column, condition, condition.values[0])
    for value in condition.values[1:]:
        combined = pc.or_kleene(combined, _compare(column, condition, value))
    return combined


def _compare(column: pa.ChunkedArray, test: Test, literal: Literal) -> pa.ChunkedArray:
    if _is_number(column.type) and isinstance(literal[1], float):
        return _COMPARE[test.sign](column.cast(pa.float64(), safe=False), pa.scalar(literal[1]))
    scalar = scalar_of(literal, column.type)
    if scalar is None:  # no row of this table has such a value
        return pa.chunked_array([pa.nulls(len(column), pa.bool_())])
    return _COMPARE[test.sign](column, scalar)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


class _Parser:
    """A recursive descent parser of one condition."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._split())
        self.at = 0
        self.depth = 0

    def whole(self) -> Condition:
        """The condition, to the end of the text."""
        condition = self._either()
        if self.at < len(self.tokens):
            raise self._fault("and, or, or the end")
        return condition

    def _split(self) -> Iterator[tuple[str, str, int]]:
        at = 0
        while self.text[at:].strip():
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise _syntax_error(self.text, at, "a column, a value or a sign")
            kind = str(match.lastgroup)
            yield kind, match.group(kind), match.start(kind)
            at = match.end()

    def _either(self) -> Condition:
        return self._chain("or", lambda: self._chain("and", self._one))

    def _chain(self, word: str, read: Callable[[], Condition]) -> Condition:
        parts = [read()]
        while self._take(word):
            parts.append(read())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _one(self) -> Condition:
        if self._take("not"):
            return Joined("not", (self._deeper(self._one),))
        if self._take("("):
            inner = self._deeper(self._either)
            self._expect(")")
            return inner
        return self._test(self._column())

    def _deeper(self, read: Callable[[], Condition]) -> Condition:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise PolicyError(
                f"the condition has more than {_DEEPEST} brackets and nots within each other", "Write it more simply."
            )
        inner = read()
        self.depth -= 1
        return inner

    def _test(self, column: str) -> Condition:
        if self._take("is"):
            negated = self._take("not")
            self._expect("null")
            return _negate_if(negated, Test(column, "null"))
        negated = self._take("not")
        if self._take("in"):
            self._expect("(")
            values = [self._value()]
            while self._take(","):
                values.append(self._value())
            self._expect(")")
            return _negate_if(negated, Test(column, "=", tuple(dict.fromkeys(values))))
        kind, sign, _ = self._next("a sign such as =, or in, or is")
        sign = _SIGN_ALIASES.get(sign, sign)
        if negated or kind != "sign" or sign not in _COMPARE:
            self.at -= 1
            raise self._fault("a sign such as =, or in, or is")
        return Test(column, sign, (self._value(),))

    def _column(self) -> str:
        kind, text, _ = self._next("a column")
        if kind == "name":
            return text[1:-1].replace('""', '"')
        if kind == "word" and text.lower() not in _KEYWORDS:
            return text
        self.at -= 1
        raise self._fault("a column")

    def _value(self) -> Literal:
        kind, text, _ = self._next("a value")
        if kind == "text":
            inner = text[1:-1].replace("''", "'")
            return inner, inner
        if kind == "number":
            return text, int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
        if kind == "word" and text.lower() in ("true", "false"):
            return text, text.lower() == "true"
        self.at -= 1
        raise self._fault("a value: a number, 'text', true or false")

    def _take(self, word: str) -> bool:
        may_match = self.at < len(self.tokens) and self.tokens[self.at][0] in ("word", "sign")
        if may_match and self.tokens[self.at][1].lower() == word:
            self.at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._fault(word)

    def _next(self, expected: str) -> tuple[str, str, int]:
        if self.at >= len(self.tokens):
            raise self._fault(expected)
        self.at += 1
        return self.tokens[self.at - 1]

    def _fault(self, expected: str) -> PolicyError:
        at = self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text)
        return _syntax_error(self.text, at, expected)


def _negate_if(negated: bool, test: Test) -> Condition:
    return Joined("not", (test,)) if negated else test


def _syntax_error(text: str, at: int, expected: str) -> PolicyError:
    position = f"at {text[at : at + 20]!r}" if text[at:].strip() else "at its end"
    return PolicyError(
        f"the condition {text!r} cannot be read {position}: {expected} is missing",
        "Write it as in: customer_id = 17 and city in ('Ulm', 'Bonn').",
    )
