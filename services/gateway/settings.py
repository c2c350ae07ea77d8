"""What the HTTP edge reads from the environment."""

from __future__ import annotations

from pydantic import Field

from services.runtime.settings import Settings


class GatewaySettings(Settings):
    """Settings of the gateway process."""

    gateway_bind: str = Field(default="127.0.0.1:8080", pattern=r"^[^:]+:\d{1,5}$")
    max_body: int = 1_048_576
    """Bytes of the largest HTTP body."""
    public_rate: str = "30/minute"
    """How often one address may submit a form, answer a survey or try to sign in."""
    trusted_proxies: str = ""
    """Addresses of proxies whose X-Forwarded-For is believed, comma-separated; empty: none."""
    secure_cookie: bool = False
    """True behind TLS: the sign-in cookie is then sent over TLS only."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.gateway_bind.rpartition(":")
        return host, int(port)
