"""Environment of the notifications service, read once."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from services.runtime.settings import Settings


class NotificationSettings(Settings):
    """DESKSTREAM_MAIL_* name the mail relay; DESKSTREAM_WEBHOOK_SECRET signs what webhooks get."""

    mail_host: str = "127.0.0.1"
    mail_port: int = 2525
    mail_security: Literal["none", "starttls", "tls"] = "none"
    mail_user: str = ""
    mail_password: SecretStr = SecretStr("")
    mail_timeout: float = 10.0
    mail_domain: str = ""
    """Right side of Message-IDs; the sender's domain when empty."""
    webhook_secret: SecretStr = SecretStr("")
    """Shared with the receivers; empty: no webhook is sent."""
    webhook_timeout: float = 10.0
    survey_days: int = 30
    """How long a survey link is good for, days of wall time."""
