"""Environment to one frozen object, read once per process. Names stand in README and in the deploy tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every service reads; a service with more of its own inherits from this."""

    model_config = SettingsConfigDict(env_prefix="DESKSTREAM_", frozen=True, extra="ignore")

    # Both hold passwords: they show in no print.
    amqp_uri: str = Field(
        default="amqp://guest:guest@127.0.0.1:5672/", validation_alias="AMQP_URI", pattern="^amqps?://.", repr=False
    )
    mongodb_uri: str = Field(
        default="mongodb://127.0.0.1:27017/?retryWrites=false",
        validation_alias="MONGODB_URI",
        pattern=r"^mongodb(\+srv)?://.",
        repr=False,
    )
    database_prefix: str = Field(default="deskstream", pattern=r"^[a-z][a-z0-9_]{0,30}$")
    policy_dir: Path = Path("deploy/policy")
    profiles: str = "itss_desk,generic_desk,it_callcentre_levels"
    """Names of the profiles this installation serves, comma-separated."""
    default_profile: str = "itss_desk"
    grpc_bind: str = "127.0.0.1:50051"
    grpc_target: str = "127.0.0.1:50051"
    """Where clients find a service that has no address of its own."""
    intake_target: str = ""
    dispatch_target: str = ""
    sla_target: str = ""
    callbacks_target: str = ""
    notifications_target: str = ""
    reporting_target: str = ""
    directory_target: str = ""
    watch_target: str = ""
    token_public_key: Path = Path(".run/keys/token.pub.jwk")
    token_private_key: Path = Path(".run/keys/token.jwk")
    """Held by directory (people's tokens) and notifications (survey links) only; verifying needs the public one."""
    service_token: Path = Path(".run/keys/service.token")
    clock_file: str = ""
    """File of the movable clock of journeys and demos; empty in production."""
    otlp_endpoint: str = ""
    """OTLP over HTTP, e.g. http://collector:4318; empty: traces and metrics are not exported."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of /metrics, /healthz and /readyz; 0: none."""
    log_level: str = Field(default="INFO", pattern="(?i)^(debug|info|warning|error|critical)$")
    public_url: str = "http://127.0.0.1:8080"
    """Address of the gateway as requesters see it; survey links start with it."""

    def __init__(self, **values: Any) -> None:
        """SystemExit with one sentence, which never quotes a value, when the environment does not fit."""
        try:
            super().__init__(**values)
        except ValidationError as wrong:
            if values:
                raise
            found = "; ".join(f"{_variable(each['loc'])}: {each['msg']}" for each in wrong.errors())
            raise SystemExit(
                f"The environment does not fit ({found}); deploy/README.md lists what may be set."
            ) from None

    @property
    def profile_names(self) -> tuple[str, ...]:
        """The served profiles in order, without blanks."""
        return tuple(name.strip() for name in self.profiles.split(",") if name.strip())

    def target(self, service: str) -> str:
        """gRPC address of a service."""
        return str(getattr(self, f"{service}_target", "") or self.grpc_target)


def _variable(place: tuple[int | str, ...]) -> str:
    name = str(place[0]) if place else "?"
    return name if name.isupper() else f"DESKSTREAM_{name.upper()}"
