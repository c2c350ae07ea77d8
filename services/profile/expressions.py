"""A condition written as one text: read by rule-engine, turned into the same tests as everything else.

Words: the facts below; == != in, not in; and, or, not; parentheses; texts in quotes, true, false. Nothing else is
let through to the parser, which also knows patterns, attributes, functions and arithmetic: a rule book must not be able
to run away with time or memory, and each rule must be able to say which of its tests failed (C2).
"""

from __future__ import annotations

import re
from functools import lru_cache

import rule_engine
from rule_engine import ast
from rule_engine.errors import EngineError

from services.profile.condition_tree import All, Node, Not, OneOf, Some, equality, flag

TEXTS = (
    *("type", "neutral_type", "grade", "entry", "channel", "project", "unit", "department", "customer", "language"),
    *("path", "flow", "lead_team", "impact", "urgency", "weekday"),
)
FLAGS = ("in_hours", "major", "external", "backfilled")
LONGEST = 400

_TOKEN = re.compile(r"""\s+|"[^"\\\n]*"|'[^'\\\n]*'|[A-Za-z_]\w*|==|!=|[()\[\],]""", re.ASCII)
_WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
_BEFORE_PARENTHESIS = frozenset({"and", "or", "not", ""})

_CONTEXT = rule_engine.Context(
    type_resolver=rule_engine.type_resolver_from_dict(
        dict.fromkeys(TEXTS, rule_engine.DataType.STRING) | dict.fromkeys(FLAGS, rule_engine.DataType.BOOLEAN)
    )
)


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tests of the text; ValueError with the remedy when it is too long or says what is not allowed."""
    if len(text) > LONGEST:
        raise ValueError(f"the expression has {len(text)} characters; keep to {LONGEST}, or use all, any and not")
    _look_over(text)
    try:
        rule = rule_engine.Rule(text, context=_CONTEXT)
    except EngineError as error:
        told = str(getattr(error, "message", "") or error)[:120]
        raise ValueError(
            f"the expression cannot be read ({told}); write it like: "
            'grade == "P1" and (channel in ["phone", "im"] or not in_hours)'
        ) from None
    return _node(rule.statement.expression)


def _look_over(text: str) -> None:
    """Refuses every sign and word that is not ours before the parser sees it."""
    at, before = 0, ""
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(
                f'"{text[at : at + 12]}" is not allowed in an expression: no patterns, attributes, numbers or '
                "functions; compare facts by ==, !=, in"
            )
        word = token[0]
        if word[0].isalpha() or word[0] == "_":
            if word not in _WORDS and word not in TEXTS and word not in FLAGS:
                raise ValueError(f'there is no fact "{word[:40]}"; use one of: {", ".join((*TEXTS, *FLAGS))}')
        elif word == "(" and before not in _BEFORE_PARENTHESIS and before[-1] != "(":
            raise ValueError(f'"{before[:40]}(" looks like a function; a parenthesis stands around comparisons only')
        elif word == "[" and before != "in":
            raise ValueError('a list stands after "in" only; write: channel in ["phone", "im"]')
        if not word.isspace():
            at, before = token.end(), word
        else:
            at = token.end()


def _node(found: ast.ExpressionBase) -> Node:
    match found:
        case ast.LogicExpression():
            parts = (_node(found.left), _node(found.right))
            return All(parts) if found.type == "and" else Some(parts)
        case ast.UnaryExpression() if found.type == "not":
            return Not(_node(found.right))
        case ast.ComparisonExpression():
            test = _equal(found.left, found.right)
            return test if found.type == "eq" else Not(test)
        case ast.ContainsExpression():
            return _within(found.container, found.member)
        case ast.SymbolExpression() if found.name in FLAGS:
            return flag(found.name, True)
        case _:
            raise ValueError('every part of an expression compares a fact with a text; write: grade == "P1"')


def _equal(left: ast.ExpressionBase, right: ast.ExpressionBase) -> OneOf:
    if isinstance(right, ast.SymbolExpression):
        left, right = right, left
    if isinstance(left, ast.SymbolExpression):
        if left.name in FLAGS and isinstance(right, ast.BooleanExpression):
            return flag(left.name, bool(right.value))
        if left.name in TEXTS and isinstance(right, ast.StringExpression):
            return equality(left.name, (right.value,))
    raise ValueError('a fact is compared with a text, a yes or no with true or false; write: grade == "P1"')


def _within(container: ast.ExpressionBase, member: ast.ExpressionBase) -> OneOf:
    if isinstance(member, ast.SymbolExpression) and member.name in TEXTS and isinstance(container, ast.ArrayExpression):
        values = [item.value for item in container.value if isinstance(item, ast.StringExpression)]
        if values and len(values) == len(container.value):
            return equality(member.name, values)
    raise ValueError('"in" looks for a fact in a list of texts; write: channel in ["phone", "im"]')
