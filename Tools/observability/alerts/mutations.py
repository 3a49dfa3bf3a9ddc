# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Ways to break a rule. Each yields a name and the broken copy; a test of the alerts must fail for it."""

import copy
from collections.abc import Iterator

import promql
import rulefiles
from promql import Token
from rulefiles import Rule

Mutation = tuple[str, Rule]
COMPARISONS = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}


def with_expr(rule: Rule, parts: list[Token]) -> Rule:
    return copy.deepcopy(rule) | {"expr": promql.text(parts)}


def replaced(parts: list[Token], start: int, end: int, text: str) -> list[Token]:
    return parts[:start] + [Token("word", text)] + parts[end:]


def aggregations(rule: Rule, parts: list[Token]) -> Iterator[Mutation]:
    for index, part in enumerate(parts):
        other = {"max": "sum", "sum": "max"}.get(part.text)
        if part.kind == "word" and other:
            yield f"{part.text} → {other} at {index}", with_expr(rule, replaced(parts, index, index + 1, other))


def clauses(rule: Rule, parts: list[Token]) -> Iterator[Mutation]:
    """Drops what stands behind and, or, unless: a window, a check of pauses. What stands before an or, too."""
    start = 0
    for index, part in enumerate(parts):
        if part.kind != "word" or part.text not in promql.SET_OPERATORS:
            continue
        end = promql.clause_end(parts, index + 1)
        dropped = promql.text(parts[index:end]).split("\n")
        yield f"without {' '.join(' '.join(dropped).split())[:60]}", with_expr(rule, parts[:index] + parts[end:])
        if part.text == "unless":
            body = promql.text(parts[index + 1:end])
            broken = replaced(parts, index, end, f"and {body.rstrip().removesuffix('> 0')} == 0 ")
            yield "unless → and == 0", with_expr(rule, broken)
        if part.text == "or" and promql.clause_end(parts, start) == index and start == 0:
            yield "without what stands before or", with_expr(rule, parts[index + 1:])
    return


def comparisons(rule: Rule, parts: list[Token]) -> Iterator[Mutation]:
    depth = 0
    for index, part in enumerate(parts):
        depth += (part.text == "{") - (part.text == "}")
        if depth == 0 and part.kind == "operator" and part.text in COMPARISONS:
            flipped = COMPARISONS[part.text]
            yield f"{part.text} → {flipped} at {index}", with_expr(rule, replaced(parts, index, index + 1, flipped))


def numbers(rule: Rule, parts: list[Token]) -> Iterator[Mutation]:
    for index, part in enumerate(parts):
        if part.kind != "number" or float(part.text) == 0:
            continue
        for factor in (0.5, 2):
            new = str(float(part.text) * factor)
            yield f"{part.text} → {new}", with_expr(rule, replaced(parts, index, index + 1, new))


def matchers(rule: Rule, parts: list[Token]) -> Iterator[Mutation]:
    """Drops each label matcher but those that choose the name."""
    for index in range(len(parts) - 2):
        label, operator, value = parts[index:index + 3]
        if label.kind == "word" and operator.text in ("=", "=~", "!=", "!~") and value.kind == "string":
            if label.text != "__name__":
                yield f"without {label.text}{operator.text}{value.text}", with_expr(rule, parts[:index] + parts[index + 3:])


def windows(rule: Rule, parts: list[Token]) -> Iterator[Mutation]:
    """A fifth of each window, and five times it."""
    for index, part in enumerate(parts):
        if part.kind == "duration":
            for factor in (0.2, 5):
                new = f"{int(promql.seconds(part.text) * factor)}s"
                yield f"{part.text} → {new} at {index}", with_expr(rule, replaced(parts, index, index + 1, new))


def patience(rule: Rule) -> Iterator[Mutation]:
    for word in sorted(rulefiles.DURATIONS & rule.keys()):
        yield f"without {word}", {key: value for key, value in copy.deepcopy(rule).items() if key != word}
        yield f"twice the {word}", copy.deepcopy(rule) | {word: f"{int(2 * promql.seconds(rule[word]))}s"}


def all_of(rule: Rule) -> Iterator[Mutation]:
    """Every mutation of a rule that changes its expression or its patience."""
    parts = promql.tokens(rule["expr"].strip())
    for kind in (aggregations, clauses, comparisons, numbers, matchers, windows):
        yield from kind(rule, parts)
    yield from patience(rule)
