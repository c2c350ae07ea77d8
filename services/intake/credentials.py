"""Text that looks like a credential does not travel (P4)."""

from __future__ import annotations

import re

HIDDEN = "［已隐去 redacted］"

_NAMED = re.compile(
    r"((?:登录|登陆|账号|开机|系统|数据库|初始)?(?:密码|口令|密钥)|pass(?:word|wd|phrase)?|pwd|secret"
    r"|api[_ -]?key|access[_ -]?token)"
    r"(\s*(?:是|为|[:：=]|is\b)\s*)"
    r"(?!［)([^\s，。；,;]{4,128})",
    re.IGNORECASE,
)
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_BEARER = re.compile(r"\b(Bearer\s+)[A-Za-z0-9._~+/=-]{16,}")
_URL = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:)[^\s/@]{1,128}(?=@)")


def redact(text: str) -> str:
    """The text with passwords, private keys, bearer tokens and passwords in addresses replaced; labels stay."""
    text = _KEY_BLOCK.sub(HIDDEN, text)
    text = _BEARER.sub(lambda found: found[1] + HIDDEN, text)
    text = _URL.sub(lambda found: found[1] + HIDDEN, text)
    return _NAMED.sub(lambda found: found[1] + found[2] + HIDDEN, text)
