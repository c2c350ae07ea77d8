"""Messages by webhook: JSON, signed, with a key by which the receiver drops repeats."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Sequence

import httpx

from services.notifications.model import Delivery, Result

UNSIGNED = "no secret signs webhooks, so none is sent: set DESKSTREAM_WEBHOOK_SECRET, and the same at the receivers"
_TRY_AGAIN = frozenset({408, 409, 425, 429})


class Webhook:
    """lanes.Carrier by HTTP POST. Header X-Deskstream-Signature: `t=<unix seconds>,v1=<HMAC-SHA-256 of "t.body">`.

    Without a secret nothing is sent: a signature by an empty key could be anybody's.
    """

    def __init__(self, secret: str, timeout: float = 10.0) -> None:
        self._secret = secret.encode()
        self._timeout = timeout

    def carry(self, deliveries: Sequence[Delivery]) -> Iterator[Result]:
        if not self._secret:
            for delivery in deliveries:
                yield Result(delivery, UNSIGNED, final=True)
            return
        # No redirects: a receiver must not send our messages elsewhere. No proxies from the environment either.
        with httpx.Client(timeout=self._timeout, follow_redirects=False, trust_env=False) as client:
            away = ""
            for delivery in deliveries:
                if away:
                    yield Result(delivery, away, down=True)
                    continue
                result = self._post(client, delivery)
                away = result.error if result.down else ""
                yield result

    def _post(self, client: httpx.Client, delivery: Delivery) -> Result:
        body = json.dumps(body_of(delivery), ensure_ascii=False).encode()
        at = int(time.time())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "deskstream",
            "Idempotency-Key": delivery.id,
            "X-Deskstream-Signature": f"t={at},v1={signature(self._secret, at, body)}",
        }
        if delivery.traceparent:
            headers["traceparent"] = delivery.traceparent
        try:
            status = client.post(delivery.address, content=body, headers=headers).status_code
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            return Result(delivery, "the address is no http(s) URL; correct it in the profile", final=True)
        except httpx.HTTPError as error:
            return Result(delivery, type(error).__name__, down=True)
        if 200 <= status < 300:
            return Result(delivery)
        final = 300 <= status < 500 and status not in _TRY_AGAIN
        return Result(delivery, f"the receiver answered {status}", final=final, down=status in (502, 503, 504))


def body_of(delivery: Delivery) -> dict[str, str]:
    """What the receiver gets."""
    return {
        "id": delivery.id,
        "number": delivery.number,
        "event": delivery.event,
        "template": delivery.template,
        "language": delivery.language,
        "recipient": delivery.recipient,
        "subject": delivery.subject,
        "text": delivery.text,
        "created_at": delivery.created_at.isoformat(),
    }


def signature(secret: bytes, at: int, body: bytes) -> str:
    """Hexadecimal HMAC-SHA-256 over "<at>.<body>"; receivers compare in constant time and check the age of `at`."""
    return hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
