"""What the HTTP edge reads from the environment."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from pydantic import Field, field_validator

from services.runtime.settings import Settings


class GatewaySettings(Settings):
    """Settings of the gateway process."""

    gateway_bind: str = Field(default="127.0.0.1:8080", pattern=r"^[^:]+:\d{1,5}$")
    max_body: int = 1_048_576
    """Bytes of the largest HTTP body."""
    public_rate: str = Field(default="30/minute", pattern="^[1-9][0-9]{0,5}/(second|minute|hour|day)$")
    """How often one address may submit a form, answer a survey or try to sign in."""
    trusted_proxies: str = ""
    """Proxies whose X-Forwarded-For is believed: addresses and networks (10.0.0.0/8), comma-separated; empty: none."""
    secure_cookie: bool = False
    """True behind TLS: the sign-in cookie is then sent over TLS only."""

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        _networks_of(text)
        return text

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The trusted networks; an address is a network of one."""
        return _networks_of(self.trusted_proxies)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.gateway_bind.rpartition(":")
        return host, int(port)


def _networks_of(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
