"""Text of mails whose charset is missing, wrong or only nearly right, as often in Chinese mails (GBK called gb2312)."""

from __future__ import annotations

import email.header
from email.header import Header

from charset_normalizer import from_bytes

_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "cp936": "gb18030", "euc-cn": "gb18030"}
_LIKELY = ["utf-8", "gb18030", "big5", "utf-16"]


def text_of(raw: bytes, declared: str | None) -> str:
    """The text, by the declared charset or a wider one; else UTF-8; else a guess among those seen in Chinese mails."""
    name = (declared or "").strip().strip("\"'").lower().replace("_", "-")
    for candidate in (_WIDER.get(name, name), "utf-8"):
        if candidate and candidate not in ("unknown-8bit", "us-ascii"):
            try:
                return raw.decode(candidate)
            except (LookupError, UnicodeError):
                continue
    guess = from_bytes(raw[: 64 * 1024], cp_isolation=_LIKELY).best()
    # Short texts fool every guesser, and the widest Chinese charset is right far more often than not.
    encoding = guess.encoding if guess is not None and len(raw) > 64 else "gb18030"
    return raw.decode(encoding, "replace")


def header_text(value: str | Header | None) -> str:
    """A header as people read it: encoded words joined before decoding (one character may span two), raw 8-bit too."""
    if value is None:
        return ""
    try:
        parts = email.header.decode_header(value)
    except (email.errors.HeaderParseError, ValueError):
        return " ".join(str(value).split())
    words = []
    for part, charset in parts:
        raw = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        words.append(text_of(raw, charset))
    return " ".join("".join(words).split())
