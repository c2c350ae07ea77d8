"""Turns the type checker's errors into sentences with a remedy."""

from __future__ import annotations

from typing import Any


def sentence(error: Any) -> str:
    """One sentence for a pydantic error detail."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "this is missing; add it"
        case "extra_forbidden":
            return "this key is not known here; remove it or correct its spelling"
        case "literal_error":
            return f"{_shown(error)} is not allowed; write one of: {context.get('expected', '')}"
        case "string_pattern_mismatch":
            return f"{_shown(error)} has the wrong form; it must match {context.get('pattern', '')}"
        case "string_type":
            return f"{_shown(error)} must be a text; put it in quotes"
        case "too_short":
            return "the list is empty; give at least one item"
        case "value_error":
            return str(context.get("error", error["msg"]))
        case _:
            return f"{_shown(error)} cannot be used ({error['msg']}); correct the value"


def _shown(error: Any) -> str:
    text = str(error.get("input", ""))
    return f'"{text[:60]}"'
