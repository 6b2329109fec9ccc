"""Which metrics, labels and label values does a PromQL expression speak of?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import promql_parser

GRAFANA: Final = {"$__rate_interval": "1m", "$__range": "6h"}


@dataclass(frozen=True, slots=True)
class Selected:
    """One selector of an expression: its metric, every label said of it, and the values asked for by name."""

    metric: str
    labels: frozenset[str]
    values: dict[str, frozenset[str]] = field(compare=False)


def concrete(expr: str) -> str:
    """Return `expr` with Grafana's own durations replaced, so that Prometheus' grammar accepts it."""
    for variable, value in GRAFANA.items():
        expr = expr.replace(variable, value)
    return expr


def parse(expr: str) -> Any:
    """Return the syntax tree; a ValueError says where it does not parse."""
    return promql_parser.parse(concrete(expr))


def selected(expr: str) -> list[Selected]:
    """Return every selector of `expr`; labels of an enclosing `by (...)` or `on (...)` count as its own."""
    return list(_walk(parse(expr), frozenset()))


def _walk(node: Any, grouped: frozenset[str]) -> Iterator[Selected]:
    match type(node).__name__:
        case "VectorSelector":
            yield _selector(node, grouped)
        case "MatrixSelector":
            yield _selector(node.vector_selector, grouped)
        case "AggregateExpr":
            labels = frozenset(node.modifier.labels) if node.modifier else frozenset()
            yield from _walk(node.expr, grouped | labels)
        case "BinaryExpr":
            matching = node.modifier.matching if node.modifier else None
            labels = frozenset(matching.labels) if matching else frozenset()
            yield from _walk(node.lhs, grouped | labels)
            yield from _walk(node.rhs, grouped | labels)
        case "Call":
            for argument in node.args:
                yield from _walk(argument, grouped)
        case "ParenExpr" | "UnaryExpr" | "SubqueryExpr":
            yield from _walk(node.expr, grouped)
        case "NumberLiteral" | "StringLiteral":
            return
        case other:
            raise NotImplementedError(f"{other} in PromQL")


def _selector(node: Any, grouped: frozenset[str]) -> Selected:
    matchers = node.matchers.matchers
    values = {
        matcher.name: frozenset(matcher.value.split("|"))
        for matcher in matchers
        if not matcher.value.startswith("$") and re.fullmatch(r"[\w|]+", matcher.value)
    }
    return Selected(node.name, grouped | {matcher.name for matcher in matchers}, values)
