# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""PromQL cut into tokens: enough to find and replace durations, numbers, matchers and clauses without touching strings."""

import re
from typing import NamedTuple

DURATION = r"(?:[0-9]+(?:ms|[smhdwy]))+"
PATTERN = re.compile(
    rf"""(?P<comment>\#[^\n]*)|(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<duration>{DURATION}\b)
    |(?P<word>[A-Za-z_:][A-Za-z0-9_:]*)|(?P<number>[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<operator>[!=<>]=|=~|!~|[-+*/%^<>=(){{}}\[\],@:])|(?P<space>\s+)""",
    re.VERBOSE,
)
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
SET_OPERATORS = {"and", "or", "unless"}


class Token(NamedTuple):
    kind: str
    text: str


def tokens(expr: str) -> list[Token]:
    """All tokens of an expression, spaces too: joined they are the expression again."""
    found, position = [], 0
    while position < len(expr):
        match = PATTERN.match(expr, position)
        if match is None:
            raise ValueError(f"no PromQL at {expr[position:position + 20]!r}")
        found.append(Token(str(match.lastgroup), match.group()))
        position = match.end()
    return found


def text(parts: list[Token]) -> str:
    return "".join(part.text for part in parts)


def names(expr: str) -> set[str]:
    """The words of an expression: names of series, labels, functions; and the names that a matcher of __name__ lists."""
    found = tokens(expr)
    listed = {name for token in found if token.kind == "string" for name in re.findall(r"\w+", token.text)}
    return {token.text for token in found if token.kind == "word"} | listed


def seconds(duration: str) -> float:
    """The length of `1h30m` in seconds."""
    return sum(int(n) * SECONDS[unit] for n, unit in re.findall(r"([0-9]+)(ms|[smhdwy])", duration))


def closing(parts: list[Token], start: int) -> int:
    """The index of the bracket that closes the one at `start`."""
    depth = 0
    for index in range(start, len(parts)):
        if parts[index].kind == "operator":
            depth += (parts[index].text in "([{") - (parts[index].text in ")]}")
            if depth == 0:
                return index
    raise ValueError(f"a bracket is not closed in {text(parts)!r}")


def clause_end(parts: list[Token], start: int) -> int:
    """Where the clause that begins at `start` ends: the next and, or, unless at its depth, or the end of its bracket."""
    depth = 0
    for index in range(start, len(parts)):
        part = parts[index]
        if part.kind == "operator" and part.text in ("(", "[", "{"):
            depth += 1
        if part.kind == "operator" and part.text in (")", "]", "}"):
            depth -= 1
        if depth < 0 or (depth == 0 and part.kind == "word" and part.text in SET_OPERATORS):
            return index
    return len(parts)
