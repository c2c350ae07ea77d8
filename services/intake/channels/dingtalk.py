"""The cryptography of DingTalk's HTTP callbacks, as the provider publishes it.

A callback carries `{"encrypt": base64}`; its signature is the SHA-1 of token, timestamp, nonce and encrypt, sorted and
joined. The text is AES-256-CBC with the key of 43 base64 characters (EncodingAESKey), its first 16 bytes as the vector,
padded to blocks of 32 bytes: 16 random bytes, the length in four bytes (big-endian), the message, the owner (app key or
corp id). Answers are sealed in the same way.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

from services.kernel.errors import Refused

_BLOCK = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted message with its proof."""

    signature: str
    timestamp: str
    nonce: str
    encrypt: str

    def as_answer(self) -> dict[str, str]:
        """The JSON object the provider expects."""
        return {
            "msg_signature": self.signature,
            "timeStamp": self.timestamp,
            "nonce": self.nonce,
            "encrypt": self.encrypt,
        }


class DingTalkCrypto:
    """Opens and seals callbacks of one application. ValueError when the key is not one of 43 characters."""

    def __init__(self, token: str, encoding_aes_key: str, owner: str) -> None:
        if len(encoding_aes_key) != 43:
            raise ValueError(
                "the EncodingAESKey of DingTalk has 43 characters; copy it whole from the developer console"
            )
        key = base64.b64decode(encoding_aes_key + "=")
        self._token = token
        self._owner = owner.encode()
        self._cipher = Cipher(AES256(key), CBC(key[:16]))

    def open(self, sealed: Sealed) -> bytes:
        """The message; Refused (unauthenticated) when signature, padding or owner are wrong. Says not which."""
        proof = self._signature(sealed.timestamp, sealed.nonce, sealed.encrypt)
        if not hmac.compare_digest(proof.encode(), sealed.signature.encode("utf-8", "replace")):
            raise _forged()
        try:
            decryptor = self._cipher.decryptor()
            text = decryptor.update(base64.b64decode(sealed.encrypt)) + decryptor.finalize()
            pad = text[-1]
            if not 1 <= pad <= _BLOCK or text[-pad:] != bytes([pad]) * pad:
                raise _forged()
            text = text[:-pad]
            (length,) = struct.unpack(">I", text[16:20])
        except (ValueError, binascii.Error, struct.error, IndexError):
            raise _forged() from None
        message, owner = text[20 : 20 + length], text[20 + length :]
        if len(message) != length or not hmac.compare_digest(owner, self._owner):
            raise _forged()
        return message

    def seal(self, message: bytes, timestamp: str, nonce: str) -> Sealed:
        """A sealed message; for our answers, and for whoever plays the provider."""
        text = secrets.token_bytes(16) + struct.pack(">I", len(message)) + message + self._owner
        pad = _BLOCK - len(text) % _BLOCK
        encryptor = self._cipher.encryptor()
        encrypted = encryptor.update(text + bytes([pad]) * pad) + encryptor.finalize()
        encrypt = base64.b64encode(encrypted).decode()
        return Sealed(self._signature(timestamp, nonce, encrypt), timestamp, nonce, encrypt)

    def _signature(self, timestamp: str, nonce: str, encrypt: str) -> str:
        joined = "".join(sorted((self._token, timestamp, nonce, encrypt)))
        # The provider's choice of hash, not ours.
        return hashlib.sha1(joined.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _forged() -> Refused:
    return Refused("The callback was not sealed with this application's token and key.", code="unauthenticated")
