"""Messages of the contracts from JSON that strangers wrote: whatever does not fit is one kind of error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


def read_json(text: bytes, message: M) -> M:
    """Fills the message from JSON text; ValueError with the reason when it does not fit."""
    return _whole(lambda: json_format.Parse(text, message))


def read_mapping(given: dict[str, Any], message: M) -> M:
    """Fills the message from a JSON object read before; ValueError with the reason when it does not fit."""
    return _whole(lambda: json_format.ParseDict(given, message))


def _whole(fill: Callable[[], M]) -> M:
    try:
        return fill()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except SystemError:
        # What the library raises for half a surrogate pair where it looks for a field or an object.
        raise ValueError("it holds half a character (a lone surrogate)") from None
    except (json_format.ParseError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split())[:300] or type(error).__name__) from error
