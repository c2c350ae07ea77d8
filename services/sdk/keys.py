"""Ready idempotency keys: the same message at its source always gets the same one."""

from __future__ import annotations

import hashlib


def source_key(*parts: str | int) -> str:
    """A source_id from what names the message where it comes from.

    >>> source_key("hotline-2", 20261121, "call-77")
    'hotline-2:20261121:call-77'

    Parts that are long or hold unusual characters are hashed, so that the key is short, printable and still the same:

    >>> source_key("forum", "帖子 1")
    'forum:sha256-a64a9f79fda538739156e8a8be7bc0f4'
    """
    if not parts or any(str(part) == "" for part in parts):
        raise ValueError("a key needs at least one part, and none of them empty")
    return ":".join(_plain(str(part)) for part in parts)


def _plain(part: str) -> str:
    if len(part) <= 64 and part.isascii() and all(letter.isalnum() or letter in "-_.@" for letter in part):
        return part
    return "sha256-" + hashlib.sha256(part.encode()).hexdigest()[:32]
